// What the tests of the mixed cluster share: clients of each server that write down what they get, commands
// to servers, and waits that end with a reason.

import { afterEach } from "node:test";
import { createClient } from "redis";
import { io } from "socket.io-client";

/** Longer than anything on a loaded machine. */
const LIMIT = 15_000;

/** Names and addresses: `node-a=http://…,node-b=http://…,crier=http://…` */
export const servers = Object.fromEntries(
  process.env.SERVERS.split(",").map((server) => server.split("=")),
);
export const form = process.env.FORM;

let clients = [];
let count = 0;

afterEach(() => {
  for (const client of clients) client.disconnect();
  clients = [];
});

/** A name that no other test uses. */
export const fresh = (text) => `${text}-${process.pid}-${++count}`;

/** A client of a server; `got(event)` is what came. */
export async function client(server, namespace = "/", options = {}) {
  const socket = io(servers[server] + namespace, {
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
    query: { node: server },
    ...options,
  });
  clients.push(socket);
  const log = [];
  socket.onAny((...event) => log.push(event));
  socket.server = server;
  socket.got = (event) => log.filter(([name]) => name === event).map(([, ...args]) => args.filter((a) => typeof a !== "function"));
  await limited(new Promise((resolve, reject) => socket.on("connect", resolve).on("connect_error", reject)), "connect");
  return socket;
}

/** A client of each server. */
export const everywhere = (namespace) =>
  Promise.all(Object.keys(servers).map((server) => client(server, namespace)));

/** Runs a command; `[error, value]`. */
export const raw = (socket, command, given = {}) =>
  limited(new Promise((resolve) => socket.emit("ctl", command, given, (...answer) => resolve(answer))), command);

/** Runs a command that must not fail. */
export async function ctl(socket, command, given) {
  const [error, value] = await raw(socket, command, given);
  if (error) throw new Error(`${command}: ${error}`);
  return value;
}

/** Waits until everyone got something that was sent behind everything else by the same server. */
export async function flush(actor, sockets) {
  const id = fresh("mark");
  await ctl(actor, "emit", { ev: "mark", args: [id] });
  const has = (socket) => socket.got("mark").some(([mark]) => mark === id);
  await until(() => sockets.every(has), `the mark at ${sockets.filter((s) => !has(s)).map((s) => s.server)}`);
}

/** Joins a room, and waits until the server hears of it where rooms have channels of their own. */
export async function join(sockets, room, namespace = "/") {
  for (const socket of sockets) await ctl(socket, "join", { rooms: [room] });
  if (!form.startsWith("sharded-dynamic")) return;
  const channel = `socket.io#${namespace}#${room}#`;
  const homes = new Set(sockets.map((socket) => socket.server)).size;
  await until(async () => (await heard("SHARDNUMSUB", channel)) >= homes, `${homes} at ${channel}`);
}

let redis;

/** The Redis of the cluster, for counts and for messages of one's own. */
export async function database() {
  redis ??= await createClient({ url: process.env.REDIS_URL, RESP: 2 }).connect();
  return redis;
}

/** How many listen to a channel. */
export async function heard(how, channel) {
  const [, count] = await (await database()).sendCommand(["PUBSUB", how, channel]);
  return Number(count);
}

/** Nothing of this file keeps the process alive after this. */
export async function close() {
  await redis?.close();
}

/** Waits for a condition that is on its way. */
export async function until(condition, what) {
  const end = Date.now() + LIMIT;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function limited(promise, what) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer to ${what}`)), LIMIT);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}
