// What clients of the marketplace say, and who hears of it.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apps, ask, call, connected, expect, fresh, got, next, only, ran, user } from "./support.mjs";

const skip = !apps.includes("marketplace");
const sockets = async (room) => (await expect(200, "GET", `/api/rooms/${encodeURIComponent(room)}`)).sockets;

describe("marketplace rooms", { skip }, () => {
  for (const [join, leave, role, prefix, pool] of [
    ["join-seller-room", "leave-seller-room", "seller", "seller", "sellers"],
    ["join-buyer-room", "leave-buyer-room", "buyer", "buyer", "buyers"],
  ]) {
    it(`${join} enters the own room and the pool, ${leave} leaves both`, async () => {
      const me = await user({ role });
      const room = `${prefix}-${me.userId}`;
      const before = await sockets(pool);
      assert.deepEqual(await ask(me, join, me.userId), { ok: true, room });
      assert.deepEqual([await sockets(room), await sockets(pool)], [1, before + 1]);
      assert.deepEqual(await ask(me, leave, me.userId), { ok: true, room });
      assert.deepEqual([await sockets(room), await sockets(pool)], [0, before]);
      for (const event of [join, leave]) ran("S", event);
      const other = await user({ role: role === "seller" ? "buyer" : "seller" });
      assert.deepEqual(await ask(other, join, other.userId), { error: "Access denied" });
      assert.deepEqual(await ask(other, join, me.userId), { error: "Access denied" });
    });
  }

  it("join-user-room and user-online are for oneself", async () => {
    const [me, other] = [await user(), await user()];
    for (const event of ["join-user-room", "user-online"]) {
      assert.deepEqual(await ask(me, event, me.userId), { ok: true, room: `user-${me.userId}` });
      assert.deepEqual(await ask(me, event, other.userId), { error: "Access denied" });
      ran("S", event);
    }
    assert.equal(await sockets(`user-${me.userId}`), 1);
  });

  for (const [join, leave, prefix] of [["join-request-room", "leave-request-room", "request"]]) {
    it(`${join} needs a grant`, async () => {
      const id = fresh(prefix);
      const room = `${prefix}-${id}`;
      const [stranger, me] = [await user(), await user({ rooms: [room] })];
      assert.deepEqual(await ask(stranger, join, id), { error: "Access denied" });
      const told = next(stranger, "error");
      stranger.emit(join, id);
      assert.deepEqual((await told)[0].details, { room });
      assert.deepEqual(await ask(me, join, id), { ok: true, room });
      assert.equal(await sockets(room), 1);
      assert.deepEqual(await ask(me, leave, id), { ok: true, room });
      assert.equal(await sockets(room), 0);
      for (const event of [join, leave]) ran("S", event);
    });
  }

  it("takes an id as text or number, and nothing else", async () => {
    const me = await user({ rooms: ["request-*"] });
    assert.deepEqual(await ask(me, "join-request-room", 55), { ok: true, room: "request-55" });
    assert.deepEqual(await ask(me, "join-request-room", "a b"), { ok: true, room: "request-a%20b" });
    for (const bad of [null, {}, [], true, "", 1.5]) {
      assert.ok((await ask(me, "join-request-room", bad)).error, JSON.stringify(bad));
    }
  });

  it("asks for a user", async () => {
    const anonymous = await connected(null);
    for (const event of ["join-user-room", "join-request-room", "join-chat-room", "user-online", "typing-start"]) {
      assert.deepEqual(await ask(anonymous, event, event === "typing-start" ? { chatId: "a", userId: "b", userName: "c" } : "a"), {
        error: "Unauthorized",
      });
    }
  });
});

