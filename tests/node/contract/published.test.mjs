// Every event that a backend may publish: to whom it goes, with which payload, and who gets nothing.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  amount, apps, connected, expect, fresh, got, ISO, moment, next, objectId, only, publish, put, ran,
  same, user, whole,
} from "./support.mjs";

/** One event: what is published, the rooms that it must reach, and what arrives if not the same. */
const row = (event, data, { params, to, arrives = data } = {}) => ({ event, data, params, to, arrives });

/** `timestamp` is added by the sidecar where it is left out. */
const stamped = (data) => (seen) => {
  assert.match(seen.timestamp, ISO);
  assert.deepEqual(seen, { ...data, timestamp: seen.timestamp });
};

function marketplace() {
  const ids = Object.fromEntries(
    ["request", "buyer", "seller", "payment", "checkout", "payout", "task", "chat", "offer"]
      .map((name) => [`${name}Id`, fresh(name)]),
  );
  const { requestId, buyerId, sellerId, paymentId, checkoutId, payoutId, taskId, chatId } = ids;
  const request = { _id: requestId, title: fresh(), budget: { max: amount() }, tags: [fresh()] };
  const offer = { requestId, offer: { price: amount(), note: fresh() }, sellerId };
  const rejected = {
    sellerId, requestId, eventType: "offer-rejected",
    data: { offerId: ids.offerId, isSelected: false, reason: fresh() },
  };
  const paid = {
    sellerId, requestId, eventType: "payment-completed",
    data: { offerId: ids.offerId, isSelected: true, paymentId, transactionHash: fresh("0x") },
  };
  const money = { amount: amount(), currency: fresh("CUR").slice(0, 3).toUpperCase() };
  const created = { paymentId, provider: fresh(), requestId, buyerId, sellerId, ...money };
  const payout = { payoutId, taskId, sellerId, ...money };
  const message = { _id: objectId(), content: fresh("text"), senderId: buyerId, createdAt: moment() };
  const notification = {
    _id: objectId(), type: fresh(), title: fresh(), body: fresh(), data: { n: whole() }, createdAt: moment(),
  };
  const chat = { to: [`chat-${chatId}`] };
  const parties = { params: { buyerId, sellerId, requestId } };
  const others = [`buyer-${buyerId}`, `seller-${sellerId}`, `request-${requestId}`, "admins"];
  return [
    row("new-purchase-request", request, { to: ["sellers"] }),
    row("new-offer", offer, { params: { buyerId }, to: [`buyer-${buyerId}`] }),
    row("seller-offer-update", rejected, { to: [`seller-${sellerId}`] }),
    row("seller-offer-update", paid, {
      params: { buyerId },
      to: [`seller-${sellerId}`, `buyer-${buyerId}`, `request-${requestId}`, "admins"],
    }),
    row("purchase-request-update", { type: "payment", requestId, status: fresh(), txHash: fresh() }, {
      to: [`request-${requestId}`],
      arrives: (seen) => assert.deepEqual([seen.type, seen.eventType], ["payment", "payment"]),
    }),
    row("purchase-request-update", { eventType: "status-changed", requestId, provider: fresh() }, {
      to: [`request-${requestId}`],
      arrives: (seen) => assert.deepEqual([seen.type, seen.eventType], ["status-changed", "status-changed"]),
    }),
    row("transaction-completed", { requestId, paymentId, ...money }, {
      params: { buyerId, sellerId }, to: [`user-${buyerId}`, `user-${sellerId}`],
    }),
    row("delivery-update", { requestId, status: fresh(), carrier: fresh(), trackingNumber: fresh() }, {
      to: [`request-${requestId}`],
    }),
    row("delivery-confirmed", { requestId }, { to: [`request-${requestId}`] }),
    row("buyer-confirmed-delivery", { requestId, buyerId }, { params: { sellerId }, to: [`user-${sellerId}`] }),
    row("template-checkout-payment-confirmed", { checkoutId, requestIds: [requestId], paymentId }, {
      params: { buyerId, sellerId },
      to: [`template-checkout-${checkoutId}`, ...others],
    }),
    row("template-checkout-payment-pending", { checkoutId }, { to: [`template-checkout-${checkoutId}`, "admins"] }),
    row("template-checkout-payment-failed", { checkoutId, reason: fresh() }, {
      ...parties, to: [`template-checkout-${checkoutId}`, ...others],
    }),
    row("payment-created", created, { to: others }),
    row("payment-received", { purchaseRequestId: requestId, ...money, buyerId }, {
      params: { sellerId }, to: [`user-${sellerId}`],
    }),
    row("payment-update", { paymentId, status: fresh(), escrowState: fresh() }, { ...parties, to: others }),
    row("payout-created", payout, { to: [`seller-${sellerId}`, "admins"] }),
    row("payout-completed", { payoutId, taskId, txHash: fresh() }, {
      params: { sellerId }, to: [`user-${sellerId}`, `seller-${sellerId}`, "admins"],
    }),
    row("payout-updated", { payoutId, status: fresh() }, { params: { sellerId }, to: [`seller-${sellerId}`, "admins"] }),
    row("new-message", { chatId, message, senderId: buyerId }, chat),
    row("messages-read", { chatId, userId: buyerId, upToMessageId: objectId(), modifiedCount: whole() }, chat),
    row("message-edited", { chatId, messageId: objectId(), content: fresh(), editedAt: moment() }, chat),
    row("message-deleted", { chatId, messageId: objectId(), deletedAt: moment() }, chat),
    row("participants-added", { chatId, addedUserIds: [fresh(), fresh()] }, chat),
    row("participant-removed", { chatId, removedUserId: fresh() }, chat),
    row("new-notification", { notification }, { params: { userId: buyerId }, to: [`user-${buyerId}`] }),
    row("unread-count-update", { unreadCount: whole() }, { params: { userId: buyerId }, to: [`user-${buyerId}`] }),
    row("level-up", { oldLevel: 1, newLevel: 2, lifetimePoints: whole(), perks: [fresh()] }, {
      params: { userId: buyerId }, to: [`user-${buyerId}`],
    }),
    row("referral-reward", { referredUserId: fresh(), points: whole(), transactionId: fresh() }, {
      params: { referrerId: buyerId }, to: [`user-${buyerId}`],
    }),
    row("referral-signup", { referredUserId: fresh(), name: fresh(), joinedAt: moment() }, {
      params: { referrerId: buyerId }, to: [`user-${buyerId}`],
    }),
  ];
}

