// Customers and vendors: who must be present, what is kept for those who are away, who reads what.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apps, client, connected, expect, fresh, got, ISO, next, only, ran, refusal, whole } from "./support.mjs";

const skip = !apps.includes("vendor-chat");
const chatNs = { namespace: "/chat" };

/** Ids of customers and vendors are separate: these two may be the same number. */
const customer = (userId = whole(1e9)) => ({ userId, userType: "CUSTOMER", name: fresh("Cleo") });
const vendor = (userId = whole(1e9)) => ({ userId, userType: "VENDOR", name: fresh("Vera") });

/** A person on `/presence` and on `/chat`, greeted. */
async function present(person) {
  const presence = await connected(person, { namespace: "/presence" });
  const chat = client(person, chatNs);
  const [chats, offline] = [next(chat, "userChats"), next(chat, "offlineMessages")];
  await next(chat, "connect");
  chat.person = person;
  chat.presence = presence;
  [[chat.chats], [chat.offline]] = await Promise.all([chats, offline]);
  return chat;
}

const away = (chat) => {
  chat.disconnect();
  chat.presence.disconnect();
};

const pagination = (totalRecords) => ({
  currentPage: 1, nextPage: null, prevPage: null, hasNext: false, hasPrev: false, totalPages: totalRecords ? 1 : 0, totalRecords,
});

/** Sends and waits for the sender's own copy. */
async function send(chat, message) {
  const own = next(chat, "receiveMessage");
  chat.emit("sendMessage", message);
  const [envelope] = await own;
  assert.deepEqual({ ...envelope, data: 0 }, { statusCode: 200, error: false, message: null, data: 0 });
  assert.equal(envelope.data.length, 1);
  return envelope.data[0];
}

describe("the way in", { skip }, () => {
  it("needs a token with user and type, in every mode", async () => {
    for (const namespace of ["/presence", "/chat"]) {
      for (const claims of [null, { userId: fresh() }, { userId: fresh(), userType: "DRIVER" }]) {
        const error = await refusal(client(claims, { namespace }));
        assert.ok(error.data.code, JSON.stringify(error));
      }
    }
  });

  it("leads over /presence", async () => {
    const alone = client(customer(), chatNs);
    const [error] = await next(alone, "appError");
    assert.deepEqual({ ...error, message: "" }, { error: true, message: "", statusCode: 400 });
    const [reason] = alone.connected ? await next(alone, "disconnect") : ["io server disconnect"];
    assert.equal(reason, "io server disconnect");
    ran("C", "appError", "/chat");
  });

  it("waits for /presence, which may come a moment later", async () => {
    const person = customer();
    const chat = client(person, chatNs);
    await next(chat, "connect");
    const greeted = next(chat, "userChats");
    await connected(person, { namespace: "/presence" });
    const [greeting] = await greeted;
    assert.deepEqual(greeting, {
      statusCode: 200, error: false, message: "Chats have been sent successfully", data: { items: [], pagination: pagination(0) },
    });
  });
});

