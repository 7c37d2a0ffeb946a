//! Section 5 of the contract.

use serde_json::{Value, json};

use super::{Case, case};

const AT: &str = "2026-01-31T09:30:00.000Z";

pub(super) fn cases() -> Vec<Case> {
    [offers(), orders(), carts(), support(), groups(), stores(), social(), leaderboards()]
        .into_iter()
        .flatten()
        .collect()
}

fn offers() -> Vec<Case> {
    let offer = json!({
        "id": "o1", "title": "t", "description": "d", "discount": 20, "expiresAt": AT, "image": "i",
        "category": "food",
    });
    let deal = json!({
        "id": "d1", "title": "t", "originalPrice": 20, "salePrice": 9.99, "discount": 50,
        "timeRemaining": 600, "stock": 5,
    });
    vec![
        case("new_offer", offer.clone(), json!({}), ["offers", "offers:food"]),
        case("offer_updated", offer, json!({}), ["offers", "offers:food"]),
        case("offer_expired", json!({ "offerId": "o1" }), json!({}), ["offers"]),
        case("deal_notification", deal, json!({}), ["offers"]),
    ]
}

fn orders() -> Vec<Case> {
    let user = json!({ "userId": "u1" });
    let location = json!({ "latitude": 52.5, "longitude": 13, "address": "Street 1" });
    let two = ["order:o1", "orders:u1"];
    let three = ["order:o1", "orders:u1", "user:u1"];
    vec![
        case(
            "order_status_update",
            json!({
                "orderId": "o1", "orderNumber": "A-1", "status": "out_for_delivery", "timestamp": AT,
                "message": "m", "estimatedDelivery": AT,
            }),
            user.clone(),
            two,
        ),
        case(
            "order_location_update",
            json!({
                "orderId": "o1", "location": location, "driverName": "D", "driverPhone": "+49",
                "timestamp": AT,
            }),
            user.clone(),
            two,
        )
        .key("order_location_update:o1"),
        case(
            "order_eta_update",
            json!({ "orderId": "o1", "eta": AT, "minutes": 5 }),
            user.clone(),
            two,
        )
        .key("order_eta_update:o1"),
        case(
            "order_delivered",
            json!({ "orderId": "o1", "deliveredAt": AT, "signature": "https://s" }),
            user.clone(),
            three,
        ),
        case(
            "order_cancelled",
            json!({
                "orderId": "o1", "reason": "late", "cancelledBy": "store", "refundAmount": 12.5,
                "refundStatus": "pending",
            }),
            user,
            three,
        ),
    ]
}

fn carts() -> Vec<Case> {
    let user = json!({ "userId": "u1" });
    let rooms = ["cart:u1", "user:u1"];
    vec![
        case("cart_sync", json!({ "items": [{ "sku": 1 }], "total": 5 }), user.clone(), rooms)
            .key("cart_sync:u1"),
        case(
            "price_update",
            json!({ "productId": "p1", "oldPrice": 10, "newPrice": 9, "discount": 10 }),
            json!({}),
            ["product:p1"],
        )
        .key("price_update:p1"),
        case(
            "stock_update",
            json!({ "productId": "p1", "stock": 0, "isAvailable": false }),
            json!({}),
            ["product:p1"],
        )
        .key("stock_update:p1"),
        case(
            "cart_item_reserved",
            json!({ "productId": "p1", "quantity": 2, "expiresAt": AT }),
            user.clone(),
            rooms,
        ),
        case(
            "cart_item_released",
            json!({ "productId": "p1", "reason": "purchased" }),
            user,
            rooms,
        ),
    ]
}

fn support() -> Vec<Case> {
    let ticket = json!({ "ticketId": "t1" });
    let room = ["support_ticket:t1"];
    let in_ticket = |event, data: Value| case(event, data, json!({}), room);
    vec![
        in_ticket(
            "support_message_received",
            json!({
                "id": "m1", "ticketId": "t1", "senderId": "u1", "senderName": "Ann", "senderAvatar": "a",
                "type": "image", "content": "c",
                "attachments": [{ "url": "u", "type": "image/png", "size": 5 }], "createdAt": AT,
            }),
        ),
        case(
            "support_message_delivered",
            json!({ "messageId": "m1", "deliveredAt": AT }),
            ticket.clone(),
            room,
        ),
        case(
            "support_message_read",
            json!({ "messageId": "m1", "readBy": "u1", "readAt": AT }),
            ticket.clone(),
            room,
        ),
        in_ticket(
            "support_agent_assigned",
            json!({
                "ticketId": "t1", "assignedAt": AT,
                "agent": { "id": "a1", "name": "Bob", "avatar": "a", "department": "d" },
            }),
        ),
        in_ticket(
            "support_agent_typing_start",
            json!({ "ticketId": "t1", "agentId": "a1", "agentName": "Bob" }),
        ),
        in_ticket("support_agent_typing_stop", json!({ "ticketId": "t1", "agentId": "a1" })),
        case(
            "support_agent_status_changed",
            json!({ "agentId": "a1", "status": "busy", "timestamp": AT }),
            ticket,
            room,
        ),
        in_ticket(
            "support_ticket_status_changed",
            json!({ "ticketId": "t1", "status": "in_progress", "timestamp": AT }),
        ),
        in_ticket(
            "support_queue_position_updated",
            json!({ "ticketId": "t1", "position": 3, "estimatedWaitTime": 7.5 }),
        )
        .key("support_queue_position_updated:t1"),
    ]
}

