//! Section 4 of the contract.

use serde_json::json;

use super::{Case, case};

const AT: &str = "2026-01-31T09:30:00.000Z";

pub(super) fn cases() -> Vec<Case> {
    let none = json!({});
    let user = json!({ "userId": "u1" });
    let seller = json!({ "sellerId": "s1" });
    let request = json!({ "requestId": "r1" });
    let offer = json!({
        "sellerId": "s1", "requestId": "r1", "eventType": "offer-rejected",
        "data": { "offerId": "o1", "isSelected": false, "reason": "too late" },
    });
    let message = json!({
        "_id": "m1", "content": "hi", "senderId": "u1", "createdAt": AT,
        "attachments": [{ "url": "/f", "filename": "f.png", "mimeType": "image/png", "size": 5 }],
    });
    vec![
        case(
            "new-purchase-request",
            json!({ "_id": "r1", "title": "A lamp", "urgency": { "level": "urgent" } }),
            none.clone(),
            ["sellers"],
        ),
        case(
            "new-offer",
            json!({ "requestId": "r1", "offer": { "price": 10.5 }, "sellerId": "s1" }),
            json!({ "buyerId": "b1" }),
            ["buyer-b1"],
        ),
        case("seller-offer-update", offer, none.clone(), ["seller-s1"]),
        case(
            "purchase-request-update",
            json!({
                "type": "status-changed", "requestId": "r1", "status": "cancelled", "paymentId": "p1",
                "txHash": "0x1", "provider": "shkeeper",
            }),
            none.clone(),
            ["request-r1"],
        ),
        case(
            "transaction-completed",
            json!({ "requestId": "r1", "paymentId": "p1", "amount": 10.5, "currency": "USD" }),
            json!({ "buyerId": "b1", "sellerId": "s1" }),
            ["user-b1", "user-s1"],
        ),
        case(
            "delivery-code-generated",
            json!({ "requestId": "r1", "deliveryCode": "123456" }),
            seller.clone(),
            ["request-r1"],
        ),
        case(
            "delivery-update",
            json!({ "requestId": "r1", "status": "sent", "carrier": "DHL", "trackingNumber": "1" }),
            none.clone(),
            ["request-r1"],
        ),
        case("delivery-confirmed", json!({ "requestId": "r1" }), none.clone(), ["request-r1"]),
        case(
            "buyer-confirmed-delivery",
            json!({ "requestId": "r1", "buyerId": "b1" }),
            seller.clone(),
            ["user-s1"],
        ),
        case(
            "template-checkout-payment-confirmed",
            json!({ "checkoutId": "c1", "requestIds": ["r1", 2], "paymentId": "p1" }),
            json!({ "buyerId": "b1" }),
            ["template-checkout-c1", "buyer-b1", "request-r1", "request-2", "admins"],
        ),
        case(
            "template-checkout-payment-pending",
            json!({ "checkoutId": "c1" }),
            none.clone(),
            ["template-checkout-c1", "admins"],
        ),
        case(
            "template-checkout-payment-failed",
            json!({ "checkoutId": "c1", "reason": "no money" }),
            json!({ "sellerIds": ["s1", "s2"] }),
            ["seller-s1", "seller-s2", "template-checkout-c1", "admins"],
        ),
        case(
            "payment-created",
            json!({
                "paymentId": "p1", "provider": "shkeeper", "requestId": "r1", "buyerId": "b1",
                "sellerId": "s1", "amount": 10, "currency": "USD",
            }),
            none.clone(),
            ["buyer-b1", "seller-s1", "request-r1", "admins"],
        ),
        case(
            "payment-received",
            json!({ "purchaseRequestId": "r1", "amount": 10, "currency": "USD", "buyerId": "b1" }),
            seller.clone(),
            ["user-s1"],
        ),
        case(
            "payment-update",
            json!({ "paymentId": "p1", "status": "paid", "escrowState": "held", "txHash": "0x1" }),
            request,
            ["request-r1", "admins"],
        ),
        case(
            "payout-created",
            json!({
                "payoutId": "o1", "taskId": 5, "sellerId": "s1", "amount": 10, "currency": "USD",
            }),
            none.clone(),
            ["seller-s1", "admins"],
        ),
        case(
            "payout-completed",
            json!({ "payoutId": "o1", "taskId": "t1", "txHash": "0x1" }),
            seller,
            ["user-s1", "seller-s1", "admins"],
        ),
        case(
            "payout-updated",
            json!({ "payoutId": "o1", "status": "late" }),
            none.clone(),
            ["admins"],
        ),
        case(
            "new-message",
            json!({ "chatId": "c1", "message": message, "senderId": "u1" }),
            none.clone(),
            ["chat-c1"],
        ),
        case(
            "messages-read",
            json!({ "chatId": "c1", "userId": "u1", "upToMessageId": "m1", "modifiedCount": 2 }),
            none.clone(),
            ["chat-c1"],
        ),
        case(
            "message-edited",
            json!({ "chatId": "c1", "messageId": "m1", "content": "ho", "editedAt": AT }),
            none.clone(),
            ["chat-c1"],
        ),
        case(
            "message-deleted",
            json!({ "chatId": "c1", "messageId": "m1", "deletedAt": AT }),
            none.clone(),
            ["chat-c1"],
        ),
        case(
            "participants-added",
            json!({ "chatId": "c1", "addedUserIds": ["u2", 3] }),
            none.clone(),
            ["chat-c1"],
        ),
        case(
            "participant-removed",
            json!({ "chatId": "c1", "removedUserId": "u2" }),
            none.clone(),
            ["chat-c1"],
        ),
        case(
            "user-typing",
            json!({ "chatId": "c1", "userId": "u1", "userName": "Ann", "isTyping": true }),
            none,
            ["chat-c1"],
        ),
        case(
            "new-notification",
            json!({ "notification": {
                "_id": "n1", "type": "chat-message", "title": "t", "body": "b",
                "data": { "chatId": "c1" }, "createdAt": AT,
            } }),
            user.clone(),
            ["user-u1"],
        ),
        case("unread-count-update", json!({ "unreadCount": 3 }), user.clone(), ["user-u1"])
            .key("unread-count-update:u1"),
        case(
            "level-up",
            json!({ "oldLevel": 1, "newLevel": 2, "lifetimePoints": 100, "perks": ["free shipping"] }),
            user,
            ["user-u1"],
        ),
        case(
            "referral-reward",
            json!({ "referredUserId": "u2", "points": 50, "transactionId": "t1" }),
            json!({ "referrerId": "u1" }),
            ["user-u1"],
        ),
        case(
            "referral-signup",
            json!({ "referredUserId": "u2", "name": "Bob", "joinedAt": AT }),
            json!({ "referrerId": "u1" }),
            ["user-u1"],
        ),
    ]
}
