//! The marketplace's events: purchase requests, offers, delivery, payments, points (contract,
//! section 4). Those of its chats and notifications are in [`chat`](super::chat).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Amount, App, Audience, Count, Id, Joined, Json, List, Object, Payload, Row};
use crate::{
    identity::{Role, UserId},
    time::Timestamp,
};

/// Section 4 of the contract, but for [`chat`](super::chat).
pub(super) const ROWS: &[Row] = &[
    join::<UserId>("join-user-room"),
    join::<Id>("join-request-room"),
    join::<Id>("leave-request-room"),
    join::<UserId>("join-seller-room"),
    join::<UserId>("leave-seller-room"),
    join::<UserId>("join-buyer-room"),
    join::<UserId>("leave-buyer-room"),
    join::<Id>("join-chat-room"),
    join::<Id>("leave-chat-room"),
    join::<UserId>("user-online"),
    event::<PurchaseRequest>("new-purchase-request", Audience::Rooms(&["sellers"])),
    event::<NewOffer>("new-offer", Audience::Rooms(&["buyer-{buyerId}"])),
    event::<SellerOfferUpdate>(
        "seller-offer-update",
        Audience::PaymentWhere {
            room: "seller-{sellerId}",
            field: "eventType",
            is: "payment-completed",
        },
    ),
    event::<PurchaseRequestUpdate>("purchase-request-update", REQUEST),
    event::<TransactionCompleted>(
        "transaction-completed",
        Audience::AllRooms(&["user-{buyerId}", "user-{sellerId}"]),
    ),
    event::<DeliveryCodeGenerated>(
        "delivery-code-generated",
        Audience::Within {
            room: "request-{requestId}",
            user: "sellerId",
            roles: &[Role::Seller, Role::Admin],
        },
    ),
    event::<DeliveryUpdate>("delivery-update", REQUEST),
    event::<DeliveryConfirmed>("delivery-confirmed", REQUEST),
    event::<BuyerConfirmedDelivery>("buyer-confirmed-delivery", SELLER),
    event::<CheckoutPaymentConfirmed>(
        "template-checkout-payment-confirmed",
        Audience::Payment(&["template-checkout-{checkoutId}"]),
    ),
    event::<CheckoutPaymentPending>("template-checkout-payment-pending", MONEY),
    event::<CheckoutPaymentFailed>("template-checkout-payment-failed", MONEY),
    event::<PaymentCreated>("payment-created", MONEY),
    event::<PaymentReceived>("payment-received", SELLER),
    event::<PaymentUpdate>("payment-update", Audience::Payment(&["request-{requestId}"])),
    event::<PayoutCreated>("payout-created", MONEY),
    event::<PayoutCompleted>("payout-completed", Audience::Payment(&["user-{sellerId}"])),
    event::<PayoutUpdated>("payout-updated", MONEY),
    event::<LevelUp>("level-up", Audience::Rooms(&["user-{userId}"])),
    event::<ReferralReward>("referral-reward", Audience::Rooms(&["user-{referrerId}"])),
    event::<ReferralSignup>("referral-signup", Audience::Rooms(&["user-{referrerId}"])),
];

const MONEY: Audience = Audience::Payment(&[]);
const REQUEST: Audience = Audience::Rooms(&["request-{requestId}"]);
const SELLER: Audience = Audience::Rooms(&["user-{sellerId}"]);

const fn join<T: Payload>(name: &'static str) -> Row {
    Row::command::<T, Joined>(App::Marketplace, name)
}

const fn event<T: Payload>(name: &'static str, audience: Audience) -> Row {
    Row::event::<T>(App::Marketplace, name, audience)
}

/// `new-purchase-request`: the request as the marketplace keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PurchaseRequest {
    /// The request.
    #[serde(rename = "_id")]
    pub id: Id,
    /// Any further fields.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `new-offer`: a seller made an offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewOffer {
    /// The request that it is for.
    pub request_id: Id,
    /// The offer as the marketplace keeps it.
    pub offer: Object,
    /// Who made it.
    pub seller_id: UserId,
}

/// `seller-offer-update`: what became of an offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SellerOfferUpdate {
    /// Whose offer.
    pub seller_id: UserId,
    /// The request that it is for.
    pub request_id: Id,
    /// What became of it.
    pub event_type: OfferEvent,
    /// The offer.
    pub data: OfferData,
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OfferEvent {
    /// It was paid for.
    PaymentCompleted,
    /// It was not chosen.
    OfferRejected,
    /// It was chosen.
    OfferAccepted,
}

/// The offer of a [`SellerOfferUpdate`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfferData {
    /// The offer.
    pub offer_id: Id,
    /// Whether it is the chosen one.
    pub is_selected: bool,
    /// Its payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<Id>,
    /// The payment's transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_hash: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `purchase-request-update`. The sources call what happened `type` or `eventType`: either is taken,