function storefront() {
  const ids = Object.fromEntries(
    ["order", "user", "ticket", "product", "group", "conversation", "store", "owner", "agent"]
      .map((name) => [`${name}Id`, fresh(name)]),
  );
  const { orderId, userId, ticketId, productId, groupId, conversationId, storeId, ownerId, agentId } = ids;
  const category = fresh("cat");
  const offer = {
    id: fresh(), title: fresh(), description: fresh(), discount: whole(90), expiresAt: moment(), image: fresh(), category,
  };
  const order = { params: { userId }, to: [`order:${orderId}`, `orders:${userId}`] };
  const orderAndUser = { params: { userId }, to: [...order.to, `user:${userId}`] };
  const cart = { params: { userId }, to: [`cart:${userId}`, `user:${userId}`] };
  const offers = { to: ["offers", `offers:${category}`] };
  const ticket = { to: [`support_ticket:${ticketId}`] };
  const group = { to: [`group:${groupId}`] };
  const conversation = { to: [`store_conversation:${conversationId}`] };
  const owner = { params: { ownerId }, to: [`user:${ownerId}`] };
  const me = { params: { userId }, to: [`user:${userId}`] };
  const status = { orderId, orderNumber: fresh("N"), status: "out_for_delivery", message: fresh() };
  const place = { latitude: 48.2 + Math.random(), longitude: 16.4, address: fresh() };
  const late = { ticketId, status: "in_progress" };
  return [
    row("new_offer", offer, offers),
    row("offer_updated", { ...offer, title: fresh() }, offers),
    row("offer_expired", { offerId: offer.id }, { to: ["offers"] }),
    row("offer_expired", { offerId: offer.id }, { params: { category }, ...offers }),
    row("deal_notification", {
      id: fresh(), title: fresh(), originalPrice: amount(), salePrice: amount(), discount: 10, timeRemaining: whole(), stock: whole(),
    }, { to: ["offers"] }),
    row("order_status_update", { ...status, timestamp: moment(), estimatedDelivery: moment() }, order),
    row("order_status_update", status, { ...order, arrives: stamped(status) }),
    row("order_location_update", {
      orderId, location: place, driverName: fresh(), driverPhone: fresh("+"), timestamp: moment(),
    }, order),
    row("order_eta_update", { orderId, eta: moment(), minutes: whole() }, order),
    row("order_delivered", { orderId, deliveredAt: moment(), signature: fresh() }, orderAndUser),
    row("order_cancelled", {
      orderId, reason: fresh(), cancelledBy: "store", refundAmount: amount(), refundStatus: "processing",
    }, orderAndUser),
    row("cart_sync", { items: [{ id: fresh(), n: whole() }], total: amount() }, cart),
    row("cart_item_reserved", { productId, quantity: whole(), expiresAt: moment() }, cart),
    row("cart_item_released", { productId, reason: "purchased" }, cart),
    row("support_message_received", {
      id: fresh(), ticketId, senderId: agentId, senderName: fresh(), type: "file", content: fresh(),
      attachments: [{ url: fresh("https://files.example/"), type: "application/pdf", size: whole() }], createdAt: moment(),
    }, ticket),
    row("support_message_delivered", { messageId: fresh(), deliveredAt: moment() }, { params: { ticketId }, ...ticket }),
    row("support_message_read", { messageId: fresh(), readBy: fresh(), readAt: moment() }, { params: { ticketId }, ...ticket }),
    row("support_agent_assigned", {
      ticketId, agent: { id: agentId, name: fresh(), department: fresh() }, assignedAt: moment(),
    }, ticket),
    row("support_agent_typing_start", { ticketId, agentId, agentName: fresh() }, ticket),
    row("support_agent_typing_stop", { ticketId, agentId }, ticket),
    row("support_agent_status_changed", { agentId, status: "away", timestamp: moment() }, { params: { ticketId }, ...ticket }),
    row("support_ticket_status_changed", late, { ...ticket, arrives: stamped(late) }),
    row("support_queue_position_updated", { ticketId, position: whole(), estimatedWaitTime: whole() }, ticket),
    row("group_member_joined", {
      groupId, groupCode: fresh(), member: { userId: fresh(), name: fresh() }, currentMembers: 3, spotsRemaining: 2, joinedAt: moment(),
    }, group),
    row("group_member_left", { groupId, userId: fresh(), currentMembers: 2, spotsRemaining: 3 }, group),
    row("group_complete", {
      groupId, groupCode: fresh(), status: "complete", members: [{ userId: fresh(), name: fresh(), avatar: fresh() }], completedAt: moment(),
    }, group),
    row("group_message", { id: fresh(), groupId, userId: fresh(), userName: fresh(), message: fresh(), createdAt: moment() }, group),
    row("group_cancelled", { groupId, reason: fresh(), cancelledAt: moment() }, group),
    row("store_message", {
      id: fresh(), conversationId, storeId, storeName: fresh(), content: fresh(), type: "order_update", createdAt: moment(),
    }, conversation),
    row("store_typing", { conversationId, storeId, storeName: fresh() }, conversation),
    row("feed_post_liked", { postId: fresh(), likedBy: { userId: fresh(), userName: fresh() }, totalLikes: whole(), likedAt: moment() }, owner),
    row("feed_post_commented", { postId: fresh(), userId: fresh(), userName: fresh(), comment: fresh(), createdAt: moment() }, owner),
    row("feed_user_followed", { followerId: fresh(), followerName: fresh(), followedAt: moment() }, {
      params: { followedId: ownerId }, to: [`user:${ownerId}`],
    }),
    row("leaderboard_update", {
      period: "weekly", rankings: [{ rank: 1, userId: fresh(), userName: fresh(), points: whole(), change: -2 }], updatedAt: moment(),
    }, { to: ["leaderboard:weekly"] }),
    row("leaderboard_rank_change", { userId, oldRank: 9, newRank: 3, points: whole(), change: 6, period: "daily" }, { to: [`user:${userId}`] }),
    row("leaderboard_achievement", { id: fresh(), title: fresh(), description: fresh(), icon: fresh(), points: whole(), earnedAt: moment() }, me),
  ];
}

