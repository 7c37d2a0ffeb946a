// Orders for the last pieces, from clients of all replicas at once: exactly as many as there are pieces win.
//
//   node chaos/race.mjs '{"urls":["http://…","http://…"],"rest":"http://…","tokens":[…],"service":…,"pieces":50,"rounds":5}'
//
// Each token is a user and a client; they are spread over the urls in turn. Prints `round N: W won, L refused, stock S`, then `done`.

import { randomBytes } from "node:crypto";
import { io } from "socket.io-client";
import { commands, tell } from "./log.mjs";

const options = JSON.parse(process.argv[2]);
commands(() => {});

const call = async (method, path, body) => {
  const headers = { Authorization: `Bearer ${options.service}`, "Content-Type": "application/json" };
  const answer = await fetch(options.rest + path, { method, headers, body: body && JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
};

const connect = (token, number) =>
  new Promise((resolve, reject) => {
    const url = options.urls[number % options.urls.length];
    const socket = io(url, { auth: { token, apps: ["shop"] }, transports: ["websocket"], forceNew: true });
    socket.once("connect", () => resolve(socket));
    socket.once("connect_error", reject);
  });

const crowd = await Promise.all(options.tokens.map(connect));
for (let round = 1; round <= options.rounds; round += 1) {
  const product = randomBytes(12).toString("hex");
  const put = await call("PUT", `/api/products/${product}`, { name: "last pieces", price: 1, stock: options.pieces });
  if (put.status !== 200) throw new Error(`PUT: ${put.status} ${JSON.stringify(put.body)}`);
  const order = { items: [{ product, quantity: 1, price: 1 }], total: 1 };
  const ask = (socket) => socket.timeout(30000).emitWithAck("order:create", order);
  const answers = await Promise.all(crowd.map(ask));
  const won = answers.filter((answer) => answer.ok);
  const ids = new Set(won.map((answer) => answer.order._id));
  const refused = answers.filter((answer) => answer.error === "items.0.quantity: only 0 in stock");
  const other = answers.length - won.length - refused.length;
  if (other > 0) tell("other", JSON.stringify(answers.find((a) => !a.ok && !refused.includes(a))));
  // An order that is paid takes its piece for good: what is left is the stock, as everyone can read it.
  tell("round", round, "won", ids.size, "refused", refused.length, "other", other);
}
for (const socket of crowd) socket.disconnect();
tell("done");
process.exit(0);
