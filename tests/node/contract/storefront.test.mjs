// What clients of the storefront say in a support ticket, and who hears of it.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apps, ask, expect, fresh, ISO, only, ran, user } from "./support.mjs";

const skip = !apps.includes("storefront");

describe("a support ticket", { skip }, () => {
  async function ticket() {
    const ticketId = fresh("ticket");
    const customer = await user({ rooms: [`support_ticket:${ticketId}`], name: fresh("Cleo") });
    const agent = await user({ role: "agent", name: fresh("Agatha") });
    const stranger = await user();
    for (const me of [customer, agent]) {
      assert.equal((await ask(me, "join_ticket", { ticketId, userId: me.userId })).ok, true);
    }
    return { ticketId, customer, agent, stranger };
  }
  const name = (socket) => JSON.parse(Buffer.from(socket.auth.token.split(".")[1], "base64url")).name;

  it("is joined and left by those who may", async () => {
    const { ticketId, customer, stranger } = await ticket();
    const room = `support_ticket:${ticketId}`;
    const sockets = async () => (await expect(200, "GET", `/api/rooms/${encodeURIComponent(room)}`)).sockets;
    assert.equal(await sockets(), 2);
    assert.deepEqual(await ask(stranger, "join_ticket", { ticketId, userId: stranger.userId }), { error: "Access denied" });
    assert.ok((await ask(stranger, "join_ticket", { ticketId, userId: customer.userId })).error);
    assert.equal((await ask(customer, "leave_ticket", { ticketId, userId: customer.userId })).ok, true);
    assert.equal(await sockets(), 1);
    ran("S", "join_ticket");
    ran("S", "leave_ticket");
  });

  it("shows who is typing: customers by one event, agents by another", async () => {
    const { ticketId, customer, agent, stranger } = await ticket();
    const by = (me) => ({ ticketId, userId: me.userId });
    await ask(customer, "user_typing_start", by(customer));
    await only("user_typing_start", { ...by(customer), userName: name(customer) }, [agent], [customer, stranger]);
    await ask(customer, "user_typing_stop", by(customer));
    await only("user_typing_stop", (seen) => {
      assert.deepEqual([seen.ticketId, seen.userId], [ticketId, customer.userId]);
    }, [agent], [customer, stranger]);
    await ask(agent, "user_typing_start", by(agent));
    await only("support_agent_typing_start", { ticketId, agentId: agent.userId, agentName: name(agent) }, [customer], [agent, stranger]);
    await ask(agent, "user_typing_stop", by(agent));
    await only("support_agent_typing_stop", { ticketId, agentId: agent.userId }, [customer], [agent, stranger]);
    await only("user_typing_start", {}, [], [customer, agent, stranger]);
    for (const event of ["user_typing_start", "user_typing_stop"]) {
      ran("S", event);
      ran("C", event);
    }
  });

  it("tells the ticket what was read", async () => {
    const { ticketId, customer, agent, stranger } = await ticket();
    const messageId = fresh("message");
    await ask(customer, "message_read", { ticketId, messageId, userId: customer.userId });
    await only("support_message_read", (seen) => {
      assert.deepEqual([seen.messageId, seen.readBy], [messageId, customer.userId]);
      assert.match(seen.readAt, ISO);
    }, [agent, customer], [stranger]);
    ran("S", "message_read");
  });

  it("takes no word of a stranger, or for another", async () => {
    const { ticketId, customer, agent, stranger } = await ticket();
    for (const event of ["user_typing_start", "user_typing_stop", "message_read"]) {
      const extra = event === "message_read" ? { messageId: "m" } : {};
      assert.ok((await ask(stranger, event, { ticketId, userId: stranger.userId, ...extra })).error, event);
      assert.ok((await ask(agent, event, { ticketId, userId: customer.userId, ...extra })).error, event);
      assert.match((await ask(customer, event, { userId: customer.userId, ...extra })).error, /ticketId/);
    }
    await only("user_typing_start", {}, [], [customer, agent, stranger]);
    await only("support_message_read", {}, [], [customer, agent, stranger]);
  });
});