fn groups() -> Vec<Case> {
    let in_group = |event, data: Value| case(event, data, json!({}), ["group:g1"]);
    vec![
        in_group(
            "group_member_joined",
            json!({
                "groupId": "g1", "groupCode": "G", "currentMembers": 2, "spotsRemaining": 3, "joinedAt": AT,
                "member": { "userId": "u1", "name": "Ann", "avatar": "a" },
            }),
        ),
        in_group(
            "group_member_left",
            json!({ "groupId": "g1", "userId": "u1", "currentMembers": 1, "spotsRemaining": 4 }),
        ),
        in_group(
            "group_complete",
            json!({
                "groupId": "g1", "groupCode": "G", "status": "complete", "completedAt": AT,
                "members": [{ "userId": "u1", "name": "Ann", "avatar": "a" }, { "userId": 2, "name": "Bob", "avatar": null }],
            }),
        ),
        in_group(
            "group_message",
            json!({
                "id": "m1", "groupId": "g1", "userId": "u1", "userName": "Ann", "userAvatar": "a",
                "message": "hi", "createdAt": AT,
            }),
        ),
        in_group("group_cancelled", json!({ "groupId": "g1", "reason": "r", "cancelledAt": AT })),
    ]
}

fn stores() -> Vec<Case> {
    let room = ["store_conversation:c1"];
    let store = json!({ "storeId": "s1", "timestamp": AT });
    vec![
        case(
            "store_message",
            json!({
                "id": "m1", "conversationId": "c1", "storeId": "s1", "storeName": "S", "content": "c",
                "type": "order_update", "createdAt": AT,
            }),
            json!({}),
            room,
        ),
        case(
            "store_typing",
            json!({ "conversationId": "c1", "storeId": "s1", "storeName": "S" }),
            json!({}),
            room,
        ),
        case("store_online", store.clone(), json!({}), []),
        case("store_offline", store, json!({}), []),
    ]
}

fn social() -> Vec<Case> {
    let owner = json!({ "ownerId": "u9" });
    vec![
        case(
            "feed_new_post",
            json!({
                "id": "p1", "userId": "u1", "userName": "Ann", "userAvatar": "a", "type": "store_visit",
                "content": "c", "images": ["i"], "product": { "id": "p", "name": "n", "image": "i" },
                "createdAt": AT,
            }),
            json!({ "followerIds": ["u2", 3] }),
            ["feed:u2", "feed:3", "user:u2", "user:3"],
        ),
        case(
            "feed_post_liked",
            json!({
                "postId": "p1", "likedBy": { "userId": "u1", "userName": "Ann", "userAvatar": "a" },
                "totalLikes": 7, "likedAt": AT,
            }),
            owner.clone(),
            ["user:u9"],
        ),
        case(
            "feed_post_commented",
            json!({
                "id": "c1", "postId": "p1", "userId": "u1", "userName": "Ann", "comment": "c",
                "createdAt": AT,
            }),
            owner,
            ["user:u9"],
        ),
        case(
            "feed_user_followed",
            json!({ "followerId": "u1", "followerName": "Ann", "followerAvatar": "a", "followedAt": AT }),
            json!({ "followedId": "u9" }),
            ["user:u9"],
        ),
    ]
}

fn leaderboards() -> Vec<Case> {
    let first = json!({
        "rank": 1, "userId": "u1", "userName": "Ann", "avatar": "a", "points": 100, "change": -3,
    });
    vec![
        case(
            "leaderboard_update",
            json!({ "period": "all_time", "rankings": [first], "updatedAt": AT }),
            json!({}),
            ["leaderboard:all_time"],
        )
        .key("leaderboard_update:all_time"),
        case(
            "leaderboard_rank_change",
            json!({
                "userId": "u1", "oldRank": 5, "newRank": 2, "points": 100, "change": 3, "period": "weekly",
            }),
            json!({}),
            ["user:u1"],
        ),
        case(
            "leaderboard_achievement",
            json!({
                "id": "a1", "title": "t", "description": "d", "icon": "i", "points": 10, "earnedAt": AT,
            }),
            json!({ "userId": "u1" }),
            ["user:u1"],
        ),
    ]
}
