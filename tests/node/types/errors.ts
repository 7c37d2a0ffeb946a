// Mistakes. Each of these lines has to be refused: the compiler complains of an error that it was told
// to expect and that is none.

import { io, type Socket } from "socket.io-client";
import type {
  ChatClientToServerEvents,
  ChatServerToClientEvents,
  ClientToServerEvents,
  ServerToClientEvents,
} from "crier-events";

const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io();
const chat: Socket<ChatServerToClientEvents, ChatClientToServerEvents> = io("/chat");

// @ts-expect-error there is no such event to the server
socket.emit("order_status_update", {});
// @ts-expect-error nor this one, to anybody
socket.emit("request-cancelled", { requestId: "r1" });
// @ts-expect-error an event from clients is none to listen to
socket.on("order:create", () => {});
// @ts-expect-error it belongs to another namespace
socket.emit("joinChat", { productId: 1, recipientId: 2 });
// @ts-expect-error and so does this one
chat.on("new-message", () => {});

// @ts-expect-error a field is missing
socket.emit("typing-stop", { chatId: "c1" });
// @ts-expect-error a field is misspelt
socket.emit("message", { room: "lobby", txt: "hi" });
// @ts-expect-error a field is unknown
socket.emit("subscribe", { channel: "orders", since: 5 });
// @ts-expect-error a field has the wrong kind
socket.emit("heartbeat", { timestamp: "now" });
// @ts-expect-error the payload is missing
socket.emit("join-user-room");
// @ts-expect-error the payload is no object here
socket.emit("joinRoom", { room: "lobby" });
// @ts-expect-error there is no such status
socket.emit("order:updateStatus", { orderId: "o", status: "lost" }, () => {});
// @ts-expect-error there is no such priority
socket.emit("notification:send", { toUserId: "u", priority: "urgent" }, () => {});
// @ts-expect-error the answer is the point of it
socket.emit("order:create", { items: [], total: 0 });

// @ts-expect-error it may be refused, so first one has to look
socket.emit("whoami", (me) => me.role.length);
// @ts-expect-error a refusal has no room
socket.emit("joinRoom", "lobby", (answer) => answer.error === undefined || answer.room);
// @ts-expect-error there is no such field in what is received
socket.on("price_update", ({ price }) => price);
// @ts-expect-error a field that may be left out may be missing
socket.on("price_update", ({ discount }) => discount.toFixed());
// @ts-expect-error the sender may be anonymous
socket.on("message", ({ from }) => from.id);
// @ts-expect-error a time is a text
socket.on("presence:update", ({ at }) => at.getTime());
// @ts-expect-error there is no such word among the statuses
socket.on("support_ticket_status_changed", ({ status }) => status === "in-progress");
// @ts-expect-error the text may be null
chat.on("receiveMessage", ({ data }) => data[0]!.text.length);
// @ts-expect-error a chat is named in one way or another, not by its name
chat.emit("markAsRead", { name: "c1" });
// @ts-expect-error the envelope may be an error
chat.emit("typing", { productId: 1, recipientId: 2 }, (answer) => answer.data);
