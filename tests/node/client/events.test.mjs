// What events and acknowledgements carry, both ways.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ask,
  askAll,
  collect,
  connected,
  counting,
  isMsgpack,
  next,
  open,
  plain,
  record,
} from "../harness.mjs";

const JSON_VALUES = [
  ["nothing", []],
  ["null", [null]],
  ["booleans", [true, false]],
  ["numbers", [0, -1, 1.5, Number.MAX_SAFE_INTEGER, -1e-7]],
  // Its msgpack parser writes a whole number as an integer, and this one has no 64 bits.
  ...(isMsgpack ? [] : [["a number beyond all integers", [1e21]]]),
  ["an empty string", [""]],
  ["unicode", ["てすと", "Я Б Г", "Ä ß", "👩‍👩‍👧‍👦 🏳️‍🌈", "\u0000\u001e\u2028\u{10ffff}", "\\\"/"]],
  ["an empty object and list", [{}, []]],
  ["deep nesting", [JSON.parse('{"a":'.repeat(40) + "1" + "}".repeat(40))]],
  ["keys that look like ours", [{ _placeholder: false, num: 0, type: 2, nsp: "/", __proto__x: 1 }]],
  // Node takes any number; Crier takes 64, so that one event cannot be 500,000 tiny ones.
  ["60 arguments", Array.from({ length: 60 }, (_, i) => i)],
];

const BINARY_VALUES = [
  ["an empty buffer", [Buffer.alloc(0)]],
  ["one buffer", [counting(256)]],
  ["10 buffers, the most a parser takes", Array.from({ length: 10 }, (_, i) => counting(i))],
  ["nested buffers", [{ a: [counting(3), { b: counting(4), c: "text" }], d: null }, counting(5)]],
  ["a large buffer", [counting(200_000)]],
];

describe("events and acks carry", () => {
  for (const [what, values] of [...JSON_VALUES, ...BINARY_VALUES]) {
    it(`${what}, there and back`, async () => {
      const client = await connected();
      const echo = next(client, "echo");
      client.emit("echo", ...values);
      assert.deepEqual(plain(await echo), plain(values));
    });

    it(`${what}, in an ack`, async () => {
      const client = await connected();
      assert.deepEqual(plain(await askAll(client, "echo", ...values)), plain(values));
    });
  }
});

