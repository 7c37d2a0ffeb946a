// Two replicas of Crier beside a Node server. Each is a server of its own to Node; what Node emits to
// clients is taken by one of them, which would write it into the log of both. They have none in common
// here, so it is seen which one it is.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { client, close, ctl, database, form, fresh, heard, join, until } from "./cluster.mjs";

after(close);

const replicas = ["crier-1", "crier-2"];
const pids = Object.fromEntries(process.env.PIDS.split(",").map((pid) => pid.split("=")));
const sorted = (list) => [...list].sort();

/** Emits on the Node server until a replica has it; whose clients got it. */
async function taker(node, sockets) {
  const event = fresh("who");
  const got = () => sockets.filter((s) => s.got(event).length > 0).map((s) => s.server);
  await until(async () => {
    await ctl(node, "emit", { ev: event });
    return got().length > 0;
  }, "a replica that takes events");
  return got();
}

test("each replica is a server to Node, and none waits for the other", async () => {
  const channel = form === "classic" ? ["NUMSUB", "socket.io-request#/#"] : ["SHARDNUMSUB", "socket.io#/#"];
  assert.equal(await heard(...channel), 3);
  const [node, one, two] = [await client("node-a"), await client("crier-1"), await client("crier-2")];
  const found = await ctl(node, "fetch", {});
  assert.deepEqual(sorted(found.map((s) => s.id)), sorted([node.id, one.id, two.id]));
  // A replica counts the Node server alone: the other replica is asked in Crier's own way.
  const begin = Date.now();
  const seen = await ctl(one, "fetch", {});
  assert.deepEqual(sorted(seen.map((s) => s.id)), sorted([node.id, one.id]));
  assert.deepEqual(await ctl(one, "sseAck", { args: [1] }), ["node-a"]);
  assert.ok(Date.now() - begin < 1000, "nobody was waited for until the timeout");
  assert.deepEqual(sorted(await ctl(node, "sseAck", { args: [1] })), replicas);
});

test("orders and acknowledgements are each replica's own", async () => {
  const [node, room] = [await client("node-a"), fresh("r")];
  const sockets = [await client("crier-1"), await client("crier-2")];
  await join(sockets, room);
  for (const socket of sockets) socket.on("ask", (done) => done(socket.server));
  const answers = await ctl(node, "emitAck", { rooms: [room], ev: "ask", flags: { timeout: 5000 } });
  assert.deepEqual(sorted(answers), replicas);
  await ctl(node, "sjoin", { rooms: [room], target: `${room}-2` });
  await until(async () => {
    const rooms = await Promise.all(sockets.map((socket) => ctl(socket, "rooms")));
    return rooms.every((list) => list.includes(`${room}-2`));
  }, "both in the room");
});

test("what a replica emits comes to Node once, and not back by the other replica", async () => {
  const [node, one, two] = [await client("node-a"), await client("crier-1"), await client("crier-2")];
  for (let i = 0; i < 20; i++) await ctl(one, "emit", { ev: "n", args: [i] });
  const all = Array.from({ length: 20 }, (_, i) => [i]);
  await until(() => node.got("n").length >= 20, "the events");
  await taker(node, [one, two]);
  assert.deepEqual([node.got("n"), one.got("n"), two.got("n")], [all, all, []]);
});

test("one of them takes events, and where it dies the other", async () => {
  const node = await client("node-a");
  const sockets = { "crier-1": await client("crier-1"), "crier-2": await client("crier-2") };
  const [holder, ...others] = await taker(node, Object.values(sockets));
  assert.deepEqual(others, [], "one alone");
  for (let i = 0; i < 50; i++) await ctl(node, "emit", { ev: "n", args: [i] });
  await until(() => sockets[holder].got("n").length === 50, "all events at the holder");
  const heir = replicas.find((name) => name !== holder);
  assert.deepEqual(sockets[heir].got("n"), []);
  const numbers = (await database()).sendCommand(["GET", "{crier}:node:number"]);
  const before = Number(await numbers);
  process.kill(Number(pids[holder]), "SIGKILL");
  assert.deepEqual(await taker(node, [sockets[heir]]), [heir]);
  const after = Number(await (await database()).sendCommand(["GET", "{crier}:node:number"]));
  assert.equal(after, before + 1, "the heir has a number of its own");
});
