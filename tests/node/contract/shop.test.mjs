// The shop: rooms, messages, notifications, orders with stock.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apps, ask, call, connected, expect, fresh, ISO, next, objectId, only, ran, user, whole } from "./support.mjs";

const skip = !apps.includes("shop");
const name = (socket) => JSON.parse(Buffer.from(socket.auth.token.split(".")[1], "base64url")).name;

async function product(stock = 10, price = 12.5) {
  const id = objectId();
  await expect(200, "PUT", `/api/products/${id}`, { body: { name: fresh("thing"), price, stock } });
  return id;
}

const stockOf = async (id) => (await expect(200, "GET", `/api/products/${id}`)).stock;

describe("shop rooms", { skip }, () => {
  it("tell the others who joined and left", async () => {
    const room = fresh("room");
    const [a, b, stranger] = [await user(), await user(), await user()];
    assert.deepEqual(await ask(a, "joinRoom", room), { ok: true, room });
    assert.deepEqual(await ask(b, "joinRoom", room), { ok: true, room });
    await only("joined", { event: "joined", room, by: b.id }, [a], [b, stranger]);
    await ask(b, "joinRoom", room);
    await only("joined", {}, [], [a, b, stranger]);
    assert.deepEqual(await ask(b, "leaveRoom", room), { ok: true, room });
    await only("left", { event: "left", room, by: b.id }, [a], [b, stranger]);
    for (const event of ["joinRoom", "leaveRoom"]) ran("S", event);
    for (const event of ["joined", "left"]) ran("C", event);
  });

  it("of others, and names that only look free, are refused", async () => {
    const [me, other] = [await user(), await user()];
    for (const room of [`user:${other.userId}`, `user-${other.userId}`, "admin", "admins", "sellers", other.id, "leaderboard:hourly", `order:${objectId()}`, "admin:x"]) {
      assert.deepEqual(await ask(me, "joinRoom", room), { error: "Access denied" }, room);
    }
    for (const room of ["", "a b", "x".repeat(129), "é", 5, null, {}]) {
      assert.ok((await ask(me, "joinRoom", room)).error, JSON.stringify(room));
    }
    assert.deepEqual(await ask(await connected(null), "joinRoom", fresh()), { error: "Unauthorized" });
  });

  it("carry messages among those who are in", async () => {
    const room = fresh("room");
    const [a, b, stranger] = [await user({ name: fresh("Ann") }), await user(), await user()];
    for (const me of [a, b]) await ask(me, "joinRoom", room);
    const said = { room, text: `<i>${fresh()}</i>`, meta: { n: whole() } };
    assert.deepEqual(await ask(a, "message", said), { ok: true, sentTo: `room:${room}` });
    await only("message", (seen) => {
      assert.match(seen.ts, ISO);
      assert.deepEqual(seen, { ...said, from: { id: a.userId, name: name(a) }, ts: seen.ts });
    }, [b], [a, stranger]);
    assert.ok((await ask(stranger, "message", said)).error);
    assert.ok((await ask(a, "message", { room: `user:${a.userId}`, text: "x" })).error);
    assert.match((await ask(a, "message", { room })).error, /text/);
    assert.match((await ask(a, "message", { room, text: "a\u0007b" })).error, /text/);
    await only("message", {}, [], [a, b, stranger]);
    ran("S", "message");
    ran("C", "message");
  });

  it("say a message once, however often it is sent", async () => {
    const room = fresh("room");
    const [a, b] = [await user(), await user()];
    for (const me of [a, b]) await ask(me, "joinRoom", room);
    const said = { room, text: fresh(), clientId: fresh() };
    const answers = await Promise.all([1, 2, 3, 4].map(() => ask(a, "message", said)));
    assert.deepEqual(answers, answers.map(() => ({ ok: true, sentTo: `room:${room}` })));
    await only("message", (seen) => assert.equal(seen.text, said.text), [b], [a]);
    assert.ok((await ask(a, "message", { ...said, text: fresh() })).error, "the id was used for something else");
  });
});

describe("whoami", { skip }, () => {
  it("answers bare", async () => {
    const email = `${fresh()}@shop.example`;
    const me = await user({ role: "seller", email, isVerified: true });
    const expected = { userId: me.userId, role: "seller", email, isVerified: true };
    assert.deepEqual(await ask(me, "whoami"), expected);
    assert.deepEqual(await ask(me, "whoami", null), expected);
    const plain = await user();
    assert.deepEqual(await ask(plain, "whoami"), { userId: plain.userId, role: "user", email: null, isVerified: false });
    ran("S", "whoami");
  });
});