describe("messages", { skip }, () => {
  it("of a new chat come as newChat, later ones as receiveMessage, to all sockets of both", async () => {
    const productId = whole(1e9);
    const id = whole(1e9);
    const [c, c2, v, stranger] = [await present(customer(id)), await present(customer(id)), await present(vendor(id)), await present(vendor())];
    const came = next(v, "newChat");
    const first = await send(c, { productId, text: fresh("hello"), recipientId: id });
    assert.match(first.timestamp, ISO);
    assert.deepEqual(
      [first.senderId, first.senderType, first.recipientId, first.recipientType, first.read, first.recipientOnline, first.supportChatId, first.messageMedias],
      [id, "CUSTOMER", id, "VENDOR", false, true, null, []],
    );
    const [{ message, data, ...envelope }] = await came;
    assert.deepEqual(envelope, { statusCode: 200, error: false });
    assert.deepEqual(message, data);
    assert.deepEqual([message.productId, message.customerId, message.vendorId, message.unReadVendorMessages], [productId, id, id, true]);
    assert.deepEqual(message.messages.map((one) => one.id), [first.id]);
    assert.ok("customer" in message && !("vendor" in message));
    await only("receiveMessage", (seen) => assert.equal(seen.data[0].id, first.id), [c2], [v, stranger]);
    c.log = [];
    const second = await send(v, { productId: String(productId), text: null, recipientId: String(id), messageMedias: [
      { imageUrl: "https://cdn.example/a.jpg", size: "115998", mimeType: "image/jpeg" },
    ] });
    assert.equal(second.chatId, first.chatId, "12345 and \"12345\" are one product");
    assert.equal(second.text, null);
    assert.deepEqual({ ...second.messageMedias[0], id: "" }, { id: "", imageUrl: "https://cdn.example/a.jpg", size: "115998", mimeType: "image/jpeg" });
    assert.ok(second.messageMedias[0].id);
    await only("receiveMessage", (seen) => assert.equal(seen.data[0].id, second.id), [c, c2], [stranger]);
    await only("newChat", {}, [], [c, c2, stranger]);
    ran("S", "sendMessage", "/chat");
    ran("C", "newChat", "/chat");
    ran("C", "receiveMessage", "/chat");
  });

  it("wait for those who are away, and are read with a receipt to the sender", async () => {
    const [cp, vp, productId] = [customer(), vendor(), fresh("product")];
    const v = await present(vp);
    let c = await present(cp);
    const first = await send(c, { productId, text: fresh(), recipientId: vp.userId });
    away(c);
    await new Promise((resolve) => setTimeout(resolve, Number(process.env.CRIER_GRACE_MS) + 500));
    const texts = [fresh(), fresh()];
    for (const text of texts) {
      const sent = await send(v, { productId, text, recipientId: cp.userId });
      assert.equal(sent.recipientOnline, false);
    }
    c = await present(cp);
    assert.equal(c.offline.message, "Offline messages has been sent successfully");
    const { items } = c.offline.data;
    assert.deepEqual(items.map((one) => one.text).sort(), [...texts].sort());
    assert.deepEqual(c.offline.data.pagination, pagination(2));
    for (const one of items) assert.deepEqual([one.chat.id, one.chat.unReadCustomerMessages], [first.chatId, true]);
    assert.deepEqual(c.chats.data.items.map((chat) => chat.id), [first.chatId]);
    ran("C", "offlineMessages", "/chat");
    ran("C", "userChats", "/chat");

    v.log = [];
    const [receipt, loaded] = [next(v, "updateReadReceipts"), next(c, "loadMessages")];
    c.emit("joinChat", { productId, recipientId: vp.userId });
    const [{ data, ...envelope }] = await loaded;
    assert.deepEqual(envelope, { statusCode: 200, error: false, message: "Chat has been loaded" });
    assert.deepEqual(data.messages.map((one) => one.id).sort(), [first.id, ...items.map((one) => one.id)].sort());
    assert.equal(data.unReadCustomerMessages, false);
    assert.equal((await receipt)[0].data.chatId, first.chatId);
    ran("S", "joinChat", "/chat");
    ran("C", "loadMessages", "/chat");

    const [read] = await Promise.all([next(c, "updateReadReceipts"), v.emit("markAsRead", { chatId: first.chatId })]);
    assert.deepEqual({ ...read[0], data: 0 }, { error: false, message: "Messages marked as read", statusCode: 200, data: 0 });
    ran("S", "markAsRead", "/chat");
    ran("C", "updateReadReceipts", "/chat");

    const again = await present(cp);
    assert.deepEqual(again.offline.data.items, []);
  });

  it("are deleted by their sender alone", async () => {
    const [c, v] = [await present(customer()), await present(vendor())];
    const productId = fresh();
    const sent = await send(c, { productId, text: fresh(), recipientId: v.person.userId });
    const refused = next(v, "appError");
    v.emit("deleteMessage", { productId, recipientId: c.person.userId, messageId: sent.id });
    assert.ok([403, 404].includes((await refused)[0].statusCode));
    c.emit("deleteMessage", { productId, recipientId: v.person.userId, messageId: sent.id });
    await next(c, "messageDeleted");
    await only("messageDeleted", (seen) => {
      assert.deepEqual({ ...seen, data: 0 }, { error: false, message: "Message has been deleted successfully", statusCode: 200, data: 0 });
      assert.deepEqual([seen.data.chatId, seen.data.messageId], [sent.chatId, sent.id]);
    }, [c, v], []);
    ran("S", "deleteMessage", "/chat");
    ran("C", "messageDeleted", "/chat");
  });

  it("are announced while they are typed", async () => {
    const [c, v, stranger] = [await present(customer()), await present(vendor()), await present(vendor())];
    const productId = fresh();
    await send(c, { productId, text: fresh(), recipientId: v.person.userId });
    for (const [event, tells, message] of [
      ["typing", "userTyping", "User is typing"],
      ["stoppedTyping", "stoppedTyping", "User has stopped typing"],
    ]) {
      const told = next(v, tells);
      c.emit(event, { productId, recipientId: v.person.userId });
      await told;
      await only(tells, (seen) => {
        assert.deepEqual([seen.message, seen.statusCode, seen.error, seen.data.userId], [message, 200, false, c.person.userId]);
      }, [v], [c, stranger]);
      ran("S", event, "/chat");
      ran("C", tells, "/chat");
    }
  });

  it("are listed with their chats", async () => {
    const [c, v] = [await present(customer()), await present(vendor())];
    const texts = [];
    for (const productId of [fresh(), fresh()]) {
      texts.push((await send(c, { productId, text: fresh(), recipientId: v.person.userId })).text);
    }
    for (const event of ["joinRooms", "getUserChats"]) {
      const listed = next(c, "userChats");
      c.emit(event);
      const [{ data, pagination: pages, ...envelope }] = await listed;
      assert.deepEqual(envelope, { statusCode: 200, error: false, message: "Chats has been sent successfully" });
      assert.deepEqual(data.map((chat) => chat.messages[0].text), [...texts].reverse());
      assert.deepEqual(pages, pagination(2));
      assert.ok(data.every((chat) => "vendor" in chat && !("customer" in chat)));
      ran("S", event, "/chat");
    }
  });
});

