// Prints what the official adapter and the official emitter publish, a line each:
//   FORM KIND exact|read CHANNEL NAMESPACE HEX     (a space in a channel is shown as %20)
// `exact`: whoever reads it and writes it again gets the same bytes. `read`: the emitter orders its keys in
// another way, or a value has another form once it is JSON.
// Redis is not needed: the packages get clients that only write down.

import { writeFileSync } from "node:fs";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { Server } from "socket.io";
import { decode } from "notepack.io";

const lines = [];

const client = () => ({
  handlers: new Map(),
  published: [],
  on() {},
  off() {},
  listenerCount: () => 2,
  isOpen: true,
  // Looks like the package `redis`, so that counts come by sendCommand.
  pSubscribe(pattern, handler) {
    this.handlers.set(pattern, handler);
  },
  subscribe(channels, handler) {
    for (const channel of [channels].flat()) this.handlers.set(channel, handler);
  },
  sSubscribe(channel, handler) {
    this.handlers.set(channel, handler);
  },
  sUnsubscribe() {},
  pUnsubscribe() {},
  unsubscribe() {},
  sendCommand: async (args) => [args[2], 2],
  publish(channel, payload) {
    this.published.push([channel, Buffer.from(payload)]);
    return Promise.resolve(1);
  },
  sPublish(channel, payload) {
    return this.publish(channel, payload);
  },
});

const values = [
  [],
  ["text", 1, -1, 0, 1.5, true, false, null],
  [127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 2 ** 53, 1e17, -32, -33, -128, -129],
  [-32768, -32769, -2147483648, -2147483649, -1e17, 1e-7, 1.1, 0.1],
  ["é€😀", "x".repeat(31), "x".repeat(32), "y".repeat(255), "z".repeat(256), "w".repeat(65536)],
  [{ a: 1, b: { c: [], d: {} }, ["k".repeat(40)]: [[[["deep"]]]] }],
  [Array.from({ length: 15 }, (_, i) => i), Array.from({ length: 16 }, (_, i) => i)],
  [Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, i]))],
  ["quote\" back\\slash \n \u0001 \u2028", "</script>"],
];
const binary = [Buffer.from([1, 2, 3]), { nested: Buffer.alloc(300, 7) }];

