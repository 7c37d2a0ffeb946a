//! What clients hear of orders and stock.

use serde::Serialize;

use super::Order;
use crate::{publish::Publish, room::RoomName, service::products::ObjectId};

/// `order:created` and `order:updated`.
#[derive(Serialize)]
struct OrderEvent<'a> {
    event: &'static str,
    order: &'a Order,
}

/// `product:stockUpdated`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StockEvent {
    event: &'static str,
    product_id: ObjectId,
    stock: u64,
}

/// An order was made: to its owner and the admins.
pub(super) fn created(order: &Order) -> Publish {
    let event = "order:created";
    publish_of(event, &OrderEvent { event, order }, owner_and_admins(order))
}

/// An order went a step on: to whoever watches it, too.
pub(super) fn updated(order: &Order) -> Publish {
    let event = "order:updated";
    let mut rooms = owner_and_admins(order);
    rooms.extend(RoomName::of("order:", &order.id.to_string()));
    publish_of(event, &OrderEvent { event, order }, rooms)
}

fn owner_and_admins(order: &Order) -> Vec<RoomName> {
    let own = RoomName::of("user:", order.user.as_str());
    let admins = ["admin", "admins"].map(RoomName::parse);
    [own].into_iter().chain(admins).flatten().collect()
}

/// What there is of a product changed: to whoever watches it, and to everyone while they are few.
pub(in crate::service) fn stock_updated(
    product: ObjectId,
    stock: u64,
    everyone_up_to: Option<usize>,
) -> Publish {
    let event = "product:stockUpdated";
    let room = RoomName::of("product:", &product.to_string());
    let payload = StockEvent { event, product_id: product, stock };
    Publish { everyone_up_to, ..publish_of(event, &payload, room.into_iter().collect()) }
}

fn publish_of(name: &'static str, payload: &impl Serialize, rooms: Vec<RoomName>) -> Publish {
    use crate::{App, Args, Class, Filter};
    let text = serde_json::to_string(&[payload]).unwrap_or_default();
    let args = Args::parse(&text, &crier_protocol::Limits::default()).unwrap_or_default();
    let of_stock = name == "product:stockUpdated";
    let key = of_stock.then(|| format!("{name}:{}", rooms.first().map_or("", RoomName::as_str)));
    Publish {
        namespace: crier_protocol::Namespace::MAIN,
        event: name.to_owned(),
        args,
        rooms: rooms.into_iter().map(Into::into).collect(),
        except: Vec::new(),
        class: Class::Durable,
        key,
        volatile: false,
        filter: Filter { app: Some(App::Shop), ..Filter::default() },
        everyone_up_to: None,
        settle: None,
        idempotency: None,
    }
}
