// Identity on the live socket, channels, presence: what every app has.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  apps, ask, call, client, connected, expect, fence, fresh, got, ISO, next, nothing, only, publish, put, ran,
  refusal, token, user, whole,
} from "./support.mjs";

const has = (app) => apps.includes(app);
const now = () => Math.floor(Date.now() / 1000);

describe("who comes in", () => {
  it("is told who it is", async () => {
    const userId = fresh("user");
    // `sub` is a text by its standard; the other claims may be numbers, and are shown as they came.
    for (const claims of [{ sub: userId }, { userId: whole(1e9) }, { id: whole(1e9) }, { _id: userId }]) {
      const me = await connected(claims);
      const [shown] = Object.values(claims);
      assert.deepEqual({ ...me.hello, timestamp: "" }, { userId: shown, socketId: me.id, timestamp: "", recovered: false });
      assert.match(me.hello.timestamp, ISO);
    }
    ran("C", "connected");
  });

  it("without a token, where that is allowed, nobody", async () => {
    const anonymous = await connected(null);
    assert.equal(anonymous.hello.userId, null);
  });

  it("finds the token wherever it is, with and without Bearer", async () => {
    const userId = fresh("user");
    const mine = token({ id: userId });
    for (const options of [
      { auth: { token: mine } },
      { auth: { token: `Bearer ${mine}` } },
      { auth: { jwt: mine } },
      { query: { token: mine } },
      { extraHeaders: { Authorization: `Bearer ${mine}` } },
      { extraHeaders: { Authorization: mine } },
    ]) {
      assert.equal((await connected(null, options)).hello.userId, userId, JSON.stringify(Object.keys(options)));
    }
  });

  it("limits itself to apps that exist", async () => {
    const error = await refusal(client({ userId: fresh() }, { auth: { apps: ["bakery"] } }));
    assert.match(JSON.stringify(error), /bakery|apps/);
  });

  it("gets no event of an app that it has off", { skip: apps.length < 2 || !has("storefront") || !has("shop") }, async () => {
    const userId = fresh("user");
    const [all, some] = [await user({ userId }), await user({ userId }, { auth: { apps: ["shop"] } })];
    const data = { id: fresh(), title: fresh(), description: fresh(), icon: fresh(), points: 1, earnedAt: new Date().toISOString() };
    await publish("leaderboard_achievement", data, { rooms: [`user:${userId}`] });
    await only("leaderboard_achievement", data, [all], [some]);
    assert.deepEqual(await ask(some, "join_ticket", { ticketId: fresh(), userId }), { error: "Unknown event" });
    assert.equal((await ask(some, "whoami")).userId, userId);
  });
});

describe("every acknowledgement is answered", () => {
  it("an unknown event too", async () => {
    const me = await user();
    assert.deepEqual(await ask(me, fresh("event"), 1), { error: "Unknown event" });
  });

  it("Unauthorized for anonymous sockets, or an error event", async () => {
    const anonymous = await connected(null);
    assert.deepEqual(await ask(anonymous, "subscribe", { channel: "orders" }), { error: "Unauthorized" });
    const told = next(anonymous, "error");
    anonymous.emit("subscribe", { channel: "cart" });
    const [error] = await told;
    assert.deepEqual({ ...error, timestamp: "" }, { code: "UNAUTHORIZED", message: "Unauthorized", timestamp: "" });
    ran("C", "error");
  });

  it("a bad payload names its field and changes nothing", async () => {
    const me = await user();
    for (const [event, payload, field] of [
      ["subscribe", {}, "channel"],
      ["subscribe", { channel: 5 }, "channel"],
      ["subscribe", { channel: "offers", more: 1 }, "more"],
      ["heartbeat", { timestamp: "soon" }, "timestamp"],
      ["token_refresh", {}, "token"],
    ]) {
      const { error } = await ask(me, event, payload);
      assert.ok(error.includes(field), `${event}: ${error}`);
    }
  });
});