describe("marketplace chat", { skip }, () => {
  async function pair() {
    const [a, b, stranger] = [
      await user({ name: fresh("Ann") }), await user({ name: fresh("Bob") }), await user(),
    ];
    const answer = await expect(201, "POST", "/api/chat", { as: a.auth.token, body: { participantIds: [b.userId] } });
    const chatId = answer.data.chat._id;
    return { a, b, stranger, chatId, room: `chat-${chatId}` };
  }

  it("its room is for participants, and carries messages", async () => {
    const { a, b, stranger, chatId, room } = await pair();
    for (const me of [a, b]) assert.deepEqual(await ask(me, "join-chat-room", chatId), { ok: true, room });
    assert.deepEqual(await ask(stranger, "join-chat-room", chatId), { error: "Access denied" });
    const content = fresh("hello <b>");
    const sent = await expect(201, "POST", `/api/chat/${chatId}/messages`, { as: a.auth.token, body: { content } });
    await only("new-message", (seen) => {
      assert.deepEqual([seen.chatId, seen.senderId, seen.message.content], [chatId, a.userId, content]);
      assert.equal(seen.message._id, sent.data.message._id);
    }, [a, b], [stranger]);
    assert.deepEqual(await ask(b, "leave-chat-room", chatId), { ok: true, room });
    assert.equal(await sockets(room), 1);
    for (const event of ["join-chat-room", "leave-chat-room"]) ran("S", event);
  });

  it("tells the others who is typing, by the token's name, and ends it", async () => {
    const { a, b, stranger, chatId } = await pair();
    for (const me of [a, b]) await ask(me, "join-chat-room", chatId);
    const name = JSON.parse(Buffer.from(a.auth.token.split(".")[1], "base64url")).name;
    const typing = { chatId, userId: a.userId, userName: "somebody else" };
    await ask(a, "typing-start", typing);
    await only("user-typing", { chatId, userId: a.userId, userName: name, isTyping: true }, [b], [a, stranger]);
    await ask(a, "typing-stop", { chatId, userId: a.userId });
    await only("user-typing", { chatId, userId: a.userId, isTyping: false }, [b], [a, stranger]);
    const ended = next(b, "user-typing", (seen) => !seen.isTyping);
    await ask(a, "typing-start", typing);
    a.disconnect();
    assert.deepEqual((await ended)[0], { chatId, userId: a.userId, isTyping: false });
    ran("S", "typing-start");
    ran("S", "typing-stop");
    ran("C", "user-typing");
  });

  it("does not let one type for another, or where one is not", async () => {
    const { a, b, stranger, chatId } = await pair();
    await ask(b, "join-chat-room", chatId);
    assert.ok((await ask(b, "typing-start", { chatId, userId: a.userId, userName: "x" })).error);
    assert.ok((await ask(a, "typing-start", { chatId, userId: a.userId, userName: "x" })).error, "not in the room yet");
    assert.ok((await ask(stranger, "typing-start", { chatId, userId: stranger.userId, userName: "x" })).error);
    await only("user-typing", {}, [], [a, b, stranger]);
  });
});

describe("the list of chats", { skip }, () => {
  it("has every chat on one page, whatever their kinds", async () => {
    const me = await user();
    const made = [];
    for (let n = 0; n < 5; n += 1) {
      const body = n % 2 ? { type: "group", title: fresh(), participantIds: [fresh(), fresh()] } : { participantIds: [fresh()] };
      made.push((await expect(201, "POST", "/api/chat", { as: me.auth.token, body })).data.chat._id);
    }
    const seen = [];
    for (const page of [1, 2, 3]) {
      const { data } = await expect(200, "GET", `/api/chat?limit=2&page=${page}`, { as: me.auth.token });
      assert.equal(data.pagination.totalRecords, 5);
      seen.push(...data.chats.map((chat) => chat._id));
    }
    assert.deepEqual(seen, made.reverse());
  });
});

describe("marketplace notifications", { skip }, () => {
  it("tell one who is away of a chat message, and count what is unread", async () => {
    const a = await user();
    const away = fresh("away");
    const { data } = await expect(201, "POST", "/api/chat", { as: a.auth.token, body: { participantIds: [away] } });
    const sent = await expect(201, "POST", `/api/chat/${data.chat._id}/messages`, {
      as: a.auth.token, body: { content: fresh() },
    });
    const back = await user({ userId: away });
    const list = await expect(200, "GET", "/api/notifications", { as: back.auth.token });
    assert.equal(list.data.notifications.length, 1);
    const [notification] = list.data.notifications;
    assert.equal(notification.type, "chat-message");
    assert.deepEqual(notification.data, { chatId: data.chat._id, messageId: sent.data.message._id });
    const count = async () => (await expect(200, "GET", "/api/notifications/unread-count", { as: back.auth.token })).data.unreadCount;
    assert.equal(await count(), 1);
    for (const [method, path] of [["PATCH", "mark-all-read"], ["PUT", "read-all"], ["POST", "mark-all-read"]]) {
      const answer = await expect(200, method, `/api/notifications/${path}`, { as: back.auth.token });
      assert.equal(typeof answer.data.modifiedCount, "number");
    }
    assert.equal(await count(), 0);
    await next(back, "unread-count-update", undefined, 1).catch(() => {});
    assert.deepEqual(got(back, "unread-count-update").at(-1), { unreadCount: 0 });
    assert.equal((await call("GET", `/api/notifications/${notification._id}`, { as: a.auth.token })).status, 404);
  });
});
