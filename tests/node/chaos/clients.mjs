// Many unmodified official clients in one process. They join rooms, change them, and write down what they are told and what
// they receive; nothing is judged here (tests/python/audit.py does).
//
//   node chaos/clients.mjs '{"url":…,"log":…,"tokens":[…],"first":0,"kinds":{"websocket":4,"polling":2,"upgrade":2},
//                            "rooms":["a"],"each":4,"churn":20000,"delay":[100,1000],"pace":50}'
//
// `join` says how a room is joined: "request" = `join-request-room` (rooms are called `request-{id}`), "plain" = the events
// `join` and `leave` of baseline.mjs. Commands on standard input: `cut N` closes N connections from our side, `stop`
// ends the run after `quiet` ms without an event; its end kills us. Answers: `ready`, `up N of M` once a second, `done`.

import { io } from "socket.io-client";
import { commands, open, tell } from "./log.mjs";

const given = JSON.parse(process.argv[2]);
const options = { first: 0, each: 4, churn: 0, delay: [100, 1000], pace: 100, join: "request", quiet: 3000, patience: 60000, ...given };
const log = open(options.log);
let last = Date.now();
let stopping = false;

const JOIN = {
  request: { join: (room) => ["join-request-room", room.slice("request-".length)], leave: (room) => ["leave-request-room", room.slice("request-".length)] },
  plain: { join: (room) => ["join", room], leave: (room) => ["leave", room] },
}[options.join];

const TRANSPORTS = { websocket: ["websocket"], polling: ["polling"], upgrade: ["polling", "websocket"] };

class Member {
  constructor(number, kind) {
    this.name = `c${number}`;
    this.kind = kind;
    /** Rooms that it wants to be in, and those that it has been told it is in. */
    this.wanted = new Set();
    this.joined = new Set();
    this.busy = false;
    this.pings = 0;
    while (this.wanted.size < Math.min(options.each, options.rooms.length)) this.wanted.add(any(options.rooms));
    this.socket = io(options.url, {
      transports: TRANSPORTS[kind],
      forceNew: true,
      reconnectionDelay: options.delay[0],
      reconnectionDelayMax: options.delay[1],
      timeout: 10000,
      auth: { token: options.tokens[number % options.tokens.length] },
    });
    this.listen();
  }

  listen() {
    const { socket } = this;
    socket.io.on("ping", () => (this.pings += 1));
    socket.on("connect", () => {
      log.write(this.name, "up", socket.recovered, socket.io.engine.transport.name);
      if (!socket.recovered) this.joined.clear();
      this.settle();
    });
    socket.on("connected", ({ recovered, reason }) => log.write(this.name, "hello", recovered, reason ?? null));
    socket.on("disconnect", (reason) => log.write(this.name, "down", reason));
    socket.on("connect_error", (error) => {
      // Without `active` the server has said no, and the client does not try again by itself.
      if (socket.active) return;
      log.write(this.name, "refused", error.data?.code ?? error.message);
      setTimeout(() => socket.connect(), 1000);
    });
    socket.on("audit", ({ p, n, crc, room, pad }) => {
      last = Date.now();
      log.write(this.name, "event", p, n, crc, room, pad);
    });
  }

  /** Asks until it is in the rooms that it wants and in no other: an answer may be lost with its connection. */
  async settle() {
    if (this.busy) return;
    this.busy = true;
    while (this.socket.connected) {
      const leave = [...this.joined].find((room) => !this.wanted.has(room));
      const join = [...this.wanted].find((room) => !this.joined.has(room));
      if (leave === undefined && join === undefined) break;
      const [what, done, room] = leave === undefined ? ["join", "joined", join] : ["leave", "left", leave];
      log.write(this.name, what, room);
      const { id } = this.socket;
      try {
        const answer = await this.socket.timeout(5000).emitWithAck(...JOIN[what](room));
        if (answer?.ok !== true) throw new Error(JSON.stringify(answer));
        // The answer of a session that has ended meanwhile is worth nothing.
        if (this.socket.id !== id && this.socket.connected) continue;
        log.write(this.name, done, room);
        if (what === "join") this.joined.add(room);
        else this.joined.delete(room);
      } catch (error) {
        if (this.socket.connected) await new Promise((resolve) => setTimeout(resolve, 300));
      }
    }
    this.busy = false;
  }

  change() {
    if (stopping || this.busy || !this.socket.connected) return;
    const others = options.rooms.filter((room) => !this.wanted.has(room));
    if (others.length === 0) return;
    this.wanted.delete(any([...this.wanted]));
    this.wanted.add(any(others));
    this.settle();
  }

  get isIn() {
    return this.socket.connected && this.joined.size === this.wanted.size && !this.busy;
  }
}

const any = (list) => list[Math.floor(Math.random() * list.length)];

const members = [];
let number = options.first;
for (const [kind, count] of Object.entries(options.kinds)) {
  for (let i = 0; i < count; i += 1) {
    members.push(new Member(number++, kind));
    if (members.length % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 10000 / options.pace));
  }
}

const counting = setInterval(() => tell("up", members.filter((m) => m.isIn).length, "of", members.length), 1000);
const started = setInterval(() => {
  if (!members.every((member) => member.isIn)) return;
  clearInterval(started);
  tell("ready");
}, 100);

if (options.churn > 0) {
  setInterval(() => any(members).change(), options.churn / members.length);
}

commands((command, count) => {
  if (command === "cut") {
    for (let i = 0; i < Number(count); i += 1) any(members).socket.io.engine?.close();
  } else if (command === "stop") {
    stop();
  }
});

async function stop() {
  stopping = true;
  const patience = Date.now() + options.patience;
  const from = Date.now();
  const isQuiet = () => Date.now() - Math.max(last, from) > options.quiet;
  while (Date.now() < patience && !(isQuiet() && members.every((member) => member.isIn))) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  clearInterval(counting);
  for (const { name, kind, pings, socket } of members) {
    log.write(name, "end", socket.connected, { kind, pings, transport: socket.io.engine?.transport.name });
  }
  log.close();
  tell("done");
  process.exit(0);
}
