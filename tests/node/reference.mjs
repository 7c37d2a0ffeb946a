// The reference: the conformance servers on Node's own engine.io and socket.io.
// Takes the command line of the example `conformance`; see README.md and the tables there.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { attach } from "engine.io";
import { Server } from "socket.io";
import * as msgpack from "socket.io-msgpack-parser";

const { values: options } = parseArgs({
  options: {
    suite: { type: "string" },
    listen: { type: "string", default: "127.0.0.1:0" },
    parser: { type: "string", default: "default" },
  },
});

const quick = { pingInterval: 300, pingTimeout: 200, maxHttpBufferSize: 1_000_000 };
const http = createServer();
const parser = options.parser === "msgpack" ? (msgpack.default ?? msgpack) : undefined;
const io = (more) => new Server(http, { serveClient: false, ...(parser && { parser }), ...more });

const profiles = {
  engine() {
    attach(http, quick).on("connection", (socket) => {
      socket.on("message", (data) => socket.send(data));
    });
  },
  socket() {
    const server = io({ ...quick, connectTimeout: 1000 });
    echoNamespace(server.of("/"));
    server.of("/custom").on("connection", (socket) => {
      socket.emit("auth", socket.handshake.auth);
    });
  },
  client: clientProfile,
  "engine-client": engineClientProfile,
  own: ownProfile,
};

const profile = profiles[options.suite];
if (!profile) {
  console.error(`--suite: one of ${Object.keys(profiles).join(", ")}`);
  process.exit(2);
}
profile();
const [host, port] = options.listen.split(":");
http.listen(Number(port), host, () => {
  console.log(`listening on ${host}:${http.address().port}`);
});

function echoNamespace(namespace) {
  namespace.on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
  });
}

function ownProfile() {
  const server = io({ pingInterval: 1000, pingTimeout: 2000 });
  echoNamespace(server.of("/"));
  const test = server.of("/test");
  test.on("connection", (socket) => ownHandlers(test, socket));
  server.of("/refuse").use((socket, next) => {
    if (socket.handshake.auth.pass === true) return next();
    next(Object.assign(new Error("refused"), { data: { code: 7 } }));
  });
  server.of(/^\/dynamic-\d+$/).on("connection", (socket) => {
    socket.emit("welcome", socket.nsp.name);
  });
}

function ownHandlers(test, socket) {
  const named = ({ id, rooms }) => [...rooms].filter((room) => room !== id).sort();
  const select = (rooms) => (rooms.length ? test.in(rooms) : test);

  socket.on("disconnect", (reason) => test.to("watch").emit("left", socket.id, reason));
  socket.on("handshake", (cb) => {
    const { auth, query, secure, xdomain } = socket.handshake;
    cb({ auth, query, secure, xdomain });
  });
  socket.on("echo", (...args) => {
    if (typeof args.at(-1) === "function") args.pop()(...args);
    else socket.emit("echo", ...args);
  });
  socket.on("join", (rooms, cb) => {
    socket.join(rooms);
    cb();
  });
  socket.on("leave", (room, cb) => {
    socket.leave(room);
    cb();
  });
  socket.on("rooms", (cb) => cb(named(socket)));
  socket.on("emit-to", ({ self, rooms = [], except = [], volatile, event, args = [] }, cb) => {
    let target = self ? test.except(except) : socket.broadcast.except(except);
    if (rooms.length) target = target.to(rooms);
    if (volatile) target = target.volatile;
    target.emit(event, ...args);
    cb();
  });
  socket.on("ask", ({ event, args = [], timeout }, cb) => {
    socket.timeout(timeout).emit(event, ...args, (error, ...answers) => {
      cb(error ? "timeout" : null, error ? [] : answers);
    });
  });
  socket.on("ask-all", ({ rooms = [], event, args = [], timeout }, cb) => {
    select(rooms).timeout(timeout).emit(event, ...args, (error, answers) => {
      cb(error ? "timeout" : null, answers);
    });
  });
  socket.on("fetch", async (rooms, cb) => {
    const found = await select(rooms).fetchSockets();
    const list = found.map((remote) => ({ id: remote.id, rooms: named(remote) }));
    cb(list.sort((a, b) => (a.id < b.id ? -1 : 1)));
  });
  socket.on("move", ({ rooms, join = [], leave = [] }, cb) => {
    select(rooms).socketsJoin(join);
    select(rooms).socketsLeave(leave);
    cb();
  });
  socket.on("kick", ({ rooms, close }, cb) => {
    cb();
    select(rooms).disconnectSockets(close);
  });
  socket.on("burst", ({ event, count, size }) => {
    for (let i = 0; i < count; i++) socket.emit(event, i, "x".repeat(size));
  });
  socket.on("bytes", (n, cb) => cb(Buffer.from(Array.from({ length: n }, (_, i) => i % 256))));
  socket.on("disconnect-me", (close) => socket.disconnect(close));
  socket.on("close-transport", () => socket.conn.close());
}

