// Clients of several replicas behind a balancer. Every HTTP request is a connection of its own, so that
// the requests of one session meet different replicas.

import assert from "node:assert/strict";
import { Agent } from "node:http";
import { io } from "socket.io-client";

const transports = process.env.TRANSPORTS.split(",");
const agent = new Agent({ keepAlive: false });
const replicas = new Set();
let echoes = 0;

async function client() {
  const socket = io(process.env.CRIER_URL, {
    transports,
    agent,
    forceNew: true,
    reconnection: false,
  });
  const ended = new Promise((_, reject) => {
    socket.once("connect_error", reject);
    socket.once("disconnect", (reason) => reject(new Error(reason)));
  });
  const run = async () => {
    const upgraded = new Promise((resolve) => socket.io.engine.once("upgrade", resolve));
    await new Promise((resolve) => socket.once("connect", resolve));
    const owner = await socket.emitWithAck("name");
    replicas.add(owner);
    for (let n = 0; n < 100; n++) {
      const bytes = Buffer.alloc(n * 10, n);
      const [number, back] = await new Promise((resolve) =>
        socket.emit("echo", n, bytes, (...args) => resolve(args)),
      );
      assert.equal(number, n);
      assert.ok(bytes.equals(Buffer.from(back)));
      echoes++;
    }
    if (transports.length > 1) await upgraded;
    const expected = transports.at(-1);
    assert.equal(socket.io.engine.transport.name, expected);
    assert.equal(await socket.emitWithAck("name"), owner);
    socket.off("disconnect").disconnect();
  };
  await Promise.race([run(), ended]);
}

await Promise.all(Array.from({ length: 6 }, client));
console.log(`6 clients on replicas ${[...replicas].sort().join(" and ")}, ${echoes} echoes`);
