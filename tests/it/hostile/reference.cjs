// The reference server with the target's application: shows which rows it fails, and that the raw
// clients speak correctly. Not part of any build.
//
//   npm i socket.io@4.8.4 && HOSTILE_TARGET="node tests/it/hostile/reference.cjs" cargo test -p tests hostile
"use strict";
const http = require("http");
const { Server } = require(process.env.SOCKET_IO || "socket.io");

const set = {};
for (let i = 2; i < process.argv.length; i += 2) {
  const [key, value] = process.argv[i + 1].split("=");
  set[key] = Number(value);
}
const server = http.createServer((req, res) => res.writeHead(404).end());
if (set["http.header_timeout"]) server.headersTimeout = set["http.header_timeout"];
if (set["http.body_timeout"]) server.requestTimeout = set["http.body_timeout"];
server.connectionsCheckingInterval = 200;
const io = new Server(server, {
  pingInterval: set["socket.ping_interval"] ?? 25000,
  pingTimeout: set["socket.ping_timeout"] ?? 20000,
  upgradeTimeout: set["socket.upgrade_timeout"] ?? 10000,
  connectTimeout: set["socket.connect_timeout"] ?? 45000,
});

const stats = { seen: 0, slow: 0, acked: 0, disconnects: 0, reasons: {} };
io.on("connection", (socket) => {
  socket.on("echo", (...args) => args.pop()(...args));
  socket.on("seen", () => stats.seen++);
  socket.on("stats", (ack) => ack(stats));
  socket.on("address", (ack) => ack(socket.handshake.address.replace("::ffff:", "")));
  socket.on("flood", ({ n, size }) => {
    const data = "x".repeat(size);
    for (let i = 0; i < n; i++) socket.emit("flood", data);
  });
  socket.on("flood-ack", ({ n }, ack) => {
    for (let i = 0; i < n; i++) socket.emit("flood-ack", i, () => stats.acked++);
    ack({ sent: n, refused: 0 });
  });
  socket.on("burst-binary", ({ n }) => {
    for (let task = 0; task < 2; task++)
      for (let i = 0; i < n; i++)
        setImmediate(() => socket.emit("bin", task, i, Buffer.from([task, i, 0]), Buffer.from([task, i, 1])));
  });
  socket.on("join", ({ room }, ack) => { socket.join(room); ack?.({ ok: true }); });
  socket.on("leave", ({ room }, ack) => { socket.leave(room); ack?.({ ok: true }); });
  socket.on("rooms", (ack) => ack([...socket.rooms].filter((r) => r !== socket.id)));
  socket.on("broadcast", ({ room, data }) => io.to(room).emit("broadcast", data));
  socket.on("boom", () => setImmediate(() => { throw new Error("boom"); }));
  socket.on("reenter", (ack) => {
    socket.join("reenter"); io.to("reenter").emit("broadcast", 1); socket.leave("reenter"); ack?.(true);
  });
  socket.on("disconnecting", () => { for (const r of socket.rooms) socket.leave(r); });
  socket.on("disconnect", (reason) => { stats.disconnects++; stats.reasons[reason] = (stats.reasons[reason] ?? 0) + 1; });
});
io.of("/deny").use((socket, next) => next(new Error("denied")));
io.of("/slow").use((socket, next) => { stats.slow++; setTimeout(next, 300); });
io.of("/admin-like").on("connection", () => {});

server.listen(0, "127.0.0.1", () => {
  const metrics = http.createServer((req, res) => {
    let sockets = 0, rooms = 0;
    for (const nsp of io._nsps.values()) { sockets += nsp.sockets.size; rooms += nsp.adapter.rooms.size; }
    server.getConnections((_, n) => res.end(
      `crier_panics_total 0\ncrier_sessions ${io.engine.clientsCount}\ncrier_sockets ${sockets}\n` +
      `crier_rooms ${rooms}\ncrier_http_connections ${n}\n`));
  });
  metrics.listen(0, "127.0.0.1", () =>
    console.log(`127.0.0.1:${server.address().port} 127.0.0.1:${metrics.address().port}`));
});
process.stdin.resume().on("end", () => process.exit(0));
process.on("uncaughtException", (e) => { console.error(e); process.exit(1); });