describe("sizes", () => {
  it("an event of more than 64 KiB is refused, and nothing else ends", async () => {
    const me = await user();
    const channel = (size) => `offers_${"x".repeat(size)}`;
    const whole = JSON.stringify([{ channel: channel(0) }]).length;
    for (const [over, says] of [[0, /Unknown channel/], [200, /more than 65536 bytes/]]) {
      const { error } = await ask(me, "subscribe", { channel: channel(65_536 - whole - 100 + over) });
      assert.match(error, says);
    }
    assert.equal((await ask(me, "subscribe", { channel: channel(5) })).ok, true);
  });
});

describe("heartbeat", () => {
  it("is answered with the server's time", async () => {
    const me = await user();
    const answered = next(me, "heartbeat_ack");
    assert.deepEqual(await ask(me, "heartbeat", { timestamp: Date.now() }), { ok: true });
    const [{ timestamp }] = await answered;
    assert.ok(Math.abs(timestamp - Date.now()) < 60_000);
    ran("S", "heartbeat");
    ran("C", "heartbeat_ack");
  });
});

describe("channels", () => {
  it("are joined, left, and kept for the user's next socket", async () => {
    const me = await user();
    const channel = `offers_${fresh("cat")}`;
    const room = channel.replace("_", ":");
    assert.deepEqual(await ask(me, "subscribe", { channel }), { ok: true, channel });
    const sockets = async () => (await expect(200, "GET", `/api/rooms/${encodeURIComponent(room)}`)).sockets;
    assert.equal(await sockets(), 1);
    const later = await user({ userId: me.userId });
    assert.equal(await sockets(), 2);
    assert.deepEqual(await ask(later, "unsubscribe", { channel }), { ok: true, channel });
    assert.equal(await sockets(), 1);
    await user({ userId: me.userId });
    assert.equal(await sockets(), 1, "forgotten by the user, so the third socket is not in");
    ran("S", "subscribe");
    ran("S", "unsubscribe");
  });

  it("of others are refused, and so are unknown ones", async () => {
    const me = await user();
    const ticket = `support_ticket_${fresh()}`;
    assert.deepEqual(await ask(me, "subscribe", { channel: ticket }), { error: "Access denied" });
    assert.deepEqual(await ask(me, "subscribe", { channel: "weather" }), { error: "Unknown channel" });
    const told = next(me, "error");
    me.emit("subscribe", { channel: ticket });
    const [error] = await told;
    assert.equal(error.code, "ACCESS_DENIED");
    assert.deepEqual(error.details, { room: ticket.replace("ticket_", "ticket:") });
  });

  it("open by a grant, and close at once when it is taken back", async () => {
    const me = await user();
    const group = fresh("group");
    const room = `group:${group}`;
    const member = `/api/rooms/${encodeURIComponent(room)}/members/${me.userId}`;
    assert.deepEqual(await ask(me, "subscribe", { channel: `group_${group}` }), { error: "Access denied" });
    await expect(200, "PUT", member, { body: {} });
    assert.equal((await ask(me, "subscribe", { channel: `group_${group}` })).ok, true);
    await expect(204, "DELETE", member);
    assert.equal((await expect(200, "GET", `/api/rooms/${encodeURIComponent(room)}`)).sockets, 0);
    assert.deepEqual(await ask(me, "subscribe", { channel: `group_${group}` }), { error: "Access denied" });
  });

  it("open by the token's own rooms", async () => {
    const group = fresh("group");
    const me = await user({ rooms: [`group:${group}*`] });
    assert.equal((await ask(me, "subscribe", { channel: `group_${group}-1` })).ok, true);
    assert.deepEqual(await ask(me, "subscribe", { channel: `group_${fresh()}` }), { error: "Access denied" });
  });
});