async function form(name, make) {
  const pub = client();
  const sub = client();
  const io = new Server({ adapter: make(pub, sub) });
  const take = (kind, precision = "exact", nsp = "/") => {
    for (const [channel, payload] of pub.published.splice(0)) {
      lines.push([name, kind, precision, channel.replaceAll(" ", "%20"), nsp, payload.toString("hex")].join(" "));
    }
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));

  // Broadcasts.
  for (const args of values) io.emit("event", ...args);
  take("broadcast");
  io.emit("binary", ...binary);
  io.to("room1").emit("binary", Buffer.alloc(70000, 1));
  take("broadcast");
  io.emit("dates", new Date(0), new Date(1798761599123), new Date(-1), [undefined], new Uint8Array([9]));
  take("broadcast", "read");
  io.to("room1").emit("one");
  io.to(["a", "b"]).except("c").emit("several", 1);
  io.to("weird room#*").volatile.emit("volatile");
  io.to("A".repeat(20)).emit("private");
  io.except(["c", "d"]).emit("except");
  take("broadcast");
  io.of("/admin").to("r").emit("elsewhere", { x: 1 });
  take("broadcast", "exact", "/admin");

  // Requests.
  io.in("a").except("b").socketsJoin(["x", "y"]);
  io.socketsLeave("x");
  io.in("a").disconnectSockets(true);
  io.disconnectSockets();
  await settle();
  take("request");
  io.in("a").fetchSockets().catch(() => {});
  await settle();
  await settle();
  take("request");
  io.serverSideEmit("hello", 1, { a: "b" });
  io.serverSideEmit("ack", 2, () => {});
  await settle();
  await settle();
  take("request");
  io.to("a").timeout(10).emit("with-ack", "x", () => {});
  io.to("a").timeout(10).emit("with-ack", Buffer.from([1]), () => {});
  await settle();
  // Classic asks on the request channel, sharded by a broadcast that has a request id.
  take("request");
  if (name === "classic") {
    io.of("/").adapter.allRooms();
    await settle();
    await settle();
    take("request");
  } else {
    io.serverSideEmit("binary", Buffer.from([5]));
    await settle();
    take("request");
  }

  // Answers to what another server asks.
  io.on("ack-me", (cb) => cb({ answer: [1, 2.5] }));
  const fake = { handshake: { headers: { a: "b" }, query: { node: "x" }, issued: 1 }, data: { k: [1] } };
  const socket = { id: "SSSSSSSSSSSSSSSSSSSS", rooms: new Set(["SSSSSSSSSSSSSSSSSSSS", "a"]), ...fake };
  socket.client = { writeToEngine() {} };
  socket.notifyOutgoingListeners = () => {};
  socket.acks = new Map();
  socket.packet = () => {};
  const nsp = io.of("/");
  nsp.sockets.set(socket.id, socket);
  nsp.adapter.addAll(socket.id, socket.rooms);
  const ask = (channel, message) => sub.handlers.get(channel)(Buffer.from(JSON.stringify(message)), channel);
  const answered = async () => {
    await settle();
    await settle();
    const acks = [...socket.acks.values()];
    socket.acks.clear();
    for (const ack of acks) ack({ done: 1 });
    for (const ack of acks.slice(0, 1)) ack(Buffer.from([1, 2]));
    await settle();
    take("response");
  };
  const opts = { rooms: ["a"], except: [], flags: {} };
  if (name === "classic") {
    const channel = "socket.io-request#/#";
    for (const message of [
      { uid: "zzz", requestId: "r1", type: 0, rooms: ["a"] },
      { uid: "zzz", requestId: "r2", type: 1 },
      { uid: "zzz", requestId: "r3", type: 5, opts },
      { uid: "zzz", requestId: "r4", type: 6, data: ["ack-me"] },
      { uid: "zzz", requestId: "r5", type: 7, packet: { type: 2, data: ["x"], nsp: "/" }, opts },
    ]) {
      ask(channel, message);
      await answered();
    }
  } else {
    const channel = "socket.io#/#";
    for (const [type, data] of [
      [7, { requestId: "r3", opts }],
      [9, { requestId: "r4", packet: ["ack-me"] }],
      [3, { requestId: "r5", packet: { type: 2, data: ["x"] }, opts }],
    ]) {
      ask(channel, { type, data, uid: "zzz", nsp: "/" });
      await answered();
    }
  }
}

await form("classic", (pub, sub) => createAdapter(pub, sub));
await form("sharded", (pub, sub) => createShardedAdapter(pub, sub));

const redis = client();
const emitter = new Emitter(redis);
const emitted = (kind, nsp = "/") => {
  for (const [channel, payload] of redis.published.splice(0)) {
    lines.push(["classic", kind, "read", channel, nsp, payload.toString("hex")].join(" "));
  }
};
emitter.emit("plain", 1, { a: [Buffer.from([1])] });
emitter.to("room1").emit("one");
emitter.to(["a", "b"]).except("c").volatile.emit("several");
emitter.to(123).emit("number");
emitted("broadcast");
emitter.of("admin").to("r").emit("elsewhere");
emitted("broadcast", "/admin");
emitter.in("a").socketsJoin("z");
emitter.in("a").except("b").socketsLeave(["y", "z"]);
emitter.disconnectSockets(true);
emitter.serverSideEmit("hello", 1);
emitted("request");

// What this file claims to print must be what the packages read, or the claim is about nothing.
for (const line of lines) {
  const payload = Buffer.from(line.split(" ").at(-1), "hex");
  payload[0] === 0x7b ? JSON.parse(payload.toString()) : decode(payload);
}
// `--short` leaves out what is only long; the copy in protocol/testdata is made so.
const shown = process.argv.includes("--short") ? lines.filter((line) => line.length < 3000) : lines;
writeFileSync(1, shown.map((line) => line + "\n").join(""));
// Timers of requests that nobody answers are still running.
process.exit(0);