function clientProfile() {
  const server = io({
    pingInterval: 2000,
    connectionStateRecovery: {},
    // Late enough for a client timeout of 0 to come first.
    allowRequest: (_, decide) => setTimeout(() => decide(null, true), 10),
  });
  for (const name of ["/timeout_socket", "/valid", "/asd"]) server.of(name);
  server.of("/no").use((_, next) => next(new Error("Auth failed (custom namespace)")));
  server.of("/abc").on("connection", (socket) => socket.emit("handshake", socket.handshake));
  server.of("/foo").on("connection", (socket) => socket.on("getId", (cb) => cb(socket.id)));
  server.use((socket, next) => {
    const refused = socket.handshake.query.fail;
    next(refused ? new Error("Auth failed (main namespace)") : undefined);
  });
  server.on("connection", clientHandlers);
}

function clientHandlers(socket) {
  const reply = (event, ...args) => () => socket.emit(event, ...args);
  const bytes = Buffer.from("asdfasdf");
  const isMixed = (value) =>
    value.hello === "lol" && Buffer.isBuffer(value.message) && value.goodbye === "gotcha";
  // A reply that is due only when these events came before, in order, with such values.
  const inOrder = (answer, ...steps) => {
    let reached = 0;
    steps.forEach(([event, holds], index) => {
      socket.on(event, (value) => {
        if (reached === index && holds(value)) reached += 1;
        if (reached === steps.length) socket.emit(answer);
      });
    });
  };

  socket.on("hi", reply("hi"));
  socket.on("echo", (value, cb) => cb(value));
  socket.on("ack", () => {
    socket.emit("ack", (a, b) => a === 5 && b.test && socket.emit("got it"));
  });
  socket.on("getAckDate", (_, cb) => cb(new Date()));
  socket.on("getDate", () => socket.emit("takeDate", new Date()));
  socket.on("getDateObj", () => socket.emit("takeDateObj", { date: new Date() }));
  socket.on("getUtf8", () => {
    const last = "utf8 — string";
    for (const text of ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", last, last]) {
      socket.emit("takeUtf8", text);
    }
  });
  socket.on("false", reply("false", false));
  socket.on("doge", reply("doge", bytes));
  socket.on("getbin", reply("takebin", bytes));
  socket.on("buffa", (value) => Buffer.isBuffer(value) && socket.emit("buffack"));
  socket.on("blob", (value) => Buffer.isBuffer(value) && socket.emit("back"));
  socket.on("jsonbuff", (value) => isMixed(value) && socket.emit("jsonbuff-ack"));
  socket.on("jsonblob", (value) => isMixed(value) && socket.emit("jsonblob-ack"));
  const isSecond = (value) => value === "second";
  inOrder("abuff2-ack", ["abuff1", Buffer.isBuffer], ["abuff2", () => true]);
  const blobs = [["blob1", Buffer.isBuffer], ["blob2", isSecond], ["blob3", Buffer.isBuffer]];
  inOrder("blob3-ack", ...blobs);
  socket.on("getHandshake", (cb) => cb(socket.handshake));
  socket.on("getId", (cb) => cb(socket.id));
}

function engineClientProfile() {
  const engine = attach(http, {
    pingInterval: 500,
    maxHttpBufferSize: 100,
    allowRequest: (request, decide) => {
      const denied = new URL(request.url, "http://localhost").searchParams.has("deny");
      decide(null, !denied);
    },
  });
  const answers = {
    "give binary": () => Buffer.from([0, 1, 2, 3, 4]),
    "give utf8": () => "пойду спать всем спокойной ночи",
    sendHeaders: (socket) => JSON.stringify(socket.transport.dataReq?.headers),
  };
  engine.on("connection", (socket) => {
    socket.send("hi");
    socket.on("message", (data) => socket.send(answers[data]?.(socket) ?? data));
  });
  engine.on("initial_headers", (headers) => {
    headers["set-cookie"] = [
      "1=1; Max-Age=86400",
      "2=2; Path=/; HttpOnly; Secure; SameSite=Strict",
      "3=3; Max-Age=0",
      `4=4; Expires=${new Date().toUTCString()}`,
    ];
  });
}