function system() {
  const userId = fresh("user");
  const me = { params: { userId }, to: [`user:${userId}`] };
  return [
    row("session_expired", { message: fresh(), expiredAt: moment() }, me),
    row("token_refresh", { newToken: fresh("token"), expiresIn: whole() }, me),
  ];
}

const tables = [["system", system], ["marketplace", marketplace], ["storefront", storefront]];

for (const [app, rows] of tables.filter(([app]) => app === "system" || apps.includes(app))) {
  describe(`${app}: what a backend publishes`, () => {
    for (const { event, data, params, to, arrives } of rows()) {
      it(`${event} to ${to.map((room) => room.replace(/-?[0-9a-f]{10}/g, "")).join(", ")}`, async () => {
        const receivers = [];
        for (const room of to) {
          const receiver = await user();
          await put(receiver, room);
          receivers.push(receiver);
        }
        // In every one of the rooms, and told once all the same.
        const everywhere = await user();
        await put(everywhere, ...to);
        const outsiders = [await user(), await connected(null)];
        const answer = await publish(event, data, { params });
        assert.deepEqual([...answer.rooms].sort(), [...to].sort());
        await only(event, arrives, [...receivers, everywhere], outsiders);
        ran("C", event);
      });
    }
  });
}

describe("events to everybody", () => {
  for (const [event, data] of [
    ["system_maintenance", { scheduledAt: moment(), duration: whole(), message: fresh(), affectedServices: [fresh()] }],
    ["force_update", { version: fresh("v"), updateUrl: fresh("https://"), message: fresh(), isForced: true }],
  ]) {
    it(event, async () => {
      const all = [await user(), await user({ role: "seller" }), await connected(null)];
      await publish(event, data);
      await only(event, data, all, []);
      ran("C", event);
    });
  }
});

