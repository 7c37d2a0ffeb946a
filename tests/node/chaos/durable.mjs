// Durable writes: products, one after the other, each asked again until it is known to be stored; at the end all are read back.
//
//   node chaos/durable.mjs '{"urls":[…],"token":…,"count":4}'
//
// Commands on standard input: `stop`. Answers: `missing M of N`, then `done`.

import { Agent, request } from "node:http";
import { randomBytes } from "node:crypto";
import { commands, tell } from "./log.mjs";

const options = JSON.parse(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const stored = new Map();
let stopping = false;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function call(method, path, body, tries) {
  const url = options.urls[tries % options.urls.length] + path;
  return new Promise((resolve, reject) => {
    const text = body && JSON.stringify(body);
    const headers = { Authorization: `Bearer ${options.token}`, ...(text && { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) }) };
    const sent = request(url, { method, agent, headers, timeout: 10000 }, (answer) => {
      let got = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk) => (got += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, text: got }));
      answer.on("error", reject);
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
    sent.on("error", reject);
    sent.end(text);
  });
}

/** The answer, however long it takes; a 5xx, a 429 and a lost connection say nothing. */
async function settled(method, path, body) {
  const limit = Date.now() + 90000;
  for (let tries = 0; ; tries += 1) {
    try {
      const answer = await call(method, path, body, tries);
      if (answer.status < 500 && answer.status !== 429) return answer;
    } catch (error) {
      if (Date.now() > limit) throw error;
    }
    if (Date.now() > limit) throw new Error(`${method} ${path}: no answer`);
    await sleep(100);
  }
}

async function writer() {
  while (!stopping) {
    const id = randomBytes(12).toString("hex");
    const price = Math.floor(Math.random() * 100000) / 100;
    const { status, text } = await settled("PUT", `/api/products/${id}`, { name: id, price, stock: 1 });
    if (status !== 200) throw new Error(`PUT: ${status} ${text}`);
    stored.set(id, price);
    await sleep(10);
  }
}

commands((command) => (stopping ||= command === "stop"));
await Promise.all(Array.from({ length: options.count }, writer));
let missing = 0;
for (const [id, price] of stored) {
  const { status, text } = await settled("GET", `/api/products/${id}`);
  if (status !== 200 || JSON.parse(text).price !== price) missing += 1;
}
tell("missing", missing, "of", stored.size);
tell("done");
process.exit(0);
