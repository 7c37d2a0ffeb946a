// The official emitter publishes into Crier; a Node server on the same Redis is not of one cluster with it.
// The name of a test is a cell of the table that tests/it/interop.rs prints: FEATURE / WHO ACTS.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Emitter } from "@socket.io/redis-emitter";
import { client, close, ctl, database, fresh, heard, servers, until } from "./cluster.mjs";

after(close);

const redis = await database();
const emitter = new Emitter(redis);
const cell = (feature, run) => test(`${feature} / emitter`, { timeout: 60_000 }, run);
const bytes = (value) => [...new Uint8Array(value)];
const crier = (namespace) => client("crier", namespace);

async function flush(sockets, by = emitter) {
  const id = fresh("mark");
  by.emit("mark", id);
  await until(() => sockets.every((s) => s.got("mark").some(([mark]) => mark === id)), "the mark");
}

const join = (socket, room) => ctl(socket, "join", { rooms: [room] });
const rooms = (socket) => ctl(socket, "rooms");

cell("emit to all", async () => {
  const all = [await crier(), await crier()];
  emitter.emit("hello", "text", 1.5, { deep: [null, true] });
  await flush(all);
  for (const socket of all) assert.deepEqual(socket.got("hello"), [["text", 1.5, { deep: [null, true] }]]);
});

cell("emit binary", async () => {
  const socket = await crier();
  emitter.emit("bin", Buffer.from([1, 2]), { in: Buffer.from([3]) });
  await flush([socket]);
  const [[first, second]] = socket.got("bin");
  assert.deepEqual([bytes(first), bytes(second.in)], [[1, 2], [3]]);
});

cell("emit to a room", async () => {
  const [inside, outside, room] = [await crier(), await crier(), fresh("r")];
  await join(inside, room);
  emitter.to(room).emit("in-room", 1);
  await flush([inside, outside]);
  assert.deepEqual([inside.got("in-room"), outside.got("in-room")], [[[1]], []]);
});

cell("emit to several rooms, once each", async () => {
  const [socket, r1, r2] = [await crier(), fresh("r"), fresh("r")];
  await join(socket, r1);
  await join(socket, r2);
  emitter.to([r1, r2]).emit("several");
  await flush([socket]);
  assert.deepEqual(socket.got("several"), [[]]);
});

cell("emit with except", async () => {
  const [a, b, not] = [await crier(), await crier(), fresh("not")];
  await join(b, not);
  emitter.except(not).emit("except");
  await flush([a, b]);
  assert.deepEqual([a.got("except"), b.got("except")], [[[]], []]);
});

cell("emit volatile", async () => {
  const socket = await crier();
  await flush([socket]);
  emitter.volatile.emit("volatile", 1);
  await flush([socket]);
  assert.deepEqual(socket.got("volatile"), [[1]]);
});

cell("emit in another namespace", async () => {
  const [custom, main] = [await crier("/custom"), await crier()];
  emitter.of("/custom").emit("custom");
  await flush([custom], emitter.of("/custom"));
  await flush([main]);
  assert.deepEqual([custom.got("custom"), main.got("custom")], [[[]], []]);
});

cell("socketsJoin", async () => {
  const [a, b, room, x] = [await crier(), await crier(), fresh("r"), fresh("x")];
  await join(a, room);
  emitter.in(room).socketsJoin(x);
  await flush([a, b]);
  assert.deepEqual([(await rooms(a)).includes(x), (await rooms(b)).includes(x)], [true, false]);
});

cell("socketsLeave", async () => {
  const [a, room] = [await crier(), fresh("r")];
  await join(a, room);
  emitter.in(room).socketsLeave(room);
  await flush([a]);
  assert.ok(!(await rooms(a)).includes(room));
});

cell("disconnectSockets", async () => {
  const [a, b, room] = [await crier(), await crier(), fresh("r")];
  await join(a, room);
  emitter.in(room).disconnectSockets(true);
  await until(() => !a.connected, "the disconnect");
  await flush([b]);
  assert.ok(b.connected);
});

cell("serverSideEmit", async () => {
  const socket = await crier();
  emitter.serverSideEmit("sse", "a", 1);
  await until(() => socket.got("sse-got").length > 0, "the call");
  assert.deepEqual(socket.got("sse-got"), [["crier", "a", 1]]);
});

cell("Node neither counts Crier nor waits for it", async () => {
  assert.equal(await heard("NUMSUB", "socket.io-request#/#"), 2, "the two Node servers");
  const [node, ours] = [await client("node-a"), await crier()];
  const found = await ctl(node, "fetch", {});
  assert.deepEqual(found.map((s) => s.id), [node.id]);
  assert.equal((await ctl(node, "sseAck", { args: [1] })).length, Object.keys(servers).length - 2);
  await ctl(node, "emit", { ev: "of-node" });
  await flush([node, ours]);
  assert.deepEqual([node.got("of-node"), ours.got("of-node")], [[[]], []]);
});

cell("foreign bytes harm nobody", async () => {
  const socket = await crier();
  const bad = ["", "{", "null", Buffer.alloc(1 << 20), "\x80\x04\x95pickle", '{"type":2}', '[1,2,3]'];
  for (const payload of bad) {
    for (const channel of ["socket.io#/#", "socket.io#/#room#", "socket.io-request#/#", "socket.io-response#/#"]) {
      await redis.publish(channel, payload);
    }
  }
  emitter.emit("still", "here");
  await flush([socket]);
  assert.deepEqual(socket.got("still"), [["here"]]);
  assert.ok(socket.connected);
});