describe("events with an audience of their own", () => {
  it("delivery-code-generated goes to the seller in the request's room", { skip: !apps.includes("marketplace") }, async () => {
    const requestId = fresh("request");
    const seller = await user({ role: "user" });
    const insiders = [seller, await user({ role: "seller" }), await user({ role: "admin" }), await user({ role: "buyer" })];
    for (const socket of insiders) await put(socket, `request-${requestId}`);
    const outsider = await user({ role: "seller" });
    const data = { requestId, deliveryCode: fresh() };
    const [, otherSeller, admin, buyer] = insiders;
    await publish("delivery-code-generated", data, { params: { sellerId: seller.userId } });
    await only("delivery-code-generated", data, [seller], [otherSeller, admin, buyer, outsider]);
    await publish("delivery-code-generated", data);
    await only("delivery-code-generated", data, [otherSeller, admin], [seller, buyer, outsider]);
    ran("C", "delivery-code-generated");
  });

  it("feed_new_post goes to the followers that are named", { skip: !apps.includes("storefront") }, async () => {
    const [reader, follower, stranger] = [await user(), await user(), await user()];
    await put(reader, `feed:${fresh("author")}`);
    const ids = [reader, follower].map((socket) => socket.userId);
    const data = { id: fresh(), userId: fresh(), userName: fresh(), type: "store_visit", content: fresh(), createdAt: moment() };
    await put(reader, `feed:${reader.userId}`);
    await publish("feed_new_post", data, { params: { followerIds: ids } });
    await only("feed_new_post", data, [reader, follower], [stranger, await connected(null)]);
    ran("C", "feed_new_post");
  });

  for (const [event, data] of [
    ["price_update", () => ({ productId: fresh(), oldPrice: amount(), newPrice: amount(), discount: whole(90) })],
    ["stock_update", () => ({ productId: fresh(), stock: whole(), isAvailable: true })],
  ]) {
    it(`${event} goes to everybody while they are few`, { skip: !apps.includes("storefront") }, async () => {
      const all = [await user(), await connected(null)];
      const payload = data();
      await publish(event, payload);
      await only(event, payload, all, []);
      ran("C", event);
    });
  }

  it("support_agent_status_changed without a ticket is for everybody", { skip: !apps.includes("storefront") }, async () => {
    const data = { agentId: fresh(), status: "busy", timestamp: moment() };
    const someone = await user();
    await publish("support_agent_status_changed", data);
    await only("support_agent_status_changed", data, [someone], []);
  });

  it("store_online and store_offline settle before they are told", { skip: !apps.includes("storefront") }, async () => {
    const [near, far] = [await user(), await user()];
    const [storeId, room] = [fresh("store"), `group:${fresh()}`];
    await put(near, room);
    const data = { storeId, timestamp: moment() };
    const settled = next(near, "store_offline", (seen) => same(seen, data));
    await publish("store_online", { storeId }, { rooms: [room] });
    await publish("store_offline", data, { rooms: [room] });
    await settled;
    await only("store_offline", data, [near], [far]);
    assert.deepEqual(got(near, "store_online"), [], "the older word of the same store is not told");
    const online = next(near, "store_online");
    await publish("store_online", data);
    await online;
    await only("store_online", data, [near, far], []);
    ran("C", "store_online");
    ran("C", "store_offline");
  });
});

