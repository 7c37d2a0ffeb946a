// What the tests of the contract need to read as a dialogue: users with tokens, their clients, the
// sidecar, and a fence after which everything that was published before has arrived.
//
// Every name and value is made anew for each run, so nothing can be prepared for them.

import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { appendFileSync } from "node:fs";
import { after, afterEach } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { io } from "socket.io-client";

const need = (name) => process.env[name] ?? assert.fail(`${name} is not set`);
export const url = need("CRIER_URL");
export const rest = need("CRIER_REST");
const secret = need("CRIER_TOKEN_SECRET");
export const apps = need("CRIER_RUN_APPS").split(",");

// Longer than anything on a loaded machine; a test that waits this long has failed.
export const LIMIT = 15_000;

/** A name that nobody has used before. */
export const fresh = (prefix = "x") => `${prefix}-${randomBytes(5).toString("hex")}`;
export const objectId = () => randomBytes(12).toString("hex");
export const amount = () => Math.floor(Math.random() * 100_000) / 100;
export const whole = (max = 1_000) => Math.floor(Math.random() * max);
export const moment = () => new Date(1.7e12 + whole(1e9)).toISOString();
export const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

// Tokens.

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token of these claims, good for an hour unless they say otherwise. */
export function token(claims) {
  const now = Math.floor(Date.now() / 1000);
  const head = encode({ alg: "HS256", typ: "JWT" });
  const body = encode({ iat: now, exp: now + 3600, ...claims });
  const signature = createHmac("sha256", secret).update(`${head}.${body}`).digest("base64url");
  return `${head}.${body}.${signature}`;
}

export const service = () => token({ userId: fresh("backend"), role: "service" });

// Clients.

let open = [];
afterEach(() => {
  for (const client of open) client.disconnect();
  open = [];
});

/** A client that logs every event; `claims` of its user, or null for an anonymous one. */
export function client(claims, { namespace = "/", auth = {}, ...options } = {}) {
  const credentials = claims && { token: typeof claims === "string" ? claims : token(claims) };
  const socket = io(url + namespace, {
    forceNew: true,
    reconnection: false,
    transports: ["websocket"],
    auth: { ...credentials, ...auth },
    ...options,
  });
  socket.log = [];
  socket.onAny((event, ...args) => socket.log.push([event, args]));
  open.push(socket);
  return socket;
}

/** A client that is in; on `/` the first event is `connected`, which is awaited too. */
export async function connected(claims, options = {}) {
  const socket = client(claims, options);
  const hello = (options.namespace ?? "/") === "/" && next(socket, "connected");
  await next(socket, "connect");
  if (hello) [socket.hello] = await hello;
  return socket;
}

/** A user's client; the user is new unless `claims` name one. */
export async function user(claims = {}, options = {}) {
  const whole = { userId: fresh("user"), ...claims };
  const socket = await connected(whole, options);
  socket.userId = whole.userId;
  return socket;
}

/** The arguments of the next `event`; with `fits`, of the next one that fits. */
export function next(emitter, event, fits = () => true, limit = LIMIT) {
  return new Promise((resolve, reject) => {
    const end = (how, value) => {
      clearTimeout(timer);
      emitter.off(event, seen);
      if (event === "connect") emitter.off("connect_error", refused);
      how(value);
    };
    const seen = (...args) => fits(...args) && end(resolve, args);
    const refused = (error) => end(reject, error);
    const timer = setTimeout(() => end(reject, new Error(`no "${event}"`)), limit);
    emitter.on(event, seen);
    if (event === "connect") emitter.on("connect_error", refused);
  });
}

/** Emits and waits for the acknowledgement's one value. */
export const ask = (socket, ...args) => socket.timeout(LIMIT).emitWithAck(...args);

/** The error that a client is refused with. */
export async function refusal(socket) {
  const [error] = await next(socket, "connect_error");
  return { message: error.message, data: error.data };
}

// The sidecar.

/** Calls the sidecar; the answer's status, headers and body. */
export async function call(method, path, { as = service(), body, form, headers = {} } = {}) {
  const init = { method, headers: { ...headers } };
  if (as) init.headers.authorization = `Bearer ${as}`;
  if (form) init.body = form;
  if (body !== undefined) {
    init.headers["content-type"] = "application/json";
    init.body = typeof body === "string" ? body : JSON.stringify(body);
  }
  const response = await fetch(rest + path, init);
  const text = await response.text();
  let json;
  try {
    json = text === "" ? undefined : JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text, json };
}

/** Calls the sidecar and insists on a status. */
export async function expect(status, method, path, options) {
  const answer = await call(method, path, options);
  assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
  return answer.json;
}

/** Publishes an event of the catalogue. */
export const publish = (event, data, more = {}) =>
  expect(202, "POST", `/api/events/${event}`, { body: { data, ...more } });

/** Puts a client into rooms, as a backend does, past every policy. */
export async function put(socket, ...rooms) {
  const body = { in: [socket.id], rooms, namespace: socket.nsp };
  const reached = await expect(202, "POST", "/api/sockets/join", { body });
  assert.equal(reached.matched, 1);
}

/** Waits until everything that was published before has reached these clients. */
export async function fence(...sockets) {
  await Promise.all(
    sockets.map(async (socket) => {
      const mark = fresh("fence");
      const here = next(socket, "fence", (value) => value === mark);
      const body = { namespace: socket.nsp, rooms: [socket.id], event: "fence", args: [mark] };
      await expect(202, "POST", "/api/emit", { body });
      await here;
    }),
  );
}

/** The payloads of `event` that a client has got so far. */
export const got = (socket, event) =>
  socket.log.filter(([name]) => name === event).map(([, args]) => args[0]);

/**
 * Asserts that exactly `receivers` got `event` with exactly this payload, once each, and `others` got
 * nothing of that name. `payload` may be a function that checks what came.
 */
export async function only(event, payload, receivers, others) {
  await fence(...receivers, ...others);
  for (const [index, socket] of receivers.entries()) {
    const seen = got(socket, event);
    assert.equal(seen.length, 1, `receiver ${index} got ${seen.length} of ${event}`);
    if (typeof payload === "function") payload(seen[0]);
    else assert.deepEqual(seen[0], payload);
  }
  for (const [index, socket] of others.entries()) {
    assert.deepEqual(got(socket, event), [], `outsider ${index} got ${event}`);
  }
  for (const socket of [...receivers, ...others]) {
    socket.log = socket.log.filter(([name]) => name !== event);
  }
}

/** Asserts that a client's log, from now, has nothing more of `event` once the fence is passed. */
export async function nothing(event, ...sockets) {
  await fence(...sockets);
  for (const socket of sockets) assert.deepEqual(got(socket, event), []);
}

export const same = isDeepStrictEqual;

// Which events have had their run.

const runs = new Set();

/** Records that a test has shown what this event does: `S` to the server, `C` to the client. */
export const ran = (direction, event, namespace = "/") =>
  runs.add(`${namespace} ${direction} ${event}`);

after(() => {
  const file = process.env.CRIER_RUNS;
  if (file) appendFileSync(file, [...runs].map((line) => `${line}\n`).join(""));
});
