// Order and size of what is sent.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ask,
  collect,
  connected,
  counting,
  isMsgpack,
  next,
  open,
  startsPolling,
  upgrades,
} from "../harness.mjs";

describe("order", () => {
  it("holds in a burst from the server", async () => {
    const client = await connected();
    const seen = collect(client, "tick", 2000);
    client.emit("burst", { event: "tick", count: 2000, size: 20 });
    assert.deepEqual((await seen).map(([i]) => i), Array.from({ length: 2000 }, (_, i) => i));
  });

  it("holds in a burst from the client", async () => {
    const client = await connected();
    const seen = collect(client, "echo", 2000);
    for (let i = 0; i < 2000; i++) client.emit("echo", i);
    assert.deepEqual((await seen).map(([i]) => i), Array.from({ length: 2000 }, (_, i) => i));
  });

  it("holds both ways while the connection upgrades", async () => {
    const client = open("/test");
    const [echoes, ticks] = [collect(client, "echo", 600), collect(client, "tick", 600)];
    await next(client, "connect");
    client.emit("burst", { event: "tick", count: 600, size: 100 });
    for (let i = 0; i < 600; i++) {
      client.emit("echo", i, ...(i % 50 ? [] : [counting(50)]));
      if (i % 20 === 0) await new Promise(setImmediate);
    }
    const all = Array.from({ length: 600 }, (_, i) => i);
    assert.deepEqual((await echoes).map(([i]) => i), all);
    assert.deepEqual((await ticks).map(([i]) => i), all);
    if (upgrades) assert.equal(client.io.engine.transport.name, "websocket");
  });

  it("holds for large and small payloads", async () => {
    const client = await connected();
    const seen = collect(client, "tick", 80);
    for (let i = 0; i < 40; i++) {
      client.emit("burst", { event: "tick", count: 1, size: i % 4 ? 10 : 200_000 });
      client.emit("burst", { event: "tick", count: 1, size: 1 });
    }
    const sizes = (await seen).map(([, text]) => text.length);
    assert.deepEqual(sizes.slice(0, 4), [200_000, 1, 10, 1]);
    assert.equal(sizes.filter((size) => size === 200_000).length, 10);
  });
});

describe("size", () => {
  const LIMIT = 1_000_000;
  // Framing included; a msgpack packet is binary, which polling carries as base64.
  const most = (isMsgpack && startsPolling ? (LIMIT * 3) / 4 : LIMIT) - 200;

  it("just under a megabyte passes, there and back", async () => {
    const client = await connected();
    const text = "x".repeat(most);
    assert.equal(await ask(client, "echo", text), text);
  });

  it("of a payload of several packets may be more in sum", async () => {
    const client = await connected();
    const text = "y".repeat(400_000);
    const calls = [1, 2, 3, 4, 5].map((i) => ask(client, "echo", text + i));
    assert.deepEqual(await Promise.all(calls), [1, 2, 3, 4, 5].map((i) => text + i));
  });

  it("of characters is counted in bytes", async () => {
    const client = await connected();
    const text = "ü".repeat(most / 2);
    assert.equal(await ask(client, "echo", text), text);
  });

  for (const [what, value] of [
    ["text", "x".repeat(LIMIT + 1)],
    ["wide text", "ü".repeat(LIMIT / 2 + 1)],
    ["binary", counting(LIMIT + 1)],
  ]) {
    it(`over a megabyte of ${what} ends the connection`, async () => {
      const client = await connected();
      const polls = client.io.engine.transport.name === "polling";
      client.emit("echo", value);
      const [reason] = await next(client, "disconnect");
      assert.equal(reason, polls ? "transport error" : "transport close");
    });
  }
});