describe("acks", () => {
  it("find the call they belong to, whatever the order", async () => {
    const client = await connected();
    const calls = Array.from({ length: 100 }, (_, i) => ask(client, "echo", i));
    assert.deepEqual(await Promise.all(calls), Array.from({ length: 100 }, (_, i) => i));
  });

  it("that nobody answers end at the client's timeout", async () => {
    const client = await connected();
    await assert.rejects(client.timeout(50).emitWithAck("nobody-listens"), /timed out/);
  });

  it("are asked for by the server too", async () => {
    const client = await connected();
    client.on("question", (a, b, cb) => cb(a + b, { sum: true }));
    const request = { event: "question", args: [1, 2], timeout: 5000 };
    const [error, answers] = await askAll(client, "ask", request);
    assert.equal(error, null);
    assert.deepEqual(answers, [3, { sum: true }]);
  });

  it("asked for by the server may carry binary", async () => {
    const client = await connected();
    client.on("question", (cb) => cb({ bytes: counting(9) }, counting(2)));
    const [, answers] = await askAll(client, "ask", { event: "question", timeout: 5000 });
    assert.deepEqual(plain(answers), [{ bytes: counting(9) }, counting(2)]);
  });

  it("that the client owes end at the server's timeout", async () => {
    const client = await connected();
    const reply = await askAll(client, "ask", { event: "unheard", timeout: 50 });
    assert.deepEqual(reply, ["timeout", []]);
  });

  it("that come late are ignored", async () => {
    const client = await connected();
    let late;
    client.on("question", (cb) => (late = cb));
    const request = { event: "question", timeout: 50 };
    assert.deepEqual(await askAll(client, "ask", request), ["timeout", []]);
    late("too late");
    assert.equal(await ask(client, "echo", "alive"), "alive");
  });

  it("of a broadcast come from every client of the room", async () => {
    const [a, b, outside] = [await connected(), await connected(), await connected()];
    const room = `acks-${a.id}`;
    for (const client of [a, b]) await askAll(client, "join", [room]);
    a.on("vote", (x, cb) => cb(`a${x}`));
    b.on("vote", (x, cb) => cb(`b${x}`));
    const strays = record(outside, "vote");
    const request = { rooms: [room], event: "vote", args: [1], timeout: 5000 };
    const [error, answers] = await askAll(a, "ask-all", request);
    assert.equal(error, null);
    assert.deepEqual(answers.sort(), ["a1", "b1"]);
    await ask(outside, "echo", 0);
    assert.deepEqual(strays, []);
  });

  it("of a broadcast that are missing at the timeout leave those that came", async () => {
    const [a, silent] = [await connected(), await connected()];
    const room = `acks-${a.id}`;
    for (const client of [a, silent]) await askAll(client, "join", [room]);
    a.on("vote", (cb) => cb("a"));
    const request = { rooms: [room], event: "vote", timeout: 300 };
    assert.deepEqual(await askAll(a, "ask-all", request), ["timeout", ["a"]]);
  });

  it("of a broadcast to nobody come at once, and are none", async () => {
    const client = await connected();
    const request = { rooms: ["nobody-here"], event: "vote", timeout: 5000 };
    assert.deepEqual(await askAll(client, "ask-all", request), [null, []]);
  });

  it("make `retries` send an event again until it is answered", async () => {
    const client = open("/test", { retries: 3, ackTimeout: 200 });
    await next(client, "connect");
    const [, value] = await new Promise((resolve) => {
      client.emit("echo", "once", (...args) => resolve(args));
    });
    assert.equal(value, "once");
  });
});

describe("binary", () => {
  it("made by the server arrives whole", async () => {
    const client = await connected();
    for (const n of [0, 1, 125, 126, 127, 65_535, 65_536, 300_000]) {
      assert.deepEqual(plain(await ask(client, "bytes", n)), counting(n), `${n} bytes`);
    }
  });

  it("and text keep their order", async () => {
    const client = await connected();
    const seen = collect(client, "echo", 40);
    for (let i = 0; i < 40; i++) client.emit("echo", i, ...(i % 2 ? [counting(i * 100)] : []));
    assert.deepEqual((await seen).map(([i]) => i), Array.from({ length: 40 }, (_, i) => i));
  });

  it("is broadcast to a room", async () => {
    const [a, b] = [await connected(), await connected()];
    await askAll(b, "join", [`bin-${a.id}`]);
    const got = next(b, "picture");
    const args = [{ png: counting(1000) }, "caption"];
    await askAll(a, "emit-to", { rooms: [`bin-${a.id}`], event: "picture", args });
    assert.deepEqual(plain(await got), args);
  });
});

describe("volatile events", () => {
  it("arrive where the client is ready for them", async () => {
    const client = await connected();
    // A poll must be held for it, so it is sent until one is.
    let got = false;
    client.once("flash", () => (got = true));
    for (let i = 0; i < 1000 && !got; i++) {
      await askAll(client, "emit-to", { self: true, rooms: [client.id], volatile: true, event: "flash" });
      await new Promise(setImmediate);
    }
    assert.equal(got, true);
  });

  it("of the client are not kept while it is not connected", async () => {
    const client = open("/test", { autoConnect: false });
    const echoes = record(client, "echo");
    client.volatile.emit("echo", "lost");
    client.emit("echo", "kept");
    const echo = next(client, "echo");
    client.connect();
    await echo;
    assert.deepEqual(echoes, [["kept"]]);
  });
});
