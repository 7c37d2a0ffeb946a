// Who gets what.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ask,
  askAll,
  connected,
  next,
  reasonSeenByServer,
  record,
} from "../harness.mjs";

describe("rooms", () => {
  /** Three clients in rooms of their own, unlike those of other tests. */
  async function trio() {
    const clients = [await connected(), await connected(), await connected()];
    const room = (name) => `${name}-${clients[0].id}`;
    return { clients, room };
  }

  /** What each client got of an emit, known complete because a marker follows it. */
  async function delivered(clients, sender, request) {
    const seen = clients.map((client) => record(client, "news"));
    const marked = clients.map((client) => next(client, "marker"));
    await askAll(sender, "emit-to", { event: "news", args: [1], ...request });
    for (const client of clients) {
      await askAll(sender, "emit-to", { self: true, rooms: [client.id], event: "marker" });
    }
    await Promise.all(marked);
    return seen.map((events) => events.length);
  }

  it("are joined and left", async () => {
    const client = await connected();
    await askAll(client, "join", ["b", "a"]);
    assert.deepEqual(await ask(client, "rooms"), ["a", "b"]);
    await askAll(client, "join", ["a"]);
    await askAll(client, "leave", "b");
    await askAll(client, "leave", "never joined");
    assert.deepEqual(await ask(client, "rooms"), ["a"]);
  });

  it("get what is sent to them, others do not", async () => {
    const { clients, room } = await trio();
    const [a, b] = clients;
    await askAll(b, "join", [room("x")]);
    assert.deepEqual(await delivered(clients, a, { rooms: [room("x")] }), [0, 1, 0]);
    await askAll(b, "leave", room("x"));
    assert.deepEqual(await delivered(clients, a, { rooms: [room("x")] }), [0, 0, 0]);
  });

  it("include the sender only when the namespace emits", async () => {
    const { clients, room } = await trio();
    for (const client of clients) await askAll(client, "join", [room("x")]);
    const to = (self) => ({ self, rooms: [room("x")] });
    assert.deepEqual(await delivered(clients, clients[0], to(false)), [0, 1, 1]);
    assert.deepEqual(await delivered(clients, clients[0], to(true)), [1, 1, 1]);
  });

  it("deliver once to who is in several of them", async () => {
    const { clients, room } = await trio();
    const [a, b, c] = clients;
    await askAll(b, "join", [room("x"), room("y"), room("z")]);
    await askAll(c, "join", [room("y")]);
    const rooms = [room("x"), room("y"), room("z"), room("x")];
    assert.deepEqual(await delivered(clients, a, { self: true, rooms }), [0, 1, 1]);
  });

  it("leave out who is in an excepted one", async () => {
    const { clients, room } = await trio();
    const [a, b, c] = clients;
    for (const client of clients) await askAll(client, "join", [room("x")]);
    await askAll(c, "join", [room("quiet")]);
    const request = { self: true, rooms: [room("x")], except: [room("quiet")] };
    assert.deepEqual(await delivered(clients, a, request), [1, 1, 0]);
    assert.deepEqual(await delivered(clients, a, { ...request, except: [b.id] }), [1, 0, 1]);
  });

  it("of one's own id reach that socket alone", async () => {
    const { clients } = await trio();
    assert.deepEqual(await delivered(clients, clients[0], { rooms: [clients[1].id] }), [0, 1, 0]);
  });

  it("not named, an event goes to the whole namespace, and to no other", async () => {
    const { clients } = await trio();
    const main = await connected("/");
    const strays = record(main, "news");
    assert.deepEqual(await delivered(clients, clients[0], { self: true }), [1, 1, 1]);
    await ask(main, "message-with-ack", 0);
    assert.deepEqual(strays, []);
  });

  it("are empty after a disconnect", async () => {
    const { clients, room } = await trio();
    const [a, b] = clients;
    await askAll(b, "join", [room("x")]);
    await reasonSeenByServer(b, () => b.disconnect());
    assert.deepEqual(await ask(a, "fetch", [room("x")]), []);
  });

  it("are listed by fetch", async () => {
    const { clients, room } = await trio();
    const [a, b] = clients;
    await askAll(a, "join", [room("x"), room("y")]);
    await askAll(b, "join", [room("x")]);
    const expected = [
      { id: a.id, rooms: [room("x"), room("y")] },
      { id: b.id, rooms: [room("x")] },
    ];
    const found = await ask(clients[2], "fetch", [room("x")]);
    assert.deepEqual(found, expected.sort((p, q) => (p.id < q.id ? -1 : 1)));
  });

  it("move their members", async () => {
    const { clients, room } = await trio();
    const [a, b] = clients;
    await askAll(b, "join", [room("x")]);
    await askAll(a, "move", { rooms: [room("x")], join: [room("y")], leave: [room("x")] });
    // The members left before the second selection, so this one is made by the new room.
    assert.deepEqual(await ask(b, "rooms"), [room("y")]);
  });

  it("may have any name", async () => {
    const { clients, room } = await trio();
    for (const name of ["#,:/ *?[x]", "ünïcode 🛒", "x".repeat(100)].map(room)) {
      await askAll(clients[1], "join", [name]);
      assert.deepEqual(await delivered(clients, clients[0], { rooms: [name] }), [0, 1, 0], name);
      clients.forEach((client) => client.off("news"));
    }
  });
});

describe("many clients", () => {
  it("connect at once and hear one broadcast each", async () => {
    const clients = await Promise.all(Array.from({ length: 30 }, () => connected()));
    const room = `crowd-${clients[0].id}`;
    await Promise.all(clients.map((client) => askAll(client, "join", [room])));
    const heard = clients.map((client) => next(client, "news"));
    await askAll(clients[0], "emit-to", { self: true, rooms: [room], event: "news", args: ["all"] });
    assert.deepEqual((await Promise.all(heard)).flat(), Array(30).fill("all"));
  });
});
