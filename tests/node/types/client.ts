// A client of every app, as one would write it: it has to compile against `events.d.ts`.

import { io, type Socket } from "socket.io-client";
import type {
  ChatClientToServerEvents,
  ChatServerToClientEvents,
  ClientToServerEvents,
  Order,
  PresenceClientToServerEvents,
  PresenceServerToClientEvents,
  ServerToClientEvents,
  UserId,
  Whoami,
} from "crier-events";

const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io("http://127.0.0.1:3000", {
  auth: { token: "t", apps: ["shop", "storefront", "marketplace"] },
});

// Section 3: connection and system events.
socket.on("connected", ({ userId, socketId, recovered, reason }) => {
  const who: UserId | null = userId;
  if (!recovered && reason === "log-lost") console.log(who, socketId.length);
});
socket.on("error", ({ code, message, details }) => console.log(code.toUpperCase(), message, details));
socket.on("session_expiring", ({ expiresIn }) => console.log(expiresIn.toFixed()));
socket.emit("subscribe", { channel: "orders" });
socket.emit("subscribe", { channel: "offers" }, (answer) => {
  if (answer.error !== undefined) console.log(answer.error, answer.retryAfter ?? 0);
  else console.log(answer.channel.length);
});
socket.emit("heartbeat", { timestamp: Date.now() });
socket.emit("token_refresh", { token: "t" }, (answer) => {
  if (answer.ok) console.log(answer.expiresIn);
});

// Section 4: marketplace.
socket.emit("join-user-room", 5);
socket.emit("join-request-room", "r1", (answer) => console.log(answer.ok ? answer.room : answer.error));
socket.emit("typing-start", { chatId: "c1", userId: 5, userName: "Ann" });
socket.on("new-message", ({ chatId, message: { _id, content, attachments } }) => {
  for (const file of attachments ?? []) console.log(chatId, _id, content.length, file.mimeType);
});
socket.on("seller-offer-update", ({ eventType, data }) => {
  if (eventType === "payment-completed") console.log(data.paymentId, data.transactionHash);
});
socket.on("purchase-request-update", (update) => console.log(update.type === update.eventType));
socket.on("new-purchase-request", (request) => console.log(request._id, request["title"]));
socket.on("unread-count-update", ({ unreadCount }) => console.log(unreadCount + 1));
socket.on("new-notification", ({ notification }) => console.log(notification.title?.length, notification.data["chatId"]));

// Section 5: storefront.
socket.emit("join_ticket", { ticketId: "t1", userId: "u1" });
socket.on("order_status_update", ({ status, estimatedDelivery, timestamp }) => {
  const done: boolean = status === "out_for_delivery" || status === "delivered";
  console.log(done, new Date(timestamp), estimatedDelivery?.length);
});
socket.on("order_location_update", ({ location }) => console.log(location.latitude + location.longitude));
socket.on("leaderboard_update", ({ period, rankings }) => {
  if (period === "all_time") for (const { rank, points, change } of rankings) console.log(rank + points + change);
});
socket.on("cart_sync", (cart) => console.log(cart["items"]));
socket.on("feed_new_post", ({ type, product }) => console.log(type === "purchase" ? product?.name : ""));
socket.on("group_complete", ({ status, members }) => {
  const complete: "complete" = status;
  for (const { avatar } of members) console.log(complete, avatar === null);
});

// Section 6: shop.
socket.emit("joinRoom", "lobby");
socket.emit("message", { room: "lobby", text: "hi", meta: { any: [1] }, clientId: "m-1" });
socket.on("message", ({ from, text, ts }) => console.log(from === null ? "?" : from.name, text, ts));
socket.emit("typing", { toUserId: "u2" });
socket.timeout(3_000).emit("whoami", (error: Error | null, me) => {
  if (error === null && me.error === undefined) console.log(me.role, me.isVerified);
});
socket.on("product:stockUpdated", ({ event, productId, stock }) => {
  const name: "product:stockUpdated" = event;
  console.log(name, productId, stock - 1);
});
socket.on("presence:update", ({ status }) => console.log(status === "online"));

export async function shop(): Promise<Order | undefined> {
  const me = await socket.emitWithAck("whoami");
  if (me.error !== undefined) return undefined;
  const { email }: Whoami = me;
  const answer = await socket.emitWithAck("order:create", {
    items: [{ product: "64a1b2c3d4e5f67890123456", quantity: 2, price: 100 }],
    total: 200,
  });
  if (answer.error !== undefined) throw new Error(answer.error);
  const done = await socket.timeout(5_000).emitWithAck("order:updateStatus", { orderId: answer.order._id, status: "cancelled" });
  const sent = await socket.emitWithAck("notification:send", { toUserId: 7, title: "Hi", priority: "high" });
  if (sent.error === undefined) console.log(email?.length, sent.queued, sent.saved);
  return done.error === undefined ? done.order : answer.order;
}

// Section 7: vendor-chat.
const presence: Socket<PresenceServerToClientEvents, PresenceClientToServerEvents> = io("/presence");
presence.on("session_expired", ({ expiredAt }) => console.log(expiredAt));

const chat: Socket<ChatServerToClientEvents, ChatClientToServerEvents> = io("/chat");
chat.emit("joinRooms");
chat.emit("getUserChats", { page: 2 });
chat.emit("joinChat", { productId: 12345, recipientId: 5, limit: 20 });
chat.emit("markAsRead", { chatId: "c1" });
chat.emit("sendMessage", { productId: 12345, recipientId: 5, text: "hi" }, (answer) => {
  if (answer.error) console.log(answer.statusCode, answer.message);
  else console.log(answer.data);
});
chat.on("userChats", ({ data }) => {
  const chats = Array.isArray(data) ? data : data.items;
  for (const { vendor, unReadCustomerMessages } of chats) console.log(vendor?.store?.[0]?.name, unReadCustomerMessages);
});
chat.on("receiveMessage", ({ data, message }) => {
  for (const { text, senderType, messageMedias } of data) console.log(text?.length, senderType === "VENDOR", messageMedias.length, message);
});
chat.on("newChat", ({ message, data }) => console.log(message.id === data.id, data.messages?.length));
chat.on("appError", ({ message, statusCode }) => console.log(message, statusCode === 400));