describe("notification:send", { skip }, () => {
  it("is stored, then told to all of the receiver's sockets", async () => {
    const to = fresh("to");
    const [from, one, two, stranger] = [await user(), await user({ userId: to }), await user({ userId: to }), await user()];
    const sent = { toUserId: to, type: "warning", title: fresh(), body: fresh(), meta: { n: 1 }, priority: "high" };
    assert.deepEqual(await ask(from, "notification:send", sent), { ok: true, queued: false, saved: true });
    await only("notification:received", (seen) => {
      assert.match(seen.ts, ISO);
      const { type, title, body, meta } = sent;
      assert.deepEqual(seen, { event: "notification:received", type, title, body, meta, from: from.userId, ts: seen.ts });
    }, [one, two], [from, stranger]);
    ran("S", "notification:send");
    ran("C", "notification:received");
    if (!apps.includes("marketplace")) return;
    await only("new-notification", (seen) => {
      assert.equal(seen.notification.title, sent.title);
      assert.equal(seen.notification.data.from, from.userId);
    }, [one, two], [from, stranger]);
    await only("unread-count-update", { unreadCount: 1 }, [one, two], [from, stranger]);
    const list = await expect(200, "GET", "/api/notifications", { as: one.auth.token });
    assert.equal(list.data.notifications[0].title, sent.title);
  });

  it("of a wrong shape names the field", async () => {
    const me = await user();
    for (const [bad, field] of [
      [{}, /toUserId/], [{ toUserId: "a", type: "loud" }, /type/], [{ toUserId: "a", priority: 3 }, /priority/], [{ toUserId: "a", title: 1 }, /title/],
    ]) {
      assert.match((await ask(me, "notification:send", bad)).error, field);
    }
  });
});

describe("typing", { skip }, () => {
  it("reaches the one it is for", async () => {
    const [me, other, stranger] = [await user(), await user(), await user()];
    assert.deepEqual(await ask(me, "typing", { toUserId: other.userId }), { ok: true });
    await only("typing", (seen) => {
      assert.match(seen.at, ISO);
      assert.deepEqual(seen, { event: "typing", from: me.userId, at: seen.at });
    }, [other], [me, stranger]);
    ran("S", "typing");
    ran("C", "typing");
  });
});

