//! What clients hear of orders and stock.

use crier_protocol::Room;

use super::Order;
use crate::{
    event::{
        ProductAudience, Whole, publish_of,
        shop::{
            OrderCreated, OrderCreatedName, OrderUpdated, OrderUpdatedName, StockUpdated,
            StockUpdatedName,
        },
    },
    publish::Publish,
    room::RoomName,
    service::products::ObjectId,
};

/// An order was made: to its owner and the admins.
pub(super) fn created(order: &Order) -> Publish {
    let payload = OrderCreated { event: OrderCreatedName::It, order: order.clone() };
    publish_of("order:created", &payload, owner_and_admins(order))
}

/// An order went a step on: to whoever watches it, too.
pub(super) fn updated(order: &Order) -> Publish {
    let payload = OrderUpdated { event: OrderUpdatedName::It, order: order.clone() };
    let mut rooms = owner_and_admins(order);
    rooms.extend(room("order:", &order.id.to_string()));
    publish_of("order:updated", &payload, rooms)
}

fn owner_and_admins(order: &Order) -> Vec<Room> {
    // An id that is too long for a name has no room, and nobody is in it.
    let own = room("user:", order.user.as_str());
    own.into_iter().chain(["admin", "admins"].map(Room::from)).collect()
}

/// What there is of a product changed.
pub(in crate::service) fn stock_updated(
    product: ObjectId,
    stock: u64,
    audience: ProductAudience,
) -> Publish {
    // No stock is more than clients can count, see `STOCK_MAX`.
    let stock = Whole::new(stock).unwrap_or_default();
    let payload = StockUpdated { event: StockUpdatedName::It, product_id: product, stock };
    let room = room("product:", &product.to_string());
    audience.aim(publish_of("product:stockUpdated", &payload, room.into_iter().collect()))
}

fn room(prefix: &str, id: &str) -> Option<Room> {
    RoomName::of(prefix, id).ok().map(Room::from)
}
