//! `order:updateStatus`: who may take which step, and what becomes of the pieces.

use crier_domain::{
    Role,
    service::{
        asker::Asker,
        orders::{Order, OrderRules, OrderStatus},
        products::ObjectId,
    },
};
use serde_json::json;

use super::shop::{ONE, Shop, of_one, user};

use OrderStatus::{Cancelled, Delivered, Paid, Pending, Shipped};

async fn shop_with(rules: OrderRules) -> Shop {
    Shop::with(rules).stocked(&[(ONE, 10, Some(100.0))]).await
}

/// An order of 4 pieces of ann's, taken to a status by an admin.
async fn order_in(shop: &Shop, status: OrderStatus) -> Order {
    let (ann, admin) = (user("ann", Role::User), user("boss", Role::Admin));
    let mut order = shop.order(&ann, of_one(4)).await.unwrap();
    let way: &[OrderStatus] = match status {
        Pending => &[],
        Paid => &[Paid],
        Shipped => &[Paid, Shipped],
        Delivered => &[Paid, Shipped, Delivered],
        Cancelled => &[Cancelled],
    };
    for step in way {
        order = shop.set(&admin, &order, *step).await.unwrap();
    }
    shop.events();
    order
}

#[tokio::test]
async fn every_step_and_what_it_does_with_the_pieces() {
    // From, to, stock and available pieces afterwards, events.
    const UPDATED: &[&str] = &["order:updated"];
    const STOCK: &[&str] = &["order:updated", "product:stockUpdated"];
    for (from, to, stock, events) in [
        (Pending, Paid, (6, 6), STOCK),
        (Pending, Cancelled, (10, 10), UPDATED),
        (Paid, Shipped, (6, 6), UPDATED),
        (Paid, Cancelled, (10, 10), STOCK),
        (Shipped, Delivered, (6, 6), UPDATED),
    ] {
        let shop = shop_with(OrderRules::default()).await;
        let order = order_in(&shop, from).await;
        shop.clock.advance(1_000);
        let service = user("backend", Role::Service);
        let updated = shop.set(&service, &order, to).await.unwrap();
        assert_eq!((updated.status, &updated.created_at), (to, &order.created_at));
        assert_eq!(updated.updated_at.as_str(), "2026-01-01T00:00:01.000Z", "{from:?} {to:?}");
        assert_eq!(shop.stock(ONE).await, stock, "{from:?} {to:?}");
        let sent = shop.events();
        let names: Vec<&str> = sent.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, events, "{from:?} {to:?}");
        let own = format!("order:{}", order.id);
        assert_eq!(sent[0].1, json!({ "event": "order:updated", "order": updated }));
        assert_eq!(sent[0].2, ["user:ann", "admin", "admins", own.as_str()]);
        if let Some((name, payload, rooms)) = sent.get(1) {
            let expected = json!({ "event": name, "productId": ONE, "stock": stock.0 });
            assert_eq!((payload, rooms), (&expected, &vec![format!("product:{ONE}")]));
        }
    }
}

#[tokio::test]
async fn an_illegal_step_names_both_ends_and_changes_nothing() {
    let mut illegal = 0;
    for from in OrderStatus::ALL {
        let shop = shop_with(OrderRules::default()).await;
        let order = order_in(&shop, from).await;
        let stock = shop.stock(ONE).await;
        for to in OrderStatus::ALL.into_iter().filter(|to| !from.may_become(*to)) {
            let refused = shop.set(&user("boss", Role::Admin), &order, to).await.unwrap_err();
            let expected = format!("status: cannot go from {} to {}", from.as_str(), to.as_str());
            assert_eq!(refused, expected);
            illegal += 1;
        }
        assert_eq!((shop.stock(ONE).await, shop.events().len()), (stock, 0), "{from:?}");
    }
    assert_eq!(illegal, 25 - 5);
}

#[tokio::test]
async fn who_may_set_what() {
    let source = OrderRules { owner_statuses: vec![Paid, Cancelled], ..OrderRules::default() };
    for (rules, who, to, expected) in [
        (OrderRules::default(), user("ann", Role::User), Cancelled, None),
        (OrderRules::default(), user("ann", Role::User), Paid, Some("Access denied")),
        (OrderRules::default(), user("ann", Role::Seller), Shipped, Some("Access denied")),
        (source.clone(), user("ann", Role::User), Paid, None),
        (source.clone(), user("ann", Role::User), Cancelled, None),
        (source.clone(), user("ann", Role::User), Delivered, Some("Access denied")),
        (source, user("bob", Role::User), Cancelled, Some("Access denied")),
        (OrderRules::default(), user("bob", Role::Agent), Cancelled, Some("Access denied")),
        (OrderRules::default(), user("boss", Role::Admin), Paid, None),
        (OrderRules::default(), user("backend", Role::Service), Paid, None),
    ] {
        let shop = shop_with(rules).await;
        let order = order_in(&shop, Pending).await;
        let set = shop.set(&who, &order, to).await.err();
        assert_eq!(set.as_deref(), expected, "{who:?} {to:?}");
        assert_eq!(shop.events().is_empty(), expected.is_some(), "{who:?} {to:?}");
    }
}

