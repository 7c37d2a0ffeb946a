// Publishers: each sends one numbered event after the other by HTTP, and asks again under the same id until it knows what came of it.
//
//   node chaos/publishers.mjs '{"urls":["http://127.0.0.1:3001"],"token":…,"log":…,"first":0,"count":10,"rate":500,"rooms":["a"]}'
//
// `fill` bytes make an event larger. With `each`, publisher i sends so many events to the room i and ends. `rate` is that of all together. The schedule is open: whoever was held up sends what is due at once. Commands on standard input: `stop` ends
// it once every outcome is known (or after `patience` ms). Answers: `sent N acked N retries N` once a second, `done`.

import { Agent, request } from "node:http";
import { commands, crc32, open, tell } from "./log.mjs";

const options = { first: 0, patience: 120000, timeout: 10000, pad: 24, ...JSON.parse(process.argv[2]) };
const log = open(options.log);
const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const run = Math.random().toString(36).slice(2, 10);
const counts = { sent: 0, acked: 0, retries: 0, refused: 0 };
let stopping = false;
let giveUp = Infinity;
const fill = options.fill ? "x".repeat(options.fill) : undefined;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const any = (list) => list[Math.floor(Math.random() * list.length)];

function post(url, body, id) {
  return new Promise((resolve, reject) => {
    const headers = {
      Authorization: `Bearer ${options.token}`,
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(body),
      "Idempotency-Key": id,
    };
    const sent = request(`${url}/api/emit`, { method: "POST", agent, headers, timeout: options.timeout }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, text, after: Number(answer.headers["retry-after"]) }));
      answer.on("error", reject);
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Sends event `n`, as often as it takes. */
async function publish(number, p, n) {
  const room = options.each ? options.rooms[number % options.rooms.length] : any(options.rooms);
  const pad = Math.random().toString(36).slice(2).padEnd(options.pad, "é");
  const crc = crc32(`${p}:${n}:${room}:${pad}`);
  const body = JSON.stringify({ rooms: [room], event: "audit", args: [{ p, n, room, crc, pad, at: performance.timeOrigin + performance.now(), fill }] });
  const id = `${run}-${p}-${n}`;
  log.write(p, "send", n, room, crc);
  counts.sent += 1;
  for (let tries = 0; Date.now() < giveUp; tries += 1) {
    let why;
    let pause = Math.min(50 * 2 ** tries, 1000);
    try {
      // What a sidecar keeps in its outbox is in order; what two keep is not. Without one, any sidecar will do.
      const url = options.urls[(number + (options.outbox ? 0 : tries)) % options.urls.length];
      const { status, text, after } = await post(url, body, id);
      if (status === 202) {
        log.write(p, "acked", n, JSON.parse(text).id);
        counts.acked += 1;
        return;
      }
      // Busy, or not now: nothing was done, or it is not known. Anything else is a no.
      if (status < 500 && status !== 429 && status !== 408) {
        log.write(p, "refused", n, `${status} ${text.slice(0, 200)}`);
        counts.refused += 1;
        return;
      }
      why = String(status);
      if (after > 0) pause = Math.min(after * 1000, 1000);
    } catch (error) {
      why = error.code ?? error.message;
    }
    log.write(p, "retry", n, why);
    counts.retries += 1;
    await sleep(pause);
  }
}

async function publisher(number) {
  const p = `p${number}`;
  const every = (1000 * options.count) / options.rate;
  const start = Date.now() + Math.random() * every;
  for (let n = 1; !stopping && n <= (options.each ?? Infinity); n += 1) {
    const due = start + (n - 1) * every;
    if (due > Date.now()) await sleep(due - Date.now());
    if (!stopping) await publish(number, p, n);
  }
}

commands((command) => {
  if (command !== "stop") return;
  stopping = true;
  giveUp = Date.now() + options.patience;
});

const told = () => tell("sent", counts.sent, "acked", counts.acked, "retries", counts.retries, "refused", counts.refused);
setInterval(told, 1000);
await Promise.all(Array.from({ length: options.count }, (_, i) => publisher(options.first + i)));
told();
log.close();
tell("done");
process.exit(0);