describe("what is refused", () => {
  it("an event that does not exist names the one that is meant", { skip: !apps.includes("marketplace") }, async () => {
    for (const [name, meant] of [
      ["request-cancelled", "purchase-request-update"],
      ["notification-read", "unread-count-update"],
      ["new_message", "new-message"],
    ]) {
      const answer = await expect(404, "POST", `/api/events/${name}`, { body: { data: {} } });
      assert.ok(answer.error.message.includes(meant), answer.error.message);
    }
  });

  it("a bad payload names its field and reaches nobody", { skip: !apps.includes("storefront") }, async () => {
    const orderId = fresh("order");
    const watcher = await user();
    await put(watcher, `order:${orderId}`);
    const good = { orderId, orderNumber: fresh(), status: "placed", message: fresh() };
    for (const [bad, path] of [
      [{ ...good, status: "lost" }, "data.status"],
      [{ ...good, message: 5 }, "data.message"],
      [{ ...good, extra: 1 }, "data.extra"],
      [{ ...good, timestamp: "yesterday" }, "data.timestamp"],
      [{ ...good, orderNumber: undefined }, "data.orderNumber"],
    ]) {
      const answer = await expect(422, "POST", "/api/events/order_status_update", { body: { data: bad } });
      assert.equal(answer.error.details.path, path);
    }
    await only("order_status_update", good, [], [watcher]);
  });

  it("both rooms of transaction-completed are needed", { skip: !apps.includes("marketplace") }, async () => {
    const buyer = await user();
    const data = { requestId: fresh(), paymentId: fresh(), amount: amount(), currency: "EUR" };
    const answer = await expect(422, "POST", "/api/events/transaction-completed", {
      body: { data, params: { buyerId: buyer.userId } },
    });
    assert.equal(answer.error.message, "params.sellerId is required");
    await only("transaction-completed", data, [], [buyer]);
  });
});