describe("orders", { skip }, () => {
  it("are stored, and told to the buyer and the staff", async () => {
    const id = await product(10, 12.5);
    const me = await user();
    const [mine, admin, stranger] = [await user({ userId: me.userId }), await user({ role: "admin" }), await user()];
    const order = {
      items: [{ product: id, quantity: 2, price: 12.5 }, { product: id, quantity: 1, price: 12.5 }],
      total: 37.5, paymentMethod: "card", shippingAddress: { city: fresh() },
    };
    const answer = await ask(me, "order:create", order);
    assert.equal(answer.ok, true, JSON.stringify(answer));
    assert.match(answer.order._id, /^[0-9a-f]{24}$/);
    const { _id, createdAt, updatedAt, ...rest } = answer.order;
    assert.deepEqual(rest, { ...order, user: me.userId, status: "pending" });
    assert.match(createdAt, ISO);
    assert.equal(createdAt, updatedAt);
    const created = { event: "order:created", order: answer.order };
    await only("order:created", created, [me, mine, admin], [stranger]);
    assert.deepEqual(await expect(200, "GET", `/api/orders/${_id}`, { as: me.auth.token }), answer.order);
    assert.ok([403, 404].includes((await call("GET", `/api/orders/${_id}`, { as: stranger.auth.token })).status));

    assert.deepEqual(await ask(stranger, "order:updateStatus", { orderId: _id, status: "cancelled" }), { error: "Access denied" });
    assert.deepEqual(await ask(me, "order:updateStatus", { orderId: objectId(), status: "cancelled" }), { error: "Order not found" });
    assert.ok((await ask(me, "order:updateStatus", { orderId: _id, status: "paid" })).error, "an owner may only cancel");
    await only("order:updated", {}, [], [me, mine, admin, stranger]);

    const paid = await ask(admin, "order:updateStatus", { orderId: _id, status: "paid" });
    assert.equal(paid.order.status, "paid");
    await only("order:updated", { event: "order:updated", order: paid.order }, [me, mine, admin], [stranger]);
    await only("product:stockUpdated", { event: "product:stockUpdated", productId: id, stock: 7 }, [me, stranger], []);
    assert.equal(await stockOf(id), 7);
    const illegal = await ask(admin, "order:updateStatus", { orderId: _id, status: "delivered" });
    assert.match(illegal.error, /paid.*delivered/);
    const cancelled = await expect(200, "PATCH", `/api/orders/${_id}`, { body: { status: "cancelled" } });
    assert.equal(cancelled.status, "cancelled");
    assert.equal(await stockOf(id), 10, "what was taken is given back");
    for (const event of ["order:create", "order:updateStatus"]) ran("S", event);
    for (const event of ["order:created", "order:updated", "product:stockUpdated"]) ran("C", event);
  });

  it("of a wrong shape say where, and take nothing", async () => {
    const id = await product(3, 10);
    const me = await user();
    const item = { product: id, quantity: 1, price: 10 };
    for (const [bad, says] of [
      [{ items: [{ product: id, quantity: 1 }], total: 10 }, "items.0.price: Path 'price' is required"],
      [{ items: [{ ...item, product: "abc" }], total: 10 }, "items.0.product: Cast to ObjectId failed"],
      [{ items: [item, { ...item, product: objectId() }], total: 20 }, "items.1.product: not found"],
      [{ items: [{ ...item, quantity: 4 }], total: 40 }, "items.0.quantity: only 3 in stock"],
      [{ items: [{ ...item, quantity: 0 }], total: 0 }, "items.0.quantity"],
      [{ items: [{ ...item, quantity: 1.5 }], total: 15 }, "items.0.quantity"],
      [{ items: [{ ...item, price: 9 }], total: 9 }, "items.0.price"],
      [{ items: [{ ...item, price: 10.001 }], total: 10 }, "items.0.price"],
      [{ items: [{ ...item, price: -1 }], total: 10 }, "items.0.price"],
      [{ items: [item], total: 11 }, "total"],
      [{ items: [item] }, "total"],
      [{ items: [], total: 0 }, "items"],
      [{ items: Array(101).fill(item), total: 1010 }, "items"],
      [{ items: [{ ...item, quantity: 2 }, { ...item, quantity: 2 }], total: 40 }, "only 3 in stock"],
    ]) {
      const { error } = await ask(me, "order:create", bad);
      assert.ok(error?.includes(says), `${JSON.stringify(bad).slice(0, 120)}: ${error}`);
    }
    const all = await ask(me, "order:create", { items: [{ ...item, quantity: 3 }], total: 30 });
    assert.equal(all.ok, true, "nothing was reserved by the refused ones");
  });

  it("race for the last pieces: nobody gets what is not there", async () => {
    const [pieces, buyers] = [50, 200];
    const id = await product(pieces, 1);
    const crowd = await Promise.all(Array.from({ length: buyers }, () => user({}, { auth: { apps: ["shop"] } })));
    const order = { items: [{ product: id, quantity: 1, price: 1 }], total: 1 };
    const answers = await Promise.all(crowd.map((me) => ask(me, "order:create", order)));
    const won = answers.filter((answer) => answer.ok);
    assert.equal(won.length, pieces);
    assert.equal(new Set(won.map((answer) => answer.order._id)).size, pieces);
    for (const lost of answers.filter((answer) => !answer.ok)) {
      assert.deepEqual(lost, { error: "items.0.quantity: only 0 in stock" });
    }
  });

  it("are made once, however often they are sent", async () => {
    const id = await product(5, 2);
    const me = await user();
    const order = { items: [{ product: id, quantity: 1, price: 2 }], total: 2, clientId: fresh() };
    const answers = await Promise.all([1, 2, 3].map(() => ask(me, "order:create", order)));
    assert.ok(answers[0].ok, JSON.stringify(answers[0]));
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
    assert.equal((await expect(200, "GET", "/api/orders", { as: me.auth.token })).items.length, 1);
  });
});

describe("presence of the shop", { skip }, () => {
  it("is told under its own name", async () => {
    const watcher = await user();
    const userId = fresh("user");
    const told = next(watcher, "presence:update", (seen) => seen.userId === userId);
    await user({ userId });
    const [seen] = await told;
    assert.match(seen.at, ISO);
    assert.deepEqual(seen, { userId, status: "online", at: seen.at });
    ran("C", "presence:update");
  });
});