describe("a token that ends", () => {
  it("is told of, and ends the stay", async () => {
    const me = await user({ exp: now() + 3 });
    const reason = new Promise((resolve) => me.on("disconnect", resolve));
    assert.equal(await reason, "io server disconnect");
    const said = me.log.map(([event]) => event).filter((event) => /^session_|^disconnected/.test(event));
    assert.deepEqual(said, ["session_expiring", "session_expired", "disconnected"]);
    const [expiring] = got(me, "session_expiring");
    assert.ok(expiring.expiresIn >= 0 && expiring.expiresIn <= 3);
    const [expired] = got(me, "session_expired");
    assert.deepEqual(Object.keys(expired).sort(), ["expiredAt", "message"]);
    assert.match(expired.expiredAt, ISO);
    const [bye] = got(me, "disconnected");
    assert.equal(bye.reason, "session expired");
    for (const event of ["session_expiring", "session_expired", "disconnected"]) ran("C", event);
  });

  it("is swapped without a new connection", async () => {
    const me = await user({ exp: now() + 3 });
    const { id } = me;
    const answer = await ask(me, "token_refresh", { token: token({ userId: me.userId, exp: now() + 500 }) });
    assert.equal(answer.ok, true);
    assert.ok(answer.expiresIn > 490 && answer.expiresIn <= 500);
    await new Promise((resolve) => setTimeout(resolve, 4_500));
    assert.deepEqual([me.connected, me.id], [true, id]);
    assert.deepEqual(got(me, "session_expired"), []);
    ran("S", "token_refresh");
  });

  it("is not swapped for another user's, or a bad one", async () => {
    const me = await user();
    for (const other of [token({ userId: fresh() }), "no.token.atall", token({ userId: me.userId, exp: 5 })]) {
      const answer = await ask(me, "token_refresh", { token: other });
      assert.ok(answer.error && !answer.ok, JSON.stringify(answer));
    }
    assert.equal(me.connected, true);
  });

  it("of lower role leaves the rooms that it may not be in", async () => {
    const ticketId = fresh("ticket");
    const me = await user({ role: "agent" });
    const channel = `support_ticket_${ticketId}`;
    assert.equal((await ask(me, "subscribe", { channel })).ok, true);
    assert.equal((await ask(me, "token_refresh", { token: token({ userId: me.userId }) })).ok, true);
    const { sockets } = await expect(200, "GET", `/api/rooms/${encodeURIComponent(`support_ticket:${ticketId}`)}`);
    assert.equal(sockets, 0);
  });
});

describe("revocation", () => {
  it("ends the user's sockets and refuses the tokens of before", async () => {
    const userId = fresh("user");
    const old = token({ userId, iat: now() - 10 });
    const [one, two, other] = [await connected(old), await connected(old), await user()];
    const gone = [one, two].map((socket) => new Promise((resolve) => socket.on("disconnect", resolve)));
    await expect(202, "POST", `/api/users/${userId}/revoke`, { body: {} });
    assert.deepEqual(await Promise.all(gone), ["io server disconnect", "io server disconnect"]);
    assert.equal(got(one, "disconnected")[0].reason, "revoked");
    assert.equal(other.connected, true);
    // Modes differ in what a bad token is; in no mode is it this user.
    const again = client(old);
    const what = await Promise.race([
      next(again, "connected").then(([hello]) => hello.userId),
      next(again, "connect_error").then(() => null),
    ]);
    assert.equal(what, null);
    assert.equal((await call("GET", "/api/notifications", { as: old })).status, 401);
    const fresh_ = await connected(token({ userId, iat: now() + 2 }));
    assert.equal(fresh_.hello.userId, userId);
  });
});

