// A Node server of a mixed cluster, with the official adapter: what the profile `mixed` of the example
// `conformance` is, in the reference's words.
//
//   node interop/server.mjs --adapter FORM --redis-url URL --name NAME --listen 127.0.0.1:0

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const { values: cli } = parseArgs({
  options: {
    adapter: { type: "string", default: "classic" },
    "redis-url": { type: "string" },
    name: { type: "string", default: "node" },
    listen: { type: "string", default: "127.0.0.1:0" },
  },
});

const client = async () => {
  const redis = createClient({ url: cli["redis-url"], RESP: 2 });
  redis.on("error", (error) => console.error("redis:", error.message));
  await redis.connect();
  return redis;
};
const [pub, sub] = [await client(), await client()];
const timeouts = { requestsTimeout: 1000 };
const adapter = {
  classic: () => createAdapter(pub, sub, timeouts),
  "classic-specific": () =>
    createAdapter(pub, sub, { ...timeouts, publishOnSpecificResponseChannel: true }),
  "sharded-static": () => createShardedAdapter(pub, sub, { subscriptionMode: "static" }),
  "sharded-dynamic": () => createShardedAdapter(pub, sub, { subscriptionMode: "dynamic" }),
  "sharded-dynamic-private": () =>
    createShardedAdapter(pub, sub, { subscriptionMode: "dynamic-private" }),
}[cli.adapter]();

const http = createServer();
const io = new Server(http, { adapter });

const select = (nsp, { rooms = [], except = [], flags = {} }) => {
  let target = nsp.except(except);
  if (rooms.length > 0) target = target.in(rooms);
  if (flags.local) target = target.local;
  if (flags.volatile) target = target.volatile;
  return target;
};

const commands = {
  join: (socket, { rooms }, done) => {
    socket.join(rooms);
    done(null);
  },
  leave: (socket, { room }, done) => {
    socket.leave(room);
    done(null);
  },
  data: (socket, { data }, done) => {
    socket.data = data;
    done(null);
  },
  rooms: (socket, _, done) => done(null, [...socket.rooms]),
  emit: (socket, a, done) => {
    select(socket.nsp, a).emit(a.ev, ...(a.args ?? []));
    done(null);
  },
  emitAck: (socket, a, done) =>
    select(socket.nsp, a)
      .timeout(a.flags.timeout)
      .emit(a.ev, ...(a.args ?? []), (error, answers) => done(error ? "timeout" : null, answers)),
  fetch: (socket, a, done) =>
    select(socket.nsp, a)
      .fetchSockets()
      .then(
        (found) =>
          done(
            null,
            found.map((s) => ({ id: s.id, rooms: [...s.rooms], data: s.data, q: s.handshake.query.node })),
          ),
        (error) => done(error.message),
      ),
  sjoin: (socket, a, done) => {
    select(socket.nsp, a).socketsJoin(a.target);
    done(null);
  },
  sleave: (socket, a, done) => {
    select(socket.nsp, a).socketsLeave(a.target);
    done(null);
  },
  sdisc: (socket, a, done) => {
    select(socket.nsp, a).disconnectSockets(a.close);
    done(null);
  },
  sse: (socket, { args }, done) => {
    socket.nsp.serverSideEmit("sse", ...args);
    done(null);
  },
  sseAck: (socket, { args }, done) =>
    socket.nsp.serverSideEmit("sse", ...args, (error, answers) =>
      done(error ? "timeout" : null, answers),
    ),
};

for (const name of ["/", "/custom"]) {
  const nsp = io.of(name);
  nsp.on("connection", (socket) => {
    socket.on("ctl", (command, a, done) => commands[command](socket, a ?? {}, done));
  });
  nsp.on("sse", (...args) => {
    const done = typeof args.at(-1) === "function" ? args.pop() : undefined;
    nsp.local.emit("sse-got", cli.name, ...args);
    if (args[0] !== "no-reply") done?.(cli.name);
  });
}

const [host, port] = cli.listen.split(":");
// The adapters subscribe without waiting; an answer on the same connection says that it is done.
await sub.ping();
http.listen(Number(port), host, () => {
  const address = http.address();
  console.log(`listening on ${address.address}:${address.port}`);
});