/// and both are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, try_from = "PurchaseRequestUpdateInput")]
pub struct PurchaseRequestUpdate {
    /// What happened, such as `status-changed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same.
    pub event_type: String,
    /// The request.
    pub request_id: Id,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Its payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<Id>,
    /// The payment's transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_hash: Option<String>,
    /// Who handles the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// A [`PurchaseRequestUpdate`] as it is published.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PurchaseRequestUpdateInput {
    /// What happened; this or `eventType`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// What happened; this or `type`.
    event_type: Option<String>,
    request_id: Id,
    status: Option<String>,
    payment_id: Option<Id>,
    tx_hash: Option<String>,
    provider: Option<String>,
}

impl TryFrom<PurchaseRequestUpdateInput> for PurchaseRequestUpdate {
    type Error = &'static str;

    fn try_from(given: PurchaseRequestUpdateInput) -> Result<Self, Self::Error> {
        let (kind, event_type) = match (given.kind, given.event_type) {
            (Some(kind), Some(event_type)) if kind != event_type => {
                return Err("`type` and `eventType` differ");
            }
            (Some(kind), _) => (kind.clone(), kind),
            (None, Some(event_type)) => (event_type.clone(), event_type),
            (None, None) => return Err("missing field `type`"),
        };
        Ok(Self {
            kind,
            event_type,
            request_id: given.request_id,
            status: given.status,
            payment_id: given.payment_id,
            tx_hash: given.tx_hash,
            provider: given.provider,
        })
    }
}

/// `transaction-completed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransactionCompleted {
    /// The request that was paid for.
    pub request_id: Id,
    /// The payment.
    pub payment_id: Id,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: String,
}

/// `delivery-code-generated`: what the buyer tells the courier.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveryCodeGenerated {
    /// The request.
    pub request_id: Id,
    /// The code: text or a number.
    pub delivery_code: Id,
}

impl std::fmt::Debug for DeliveryCodeGenerated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Whoever has the code gets the goods.
        f.write_str("DeliveryCodeGenerated(…)")
    }
}

/// `delivery-update`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveryUpdate {
    /// The request.
    pub request_id: Id,
    /// How far the delivery is.
    pub status: String,
    /// Who carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// The carrier's number for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
}

/// `delivery-confirmed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveryConfirmed {
    /// The request.
    pub request_id: Id,
}

/// `buyer-confirmed-delivery`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BuyerConfirmedDelivery {
    /// The request.
    pub request_id: Id,
    /// Who confirmed.
    pub buyer_id: UserId,
}

/// `template-checkout-payment-confirmed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckoutPaymentConfirmed {
    /// The checkout.
    pub checkout_id: Id,
    /// The requests that came of it.
    pub request_ids: List<Id, 1_000>,
    /// The payment.
    pub payment_id: Id,
}

/// `template-checkout-payment-pending`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckoutPaymentPending {
    /// The checkout.
    pub checkout_id: Id,
}

/// `template-checkout-payment-failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckoutPaymentFailed {
    /// The checkout.
    pub checkout_id: Id,
    /// Why.
    pub reason: String,
}

/// `payment-created`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PaymentCreated {
    /// The payment.
    pub payment_id: Id,
    /// Who handles it.
    pub provider: String,
    /// The request that is paid for.
    pub request_id: Id,
    /// Who pays.
    pub buyer_id: UserId,
    /// Who is paid.
    pub seller_id: UserId,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: String,
}

/// `payment-received`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PaymentReceived {
    /// The request that was paid for.
    pub purchase_request_id: Id,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: String,
    /// Who paid.
    pub buyer_id: UserId,
}

/// `payment-update`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PaymentUpdate {
    /// The payment.
    pub payment_id: Id,
    /// How far it is.
    pub status: String,
    /// How far the escrow is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escrow_state: Option<String>,
    /// Its transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_hash: Option<String>,
}

/// `payout-created`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PayoutCreated {
    /// The payout.
    pub payout_id: Id,
    /// The provider's task.
    pub task_id: Id,
    /// Who is paid.
    pub seller_id: UserId,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: String,
}

/// `payout-completed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PayoutCompleted {
    /// The payout.
    pub payout_id: Id,
    /// The provider's task.
    pub task_id: Id,
    /// Its transaction.
    pub tx_hash: String,
}

/// `payout-updated`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PayoutUpdated {
    /// The payout.
    pub payout_id: Id,
    /// How far it is.
    pub status: String,
}

/// `level-up`: a user has enough points for the next level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LevelUp {
    /// The level before: a number or a name.
    pub old_level: Id,
    /// The level now.
    pub new_level: Id,
    /// Points of all time.
    pub lifetime_points: Count,
    /// What the level brings, as the marketplace writes it.
    pub perks: Json,
}

/// `referral-reward`: points for having brought somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReferralReward {
    /// Who was brought.
    pub referred_user_id: UserId,
    /// How many points.
    pub points: Count,
    /// The booking.
    pub transaction_id: Id,
}

/// `referral-signup`: somebody who was brought has an account now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReferralSignup {
    /// Who.
    pub referred_user_id: UserId,
    /// The name.
    pub name: String,
    /// Since when.
    pub joined_at: Timestamp,
}
