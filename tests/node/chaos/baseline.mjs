// Node's socket.io with its streams adapter, in the shape that the audit's clients and publishers expect: `join` and
// `leave`, `connected`, and POST /api/emit. What it loses is what the audit has to find.
//
//   node chaos/baseline.mjs '{"port":4000,"redis":"redis://127.0.0.1:6379"}'

import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { commands, tell } from "./log.mjs";

const options = JSON.parse(process.argv[2]);
const redis = createClient({ url: options.redis });
await redis.connect();

const http = createServer((request, response) => {
  if (request.url !== "/api/emit") return response.writeHead(404).end();
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    const { rooms, event, args } = JSON.parse(body);
    io.to(rooms).emit(event, ...args);
    response.writeHead(202, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ id: request.headers["idempotency-key"] }));
  });
});

const io = new Server(http, {
  adapter: createAdapter(redis, { maxLen: 1_000_000 }),
  connectionStateRecovery: { maxDisconnectionDuration: 300_000, skipMiddlewares: true },
});

io.on("connection", (socket) => {
  // Told after what was missed, as any event of the server's own.
  socket.emit("connected", { recovered: socket.recovered });
  socket.on("join", (room, done) => {
    socket.join(room);
    done({ ok: true });
  });
  socket.on("leave", (room, done) => {
    socket.leave(room);
    done({ ok: true });
  });
});

http.listen(options.port, "127.0.0.1", () => tell("ready"));
commands(() => {});
