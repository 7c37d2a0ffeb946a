// Missed events with the official client: it recovers by itself, and is told the truth.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expect, fence, fresh, next, put, user } from "./support.mjs";

const room = () => fresh("any");
const emit = (rooms, event, ...args) => expect(202, "POST", "/api/emit", { body: { rooms, event, args } });
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
        me.io.engine.close();
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
        me.io.engine.close();
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
      if (transports.length > 1 && me.io.engine.transport.name !== "websocket") await next(me.io.engine, "upgrade");
      const [back, left] = [next(me, "connected"), next(me, "disconnect")];
      // A close waits for an upgrade under way; until then the former user is there, and is owed it.
      me.io.engine.close();
      await left;
      await emit([here], "secret", 1);
      const [hello] = await back;
      assert.deepEqual([hello.userId, hello.recovered, hello.reason], [other, false, "user-changed"]);
      await fence(me);
      assert.equal(me.log.filter(([event]) => event === "secret").length, 0);
    });
  });
}
