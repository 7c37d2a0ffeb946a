// How a connection ends, what each side hears of it, and how the client comes back.

import assert from "node:assert/strict";
import { Agent } from "node:http";
import { describe, it } from "node:test";
import {
  also,
  ask,
  askAll,
  collect,
  connected,
  isMsgpack,
  next,
  reasonSeenByServer,
  record,
} from "../harness.mjs";

describe("the end of a connection", () => {
  const name = (client) => client.io.engine.transport.name;

  it("by the client's disconnect", async () => {
    const client = await connected();
    const heard = next(client, "disconnect");
    const reason = await reasonSeenByServer(client, () => client.disconnect());
    assert.equal(reason, "client namespace disconnect");
    assert.deepEqual((await heard)[0], "io client disconnect");
  });

  it("by the server's disconnect leaves the transport", async () => {
    const client = await connected("/");
    const test = also(client, "/test");
    await next(test, "connect");
    const heard = next(test, "disconnect");
    const reason = await reasonSeenByServer(test, () => test.emit("disconnect-me", false));
    assert.equal(reason, "server namespace disconnect");
    assert.equal((await heard)[0], "io server disconnect");
    assert.equal(await ask(client, "message-with-ack", "on"), "on");
  });

  it("by the server's disconnect with its transport ends all namespaces", async () => {
    const client = await connected("/");
    const test = also(client, "/test");
    await next(test, "connect");
    const heard = Promise.all([next(test, "disconnect"), next(client, "disconnect")]);
    const reason = await reasonSeenByServer(test, () => test.emit("disconnect-me", true));
    assert.equal(reason, "server namespace disconnect");
    assert.deepEqual((await heard).map(([why]) => why), Array(2).fill("io server disconnect"));
  });

  it("by a kick from another client", async () => {
    const [client, other] = [await connected(), await connected()];
    const heard = next(client, "disconnect");
    const kick = () => askAll(other, "kick", { rooms: [client.id], close: false });
    assert.equal(await reasonSeenByServer(client, kick), "server namespace disconnect");
    assert.equal((await heard)[0], "io server disconnect");
    assert.equal(await ask(other, "echo", "alive"), "alive");
  });

  it("by the server's closing of the transport", async () => {
    const client = await connected();
    const heard = next(client, "disconnect");
    const reason = await reasonSeenByServer(client, () => client.emit("close-transport"));
    assert.equal(reason, "forced close");
    assert.equal((await heard)[0], "transport close");
  });

  it("by the client's closing of the transport", async () => {
    const client = await connected();
    const heard = next(client, "disconnect");
    const reason = await reasonSeenByServer(client, () => client.io.engine.close());
    assert.equal(reason, "transport close");
    assert.equal((await heard)[0], "forced close");
  });

  it("by a connection that breaks", async () => {
    const agent = new Agent();
    const client = await connected("/test", { agent });
    const polls = name(client) === "polling";
    const reason = await reasonSeenByServer(client, () => {
      for (const tcp of Object.values(agent.sockets).flat()) tcp.destroy();
      // An upgraded connection is no longer the agent's.
      if (!polls) client.io.engine.transport.ws.terminate();
    });
    assert.equal(reason, polls ? "transport error" : "transport close");
  });

  it("by a client that no longer answers pings", async () => {
    const client = await connected();
    const { engine } = client.io;
    const reason = await reasonSeenByServer(client, () => {
      const send = engine._sendPacket.bind(engine);
      engine._sendPacket = (type, ...rest) => type !== "pong" && send(type, ...rest);
    });
    assert.equal(reason, "ping timeout");
  });

  it("is not caused by silence: pings keep it", async () => {
    const client = await connected();
    const ended = record(client, "disconnect");
    for (let pings = 0; pings < 4; pings++) await next(client.io.engine, "ping");
    assert.deepEqual(ended, []);
    assert.equal(await ask(client, "echo", "alive"), "alive");
  });

  for (const [what, packet] of [
    ["an event of a reserved name", { type: 2, nsp: "/test", data: ["disconnect"] }],
    ["an event for a namespace not joined", { type: 2, nsp: "/elsewhere", data: ["x"] }],
    ["a second CONNECT", { type: 0, nsp: "/test", data: {} }],
    ["a CONNECT_ERROR", { type: 4, nsp: "/test", data: "x" }],
  ]) {
    // The msgpack parser does not know the reserved names, and its CONNECT_ERROR is valid.
    const skip = isMsgpack && (what.includes("reserved") || packet.type === 4);
    it(`by ${what}`, { skip }, async () => {
      const client = await connected();
      const heard = next(client, "disconnect");
      client.io._packet({ options: {}, ...packet });
      assert.equal((await heard)[0], "transport close");
    });
  }
});

describe("reconnection", () => {
  const again = { reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 50 };

  it("follows a broken transport, with a new id and new rooms", async () => {
    const client = await connected("/test", again);
    await askAll(client, "join", ["before"]);
    const { id } = client;
    client.io.engine.close();
    await next(client, "connect");
    assert.notEqual(client.id, id);
    assert.deepEqual(await ask(client, "rooms"), []);
  });

  it("follows a transport that the server closed", async () => {
    const client = await connected("/test", again);
    client.emit("close-transport");
    await next(client, "disconnect");
    await next(client, "connect");
    assert.equal(await ask(client, "echo", "back"), "back");
  });

  it("sends what was emitted meanwhile, in order", async () => {
    const client = await connected("/test", again);
    // Over polling the answer to CONNECT may come before the `ok` of its POST. An engine that has
    // something under way is not closed at once, and drops what is emitted until it is.
    const { engine } = client.io;
    if (engine.writeBuffer.length) await next(engine, "drain");
    engine.close();
    const seen = collect(client, "echo", 3);
    for (const word of ["one", "two", "three"]) client.emit("echo", word);
    assert.deepEqual((await seen).flat(), ["one", "two", "three"]);
  });

  it("is the client's own decision after the server's disconnect", async () => {
    const client = await connected("/test", again);
    client.emit("disconnect-me", false);
    const [reason] = await next(client, "disconnect");
    assert.equal(reason, "io server disconnect");
    assert.equal(client.active, false);
    client.connect();
    await next(client, "connect");
    assert.equal(await ask(client, "echo", "back"), "back");
  });

  it("works many times over", async () => {
    const client = await connected("/test", again);
    for (let i = 0; i < 5; i++) {
      client.disconnect();
      client.connect();
      await next(client, "connect");
      assert.equal(await ask(client, "echo", i), i);
    }
  });
});