describe("what is refused", { skip }, () => {
  it("names the field, as appError, and reaches nobody", async () => {
    const [c, v] = [await present(customer()), await present(vendor())];
    const good = { productId: fresh(), text: "x", recipientId: v.person.userId };
    for (const [event, bad, says, status] of [
      ["sendMessage", { ...good, text: 5 }, /text/, 422],
      ["sendMessage", { ...good, productId: undefined }, /productId/, 422],
      ["sendMessage", { ...good, recipientId: {} }, /recipientId/, 422],
      ["sendMessage", { ...good, text: "" }, /text/, 422],
      ["sendMessage", { ...good, text: "y".repeat(5_001) }, /text/, 422],
      ["sendMessage", { ...good, text: "a\u0000" }, /text/, 422],
      ["sendMessage", { ...good, messageMedias: [{ imageUrl: "javascript:x", size: "1", mimeType: "image/png" }] }, /messageMedias.0.imageUrl/, 422],
      ["joinChat", { productId: fresh(), recipientId: v.person.userId }, /./, 404],
      ["markAsRead", {}, /./, 422],
      ["deleteMessage", { productId: good.productId, recipientId: v.person.userId }, /messageId/, 422],
    ]) {
      const refused = next(c, "appError");
      c.emit(event, bad);
      const [error] = await refused;
      assert.equal(error.error, true);
      assert.match(error.message, says, event);
      assert.ok(error.statusCode === status || (status === 422 && error.statusCode === 400), `${event}: ${error.statusCode}`);
    }
    for (const event of ["receiveMessage", "newChat", "messageDeleted", "updateReadReceipts"]) await only(event, {}, [], [c, v]);
  });

  it("an unknown recipient, once there is a directory", async () => {
    const known = vendor();
    await expect(200, "PUT", `/api/users/${known.userId}`, {
      body: { userType: "VENDOR", firstName: fresh("Vera"), lastName: fresh(), email: `${fresh()}@shop.example` },
    });
    const c = await present(customer());
    const refused = next(c, "appError");
    c.emit("sendMessage", { productId: fresh(), text: "x", recipientId: whole(1e9) });
    assert.equal((await refused)[0].statusCode, 404);
    const sent = await send(c, { productId: fresh(), text: "x", recipientId: known.userId });
    assert.equal(sent.recipientOnline, false);
  });
});
