// Missed events with the official client: it recovers by itself, and is told the truth.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expect, fence, fresh, next, put, user } from "./support.mjs";

const room = () => fresh("any");
const emit = (rooms, event, ...args) => expect(202, "POST", "/api/emit", { body: { rooms, event, args } });

/**
 * Loses the connection. Not in the middle of an upgrade: the client waits for its end then, and takes what
 * the last poll brought for an event of the next connection, without noting its offset.
 */
async function drop(socket) {
  const { engine } = socket.io;
  if (engine.transport.name !== socket.io.opts.transports.at(-1)) await next(engine, "upgrade");
  engine.close();
}

const again = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 100 };

for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
  describe(`recovery over ${transports.join(" and ")}`, () => {
    it("brings what was missed, in order, each once", async () => {
      const here = room();
      const me = await user({}, { transports, ...again });
      await put(me, here);
      await emit([here], "n", 0);
      await fence(me);
      const { id } = me;
      for (let round = 0; round < 5; round += 1) {
        const back = next(me, "connected");
        await drop(me);
        for (let n = 1; n <= 10; n += 1) await emit([here], "n", round * 10 + n);
        const [hello] = await back;
        assert.deepEqual([hello.recovered, me.recovered, me.id], [true, true, id]);
      }
      await fence(me);
      const seen = me.log.filter(([event]) => event === "n").map(([, args]) => args[0]);
      assert.deepEqual(seen, Array.from({ length: 51 }, (_, n) => n));
    });

    it("works where nothing was received yet, and after a volatile event", async () => {
      const here = room();
      const me = await user({}, { transports, ...again });
      await put(me, here);
      for (const volatile of [false, true]) {
        if (volatile) {
          await expect(202, "POST", "/api/emit", { body: { rooms: [here], event: "v", args: ["a text"], volatile: true } });
          await fence(me);
        }
        const back = next(me, "connected");
        await drop(me);
        const mark = fresh();
        await emit([here], "kept", mark);
        assert.equal((await back)[0].recovered, true);
        await fence(me);
        assert.equal(me.log.filter(([event, [value]]) => event === "kept" && value === mark).length, 1);
      }
    });

    it("is not done for another user, who hears nothing of it", async () => {
      const { token } = await import("./support.mjs");
      const here = room();
      const me = await user({}, { transports, ...again });
      await put(me, here);
      const other = fresh("other");
      me.auth = { token: token({ userId: other }) };
      const [back, left] = [next(me, "connected"), next(me, "disconnect")];
      await drop(me);
      await left;
      await emit([here], "secret", 1);
      const [hello] = await back;
      assert.deepEqual([hello.userId, hello.recovered, hello.reason], [other, false, "user-changed"]);
      await fence(me);
      assert.equal(me.log.filter(([event]) => event === "secret").length, 0);
    });
  });
}
