// Two Node servers with the official adapter and one Crier on one Redis. Every feature is used once on a
// Node server and once on Crier, with clients on all three. The name of a test is a cell of the table
// that tests/it/interop.rs prints: FEATURE / WHO ACTS.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  client, close, ctl, everywhere, flush, form, fresh, heard, join, raw, servers, until,
} from "./cluster.mjs";

after(close);

const names = Object.keys(servers);
const sorted = (list) => [...list].sort();
const bytes = (value) => [...new Uint8Array(value)];
/** Who of the sockets has it, by their servers. */
const who = (sockets, event) => sockets.filter((s) => s.got(event).length > 0).map((s) => s.server);

for (const actor of ["node-a", "crier"]) {
  const cell = (feature, run) => test(`${feature} / ${actor}`, { timeout: 60_000 }, run);
  const act = async (namespace) => client(actor, namespace);

  cell("emit to all", async () => {
    const [by, all] = [await act(), await everywhere()];
    await ctl(by, "emit", { ev: "hello", args: ["text", 1.5, { deep: [null, true] }, "é😀"] });
    await flush(by, all);
    for (const socket of all) {
      assert.deepEqual(socket.got("hello"), [["text", 1.5, { deep: [null, true] }, "é😀"]], socket.server);
    }
  });

  cell("emit binary", async () => {
    const [by, all, room] = [await act(), await everywhere(), fresh("r")];
    await join(all, room);
    await ctl(by, "emit", { ev: "bin", args: [Buffer.from([1, 2, 3]), { in: [Buffer.alloc(300, 7)] }] });
    await ctl(by, "emit", { ev: "bin-room", rooms: [room], args: [Buffer.from([9])] });
    await flush(by, all);
    for (const socket of all) {
      const [[first, second]] = socket.got("bin");
      assert.deepEqual(bytes(first), [1, 2, 3]);
      assert.deepEqual(bytes(second.in[0]), Array(300).fill(7));
      assert.deepEqual(bytes(socket.got("bin-room")[0][0]), [9]);
    }
  });

  cell("emit to a room", async () => {
    const [by, inside, outside, room] = [await act(), await everywhere(), await everywhere(), fresh("r")];
    await join(inside, room);
    await ctl(by, "emit", { rooms: [room], ev: "in-room", args: [1] });
    await flush(by, [...inside, ...outside]);
    assert.deepEqual(who(inside, "in-room"), names);
    assert.deepEqual(who(outside, "in-room"), []);
  });

  cell("emit to several rooms, once each", async () => {
    const [by, all, r1, r2] = [await act(), await everywhere(), fresh("r"), fresh("r")];
    await join(all, r1);
    await join(all.slice(1), r2);
    await ctl(by, "emit", { rooms: [r1, r2], ev: "several", args: [1] });
    await flush(by, all);
    for (const socket of all) assert.deepEqual(socket.got("several"), [[1]], socket.server);
  });

  cell("emit with except", async () => {
    const [by, all, others] = [await act(), await everywhere(), await everywhere()];
    const [room, not] = [fresh("r"), fresh("not")];
    await join([...all, ...others], room);
    await join(others, not);
    await ctl(by, "emit", { rooms: [room], except: [not], ev: "except" });
    await ctl(by, "emit", { except: [not], ev: "except-all" });
    await flush(by, [...all, ...others]);
    for (const event of ["except", "except-all"]) {
      assert.deepEqual(who(all, event), names);
      assert.deepEqual(who(others, event), []);
    }
  });

  cell("emit locally", async () => {
    const [by, all] = [await act(), await everywhere()];
    await ctl(by, "emit", { flags: { local: true }, ev: "local" });
    await flush(by, all);
    assert.deepEqual(who(all, "local"), [actor]);
  });

  cell("emit volatile", async () => {
    const [by, all, room] = [await act(), await everywhere(), fresh("r")];
    await join(all, room);
    await flush(by, all);
    await ctl(by, "emit", { flags: { volatile: true }, rooms: [room], ev: "volatile", args: [1] });
    await flush(by, all);
    assert.deepEqual(who(all, "volatile"), names);
  });

  cell("emit in another namespace", async () => {
    const [by, custom, main] = [await act("/custom"), await everywhere("/custom"), await everywhere()];
    const room = fresh("r");
    await join(custom, room, "/custom");
    await join(main, room);
    await ctl(by, "emit", { ev: "custom" });
    await ctl(by, "emit", { rooms: [room], ev: "custom-room" });
    await flush(by, custom);
    await flush(await act(), main);
    for (const event of ["custom", "custom-room"]) {
      assert.deepEqual(who(custom, event), names);
      assert.deepEqual(who(main, event), []);
    }
  });

  cell("emit to one socket by its id", async () => {
    const [by, all] = [await act(), await everywhere()];
    for (const socket of all) await ctl(by, "emit", { rooms: [socket.id], ev: "mine", args: [socket.id] });
    await flush(by, all);
    for (const socket of all) assert.deepEqual(socket.got("mine"), [[socket.id]], socket.server);
  });

  cell("a room that was left", async () => {
    const [by, all, room] = [await act(), await everywhere(), fresh("r")];
    await join(all, room);
    for (const socket of all) await ctl(socket, "leave", { room });
    await ctl(by, "emit", { rooms: [room], ev: "left" });
    await flush(by, all);
    assert.deepEqual(who(all, "left"), []);
    if (form.startsWith("sharded-dynamic")) {
      const channel = `socket.io#/#${room}#`;
      await until(async () => (await heard("SHARDNUMSUB", channel)) === 0, `nobody at ${channel}`);
    }
  });

  cell("events in order", async () => {
    const [by, all, room] = [await act(), await everywhere(), fresh("r")];
    await join(all, room);
    for (let i = 0; i < 200; i++) by.emit("ctl", "emit", { rooms: i % 2 ? [room] : [], ev: "n", args: [i] }, () => {});
    await flush(by, all);
    const expected = Array.from({ length: 200 }, (_, i) => [i]);
    for (const socket of all) assert.deepEqual(socket.got("n"), expected, socket.server);
  });

  cell("fetchSockets", async () => {
    const [by, all, room] = [await act(), await everywhere(), fresh("r")];
    await join(all, room);
    for (const socket of all) await ctl(socket, "data", { data: { of: socket.server, n: [1, null] } });
    const found = await ctl(by, "fetch", { rooms: [room] });
    const expected = all.map((socket) => ({
      id: socket.id, rooms: sorted([socket.id, room]), data: { of: socket.server, n: [1, null] }, q: socket.server,
    }));
    const shown = found.map((s) => ({ ...s, rooms: sorted(s.rooms) }));
    const byId = (a, b) => (a.id < b.id ? -1 : 1);
    assert.deepEqual(shown.sort(byId), expected.sort(byId));
    const all3 = await ctl(by, "fetch", {});
    assert.deepEqual(sorted(all3.map((s) => s.id)), sorted([by.id, ...all.map((s) => s.id)]));
    const except = await ctl(by, "fetch", { rooms: [room], except: [all[2].id] });
    assert.deepEqual(sorted(except.map((s) => s.id)), sorted([all[0].id, all[1].id]));
    assert.deepEqual(await ctl(by, "fetch", { rooms: [fresh("nobody")] }), []);
  });

  cell("socketsJoin", async () => {
    const [by, all, others, room] = [await act(), await everywhere(), await everywhere(), fresh("r")];
    const [x, y] = [fresh("x"), fresh("y")];
    await join([...all, ...others], room);
    await join(others, `${room}-not`);
    await ctl(by, "sjoin", { rooms: [room], except: [`${room}-not`], target: [x, y] });
    await until(async () => {
      const rooms = await Promise.all(all.map((socket) => ctl(socket, "rooms")));
      return rooms.every((list) => list.includes(x) && list.includes(y));
    }, "all in both rooms");
    for (const socket of others) assert.ok(!(await ctl(socket, "rooms")).includes(x), socket.server);
    await join([], x);
    const homes = form.startsWith("sharded-dynamic") ? names.length : 0;
    await until(async () => (await heard("SHARDNUMSUB", `socket.io#/#${x}#`)) >= homes, "channels of the room");
    await ctl(by, "emit", { rooms: [x], ev: "joined" });
    await flush(by, [...all, ...others]);
    assert.deepEqual(who(all, "joined"), names);
    assert.deepEqual(who(others, "joined"), []);
  });

  cell("socketsLeave", async () => {
    const [by, all, keep, room] = [await act(), await everywhere(), await everywhere(), fresh("r")];
    await join([...all, ...keep], room);
    await join(all, `${room}-go`);
    await ctl(by, "sleave", { rooms: [`${room}-go`], target: room });
    await until(async () => {
      const rooms = await Promise.all(all.map((socket) => ctl(socket, "rooms")));
      return rooms.every((list) => !list.includes(room));
    }, "all out of the room");
    for (const socket of keep) assert.ok((await ctl(socket, "rooms")).includes(room), socket.server);
  });

  cell("disconnectSockets", async () => {
    const [by, all, keep, room] = [await act(), await everywhere(), await everywhere(), fresh("r")];
    await join(all, room);
    await ctl(by, "sdisc", { rooms: [room], close: false });
    await until(() => all.every((socket) => !socket.connected), "all disconnected");
    await flush(by, keep);
    assert.ok(keep.every((socket) => socket.connected));
  });

  cell("disconnectSockets, whole connections", async () => {
    const [by, all, room] = [await act(), await everywhere(), fresh("r")];
    await join(all, room);
    const closed = all.map((socket) => new Promise((resolve) => socket.io.engine.once("close", resolve)));
    await ctl(by, "sdisc", { rooms: [room], close: true });
    await Promise.all(closed);
  });

  cell("serverSideEmit", async () => {
    const [by, all] = [await act(), await everywhere()];
    await ctl(by, "sse", { args: ["a", { n: 1 }] });
    const others = all.filter((socket) => socket.server !== actor);
    await until(() => others.every((socket) => socket.got("sse-got").length > 0), "all servers called");
    for (const socket of others) assert.deepEqual(socket.got("sse-got"), [[socket.server, "a", { n: 1 }]]);
    await flush(by, all);
    assert.deepEqual(who(all, "sse-got"), names.filter((name) => name !== actor));
  });

  cell("serverSideEmit with ack", async () => {
    const by = await act();
    const answers = await ctl(by, "sseAck", { args: ["x"] });
    assert.deepEqual(sorted(answers), names.filter((name) => name !== actor).sort());
  });

  cell("serverSideEmit, nobody answers", async () => {
    const by = await act();
    const [error] = await raw(by, "sseAck", { args: ["no-reply"] });
    assert.equal(error, "timeout");
  });

  cell("emit with ack", async () => {
    const [by, all, room] = [await act(), await everywhere(), fresh("r")];
    await join(all, room);
    for (const socket of all) socket.on("ask", (x, done) => done({ of: socket.server, x }));
    const answers = await ctl(by, "emitAck", { rooms: [room], ev: "ask", args: [7], flags: { timeout: 5000 } });
    assert.deepEqual(sorted(answers.map((a) => a.of)), sorted(names));
    assert.ok(answers.every((answer) => answer.x === 7));
    const nobody = await ctl(by, "emitAck", { rooms: [fresh("r")], ev: "ask", args: [7], flags: { timeout: 5000 } });
    assert.deepEqual(nobody, []);
  });

  cell("emit with ack, binary both ways", async () => {
    const [by, all, room] = [await act(), await everywhere(), fresh("r")];
    await join(all, room);
    for (const socket of all) socket.on("ask", (x, done) => done(Buffer.from([...bytes(x), 4])));
    const given = { rooms: [room], ev: "ask", args: [Buffer.from([3])], flags: { timeout: 5000 } };
    const answers = await ctl(by, "emitAck", given);
    assert.deepEqual(answers.map(bytes), [[3, 4], [3, 4], [3, 4]]);
  });

  cell("emit with ack, one is silent", async () => {
    const [by, all, room] = [await act(), await everywhere(), fresh("r")];
    await join(all, room);
    for (const silent of names) {
      for (const socket of all) {
        socket.off("ask");
        if (socket.server !== silent) socket.on("ask", (done) => done(socket.server));
      }
      const given = { rooms: [room], ev: "ask", flags: { timeout: 700 } };
      const [error, answers] = await raw(by, "emitAck", given);
      assert.equal(error, "timeout", `${silent} is silent`);
      assert.deepEqual(sorted(answers), names.filter((name) => name !== silent).sort());
    }
  });
}