#[tokio::test]
async fn an_order_that_is_not_there() {
    let shop = shop_with(OrderRules::default()).await;
    let orders = &shop.services.orders;
    let id = ObjectId::parse("64a1b2c3d4e5f67890129999").unwrap();
    let refused = orders.update_status(Asker::Backend, id, Paid).await.unwrap_err();
    assert_eq!(refused.to_string(), "Order not found");
    assert_eq!(orders.get(Asker::Backend, id).await.unwrap_err().to_string(), "Order not found");
    assert_eq!(orders.owner(&id.to_string()).await, Ok(None));
    assert_eq!(orders.owner("not an id").await, Ok(None));
}

#[tokio::test]
async fn a_reservation_ends_after_thirty_minutes_also_over_a_restart() {
    let shop = shop_with(OrderRules::default()).await;
    let paid = order_in(&shop, Paid).await;
    let order = order_in(&shop, Pending).await;
    assert_eq!(shop.stock(ONE).await, (6, 2));
    shop.clock.advance(30 * 60 * 1_000 - 1);
    assert_eq!(shop.services.orders.release_due().await, Ok(0));
    assert_eq!(shop.stock(ONE).await, (6, 2));
    shop.clock.advance(1);
    let shop = shop.replica();
    assert_eq!(shop.services.orders.release_due().await, Ok(1));
    assert_eq!(shop.services.orders.release_due().await, Ok(0));
    // The pieces are free, the order waits on, and nobody is told: nothing that is shown changed.
    assert_eq!(shop.stock(ONE).await, (6, 6));
    let ann = user("ann", Role::User);
    assert_eq!(shop.services.orders.get((&ann).into(), order.id).await, Ok(order.clone()));
    assert_eq!(shop.event_names(), [""; 0]);
    // It can still be paid while the pieces are there, and cancelled without giving any back.
    let admin = user("boss", Role::Admin);
    let other = shop.order(&user("bob", Role::User), of_one(3)).await.unwrap();
    let refused = shop.set(&admin, &order, Paid).await.unwrap_err();
    assert_eq!(refused, "items.0.quantity: only 3 in stock");
    shop.set(&admin, &other, Cancelled).await.unwrap();
    shop.set(&admin, &order, Paid).await.unwrap();
    assert_eq!(shop.stock(ONE).await, (2, 2));
    shop.set(&admin, &order, Cancelled).await.unwrap();
    shop.set(&admin, &paid, Cancelled).await.unwrap();
    assert_eq!(shop.stock(ONE).await, (10, 10));
}

#[tokio::test]
async fn a_late_order_that_is_cancelled_gives_nothing_back_twice() {
    let shop = shop_with(OrderRules::default()).await;
    let order = order_in(&shop, Pending).await;
    shop.clock.advance(31 * 60 * 1_000);
    assert_eq!(shop.services.orders.release_due().await, Ok(1));
    shop.set(&user("ann", Role::User), &order, Cancelled).await.unwrap();
    assert_eq!(shop.stock(ONE).await, (10, 10));
    assert_eq!(shop.event_names(), ["order:updated"]);
}

#[tokio::test]
async fn more_reservations_than_one_batch_end_in_one_sweep() {
    let shop = Shop::open().stocked(&[(ONE, 250, Some(100.0))]).await;
    for n in 0..250 {
        shop.order(&user(&format!("u{n}"), Role::User), of_one(1)).await.unwrap();
    }
    assert_eq!(shop.stock(ONE).await, (250, 0));
    shop.clock.advance(30 * 60 * 1_000);
    let (one, two) = (shop.replica(), shop.replica());
    let both = tokio::join!(one.services.orders.release_due(), two.services.orders.release_due());
    assert_eq!(both.0.unwrap() + both.1.unwrap(), 250, "each once, whoever it was");
    assert_eq!(shop.stock(ONE).await, (250, 250));
}
