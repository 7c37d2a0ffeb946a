// How a client gets in: handshake, auth, namespaces and refusals.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  also,
  ask,
  connected,
  next,
  open,
  record,
  transports,
} from "../harness.mjs";

describe("connect", () => {
  it("gives an id of 20 characters that is not the Engine.IO sid", async () => {
    const client = await connected();
    assert.match(client.id, /^[A-Za-z0-9_-]{20}$/);
    assert.notEqual(client.id, client.io.engine.id);
  });

  it("gives every client an id of its own", async () => {
    const [a, b] = [await connected(), await connected()];
    assert.notEqual(a.id, b.id);
    assert.notEqual(a.io.engine.id, b.io.engine.id);
  });

  it("ends on the transport that was asked for", async () => {
    const client = await connected();
    assert.equal(client.io.engine.transport.name, transports.at(-1));
  });

  it("says nothing of recovery where it is off", async () => {
    const client = await connected();
    assert.ok(!client.recovered);
    assert.equal(client._pid, undefined);
  });

  it("carries auth to the server", async () => {
    const client = open("/", { auth: { token: "t", deep: { n: [1, null, "ü"] } } });
    const [auth] = await next(client, "auth");
    assert.deepEqual(auth, { token: "t", deep: { n: [1, null, "ü"] } });
  });

  it("shows no auth as an empty object", async () => {
    const [auth] = await next(open("/"), "auth");
    assert.deepEqual(auth, {});
  });

  it("carries auth from a function", async () => {
    const [auth] = await next(open("/", { auth: (cb) => cb({ late: true }) }), "auth");
    assert.deepEqual(auth, { late: true });
  });

  it("shows query and origin in the handshake", async () => {
    const client = await connected("/test", { query: { shop: "42", "ä b": "c&d" }, auth: { a: 1 } });
    const handshake = await ask(client, "handshake");
    assert.deepEqual(handshake.auth, { a: 1 });
    assert.equal(handshake.query.shop, "42");
    assert.equal(handshake.query["ä b"], "c&d");
    assert.equal(handshake.query.EIO, "4");
    assert.equal(handshake.query.transport, transports[0]);
    assert.deepEqual([handshake.secure, handshake.xdomain], [false, false]);
  });

  it("delivers what was emitted before the connection was there", async () => {
    const client = open("/test");
    const answer = ask(client, "echo", "early");
    assert.equal(client.connected, false);
    assert.equal(await answer, "early");
  });
});

describe("namespaces", () => {
  it("share one connection, each with an id of its own", async () => {
    const main = await connected("/");
    const test = also(main, "/test");
    await next(test, "connect");
    assert.notEqual(main.id, test.id);
    assert.equal(main.io, test.io);
    assert.equal(await ask(test, "echo", 1), 1);
    assert.equal(await ask(main, "message-with-ack", 2), 2);
  });

  it("keep their events apart", async () => {
    const test = await connected("/test");
    const main = also(test, "/");
    await next(main, "connect");
    const strays = record(test, "message-back");
    main.emit("message", "only here");
    await next(main, "message-back");
    await ask(test, "echo", "still in order");
    assert.deepEqual(strays, []);
  });

  it("of a pattern exist when they are asked for", async () => {
    for (const name of ["/dynamic-1", "/dynamic-20"]) {
      const [welcome] = await next(open(name), "welcome");
      assert.equal(welcome, name);
    }
  });

  for (const name of ["/unknown", "/dynamic-x", "/dynamic-1x", "/Test"]) {
    it(`that nobody knows are refused: ${name}`, async () => {
      const [error] = await next(open(name), "connect_error");
      assert.equal(error.message, "Invalid namespace");
      assert.equal(error.data, undefined);
    });
  }

  it("refused leave the connection to the others", async () => {
    const test = await connected();
    await next(also(test, "/unknown"), "connect_error");
    assert.equal(await ask(test, "echo", "alive"), "alive");
  });

  it("refused by a middleware say why, with data", async () => {
    const [error] = await next(open("/refuse"), "connect_error");
    assert.equal(error.message, "refused");
    assert.deepEqual(error.data, { code: 7 });
  });

  it("can be asked again on the same connection", async () => {
    const main = await connected("/");
    const { id } = main.io.engine;
    const client = also(main, "/refuse");
    await next(client, "connect_error");
    client.auth = { pass: true };
    client.connect();
    await next(client, "connect");
    assert.equal(client.io.engine.id, id);
  });

  it("left are left alone: the others go on, and it can be joined again", async () => {
    const main = await connected("/");
    const test = also(main, "/test");
    await next(test, "connect");
    const first = test.id;
    test.disconnect();
    assert.equal(await ask(main, "message-with-ack", "on"), "on");
    test.connect();
    await next(test, "connect");
    assert.notEqual(test.id, first);
  });
});