describe("presence", () => {
  const forms = [["presence:update", "shop"], ["user-status-change", "marketplace"]].filter(([, app]) => has(app));
  const about = (socket, userId) =>
    forms.flatMap(([event]) => got(socket, event).filter((seen) => seen.userId === userId).map((seen) => [event, seen.status]));

  it("says online once and offline once, whatever the tabs", { skip: forms.length === 0 }, async () => {
    const watcher = await user();
    const anonymous = await connected(null);
    const userId = fresh("user");
    const status = (wanted) =>
      Promise.all(forms.map(([event]) => next(watcher, event, (seen) => seen.userId === userId && seen.status === wanted)));
    const online = status("online");
    const first = await user({ userId });
    await online;
    const second = await user({ userId });
    assert.equal((await expect(200, "GET", `/api/presence/${userId}`)).sockets, 2);
    first.disconnect();
    await fence(watcher, second);
    const third = await user({ userId });
    second.disconnect();
    const offline = status("offline");
    third.io.engine.close();
    await offline;
    await fence(watcher, anonymous);
    const expected = [...forms.map(([event]) => [event, "online"]), ...forms.map(([event]) => [event, "offline"])];
    assert.deepEqual(about(watcher, userId).sort(), expected.sort());
    assert.deepEqual(about(anonymous, userId), []);
    const view = await expect(200, "GET", `/api/presence/${userId}`);
    assert.deepEqual([view.userId, view.status, view.sockets], [userId, "offline", 0]);
    assert.match(view.lastSeen, ISO);
    for (const [event] of forms) ran("C", event);
  });

  it("hides a reconnect within the grace", { skip: forms.length === 0 }, async () => {
    const watcher = await user();
    const userId = fresh("user");
    const one = await user({ userId });
    one.io.engine.close();
    await user({ userId });
    await new Promise((resolve) => setTimeout(resolve, Number(process.env.CRIER_GRACE_MS) + 1_000));
    await fence(watcher);
    assert.deepEqual(about(watcher, userId), forms.map(([event]) => [event, "online"]));
  });

  it("ends also for one whose connection was taken over", { skip: forms.length === 0 }, async () => {
    const watcher = await user();
    const userId = fresh("user");
    const before = await user({ userId });
    await fence(before);
    const after = await user({ userId }, { auth: { pid: before._pid, offset: before._lastOffset } });
    assert.deepEqual([after.hello.recovered, after.id], [true, before.id]);
    const offline = Promise.all(
      forms.map(([event]) => next(watcher, event, (seen) => seen.userId === userId && seen.status === "offline")),
    );
    before.disconnect();
    after.disconnect();
    await offline;
    assert.equal((await expect(200, "GET", `/api/presence/${userId}`)).sockets, 0);
  });

  it("tells a new socket of its own user", { skip: forms.length === 0 }, async () => {
    const me = await user();
    await Promise.all(forms.map(async ([event]) => {
      if (!got(me, event).some((seen) => seen.userId === me.userId)) await next(me, event, (seen) => seen.userId === me.userId);
    }));
    assert.ok(forms.every(([event]) => got(me, event).some((seen) => seen.userId === me.userId && seen.status === "online")));
  });
});

describe("a backend's hands on sockets", () => {
  it("makes them join, leave and go", async () => {
    const [me, other] = [await user(), await user()];
    const room = fresh("any:room");
    await put(me, room);
    const mark = fresh("hi");
    await expect(202, "POST", "/api/emit", { body: { rooms: [room], event: mark, args: [{ a: 1 }, "two"] } });
    await only(mark, { a: 1 }, [me], [other]);
    await expect(202, "POST", "/api/sockets/leave", { body: { in: [room], rooms: [room] } });
    await expect(202, "POST", "/api/emit", { body: { rooms: [room], event: mark, args: [1] } });
    await nothing(mark, me);
    const gone = new Promise((resolve) => me.on("disconnect", resolve));
    const reached = await expect(202, "POST", "/api/sockets/disconnect", { body: { in: [me.id] } });
    assert.deepEqual(reached, { matched: 1, missing: [] });
    assert.equal(await gone, "io server disconnect");
    assert.equal(got(me, "disconnected")[0].reason, "kicked");
    assert.equal(other.connected, true);
  });
});
