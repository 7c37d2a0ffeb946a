// What the tests in client/ need to read as a dialogue: clients that are gone after their test, and
// events that are awaited, never slept for.

import { afterEach } from "node:test";
import { io } from "socket.io-client";
import * as msgpack from "socket.io-msgpack-parser";

export const url = process.env.CRIER_URL;
export const transports = (process.env.TRANSPORTS ?? "polling,websocket").split(",");
export const isMsgpack = process.env.PARSER === "msgpack";
export const startsPolling = transports[0] === "polling";
export const upgrades = startsPolling && transports.includes("websocket");
export const parser = isMsgpack ? (msgpack.default ?? msgpack) : undefined;

// Longer than anything on a loaded machine; a test that waits this long has failed.
const LIMIT = Number(process.env.LIMIT ?? 10_000);

let clients = [];

afterEach(() => {
  for (const client of clients) client.disconnect();
  clients = [];
});

/** A client of a namespace on a connection of its own, with the transports under test. */
export function open(namespace, options = {}) {
  const client = io(url + namespace, {
    transports,
    forceNew: true,
    reconnection: false,
    ...(parser && { parser }),
    ...options,
  });
  clients.push(client);
  return client;
}

/** Another namespace on the connection of `client`. */
export function also(client, namespace, options) {
  const other = client.io.socket(namespace, options);
  clients.push(other);
  return other;
}

/** A client that is connected (and upgraded, where that is expected). */
export async function connected(namespace = "/test", options = {}) {
  const client = open(namespace, options);
  const upgrade = upgrades && !options.transports && upgraded(client);
  await next(client, "connect");
  await upgrade;
  return client;
}

export async function upgraded(client) {
  const engine = await new Promise((resolve) => {
    if (client.io.engine) return resolve(client.io.engine);
    client.io.once("open", () => resolve(client.io.engine));
  });
  if (engine.transport.name !== "websocket") await next(engine, "upgrade");
}

/** The arguments of the next `event`. A refusal to connect fails the wait, unless it is awaited. */
export function next(emitter, event, limit = LIMIT) {
  return new Promise((resolve, reject) => {
    const settle = (how) => (...args) => {
      clearTimeout(timer);
      emitter.off(event, resolved);
      if (event === "connect") emitter.off("connect_error", rejected);
      how(args);
    };
    const resolved = settle(resolve);
    const rejected = settle(([error]) => reject(error));
    const timer = setTimeout(settle(() => reject(new Error(`no "${event}"`))), limit);
    emitter.on(event, resolved);
    if (event === "connect") emitter.on("connect_error", rejected);
  });
}

/** Collects `event` until `count` arrived: a list of argument lists. */
export function collect(emitter, event, count) {
  const seen = [];
  return new Promise((resolve, reject) => {
    const why = () => reject(new Error(`${seen.length} of ${count} "${event}"`));
    const timer = setTimeout(why, LIMIT);
    emitter.on(event, (...args) => {
      seen.push(args);
      if (seen.length < count) return;
      clearTimeout(timer);
      resolve(seen);
    });
  });
}

/** Everything of `event` from now on; read it after a later event has come, as order is kept. */
export function record(emitter, event) {
  const seen = [];
  emitter.on(event, (...args) => seen.push(args));
  return seen;
}

/** Emits and waits for the one value of the acknowledgement. */
export const ask = (client, ...args) => client.timeout(LIMIT).emitWithAck(...args);

/** Emits and waits for all values of the acknowledgement. */
export function askAll(client, ...args) {
  return new Promise((resolve, reject) => {
    client.timeout(LIMIT).emit(...args, (error, ...values) => {
      if (error) reject(error);
      else resolve(values);
    });
  });
}

/** Binary values as Buffer, whatever kind this parser makes of them. */
export function plain(value) {
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

export const counting = (n) => Buffer.from(Array.from({ length: n }, (_, i) => i % 256));

/** The server's reason for the end of `client`, as a witness in room `watch` hears it. */
export async function reasonSeenByServer(client, end) {
  const witness = await connected();
  await askAll(witness, "join", ["watch"]);
  const { id } = client;
  const reason = new Promise((resolve) => {
    witness.on("left", (who, why) => who === id && resolve(why));
  });
  await end();
  return reason;
}
