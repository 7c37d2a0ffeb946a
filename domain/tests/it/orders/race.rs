//! Many at once for few pieces: exactly as many orders as there are pieces, whoever takes them.

use std::sync::Arc;

use crier_domain::{Role, service::orders::OrderStatus};
use serde_json::json;

use super::shop::{ONE, Shop, TWO, line, of_one, user};

/// 200 users order one of 50 pieces at once, spread over so many replicas.
async fn race(shop: Shop, replicas: usize) {
    let shop = shop.stocked(&[(ONE, 50, Some(100.0))]).await;
    let replicas: Vec<Arc<Shop>> = (0..replicas).map(|_| Arc::new(shop.replica())).collect();
    let mut racers = tokio::task::JoinSet::new();
    for n in 0..200 {
        let replica = Arc::clone(&replicas[n % replicas.len()]);
        racers.spawn(
            async move { replica.order(&user(&format!("u{n}"), Role::User), of_one(1)).await },
        );
    }
    let (won, lost): (Vec<_>, Vec<_>) =
        racers.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (50, 150));
    for refused in lost {
        assert_eq!(refused.unwrap_err(), "items.0.quantity: only 0 in stock");
    }
    assert_eq!(shop.stock(ONE).await, (50, 0));
    assert_eq!(shop.event_names(), ["order:created"; 50]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_orders_for_fifty_pieces() {
    race(Shop::open(), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_orders_for_fifty_pieces_on_three_replicas() {
    race(Shop::open(), 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn losers_of_larger_orders_are_told_what_was_left() {
    let shop = Shop::open().stocked(&[(ONE, 50, Some(100.0))]).await;
    let shop = Arc::new(shop);
    let mut racers = tokio::task::JoinSet::new();
    for n in 0..40 {
        let shop = Arc::clone(&shop);
        racers
            .spawn(async move { shop.order(&user(&format!("u{n}"), Role::User), of_one(3)).await });
    }
    let lost: Vec<String> = racers.join_all().await.into_iter().filter_map(Result::err).collect();
    // 16 times 3 is 48.
    assert_eq!(lost, vec!["items.0.quantity: only 2 in stock"; 40 - 16]);
    assert_eq!(shop.stock(ONE).await, (50, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn orders_of_the_same_products_in_either_order_do_not_wait_for_each_other() {
    let shop = Shop::open().stocked(&[(ONE, 100, None), (TWO, 100, None)]).await;
    let shop = Arc::new(shop);
    let mut racers = tokio::task::JoinSet::new();
    for n in 0..100 {
        let shop = Arc::clone(&shop);
        let (first, second) = if n % 2 == 0 { (ONE, TWO) } else { (TWO, ONE) };
        racers.spawn(async move {
            let items = [line(first, 1, 1.0), line(second, 1, 1.0)];
            let order = json!({ "items": items, "total": 2 });
            shop.order(&user(&format!("u{n}"), Role::User), order).await
        });
    }
    assert!(racers.join_all().await.iter().all(Result::is_ok));
    assert_eq!((shop.stock(ONE).await, shop.stock(TWO).await), ((100, 0), (100, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_order_is_paid_once_however_many_say_so() {
    let shop = Shop::open().stocked(&[(ONE, 10, Some(100.0))]).await;
    let order = shop.order(&user("ann", Role::User), of_one(4)).await.unwrap();
    let replicas = [Arc::new(shop.replica()), Arc::new(shop.replica())];
    let mut racers = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (replica, order) = (Arc::clone(&replicas[n % 2]), order.clone());
        let to = if n % 3 == 0 { OrderStatus::Cancelled } else { OrderStatus::Paid };
        racers.spawn(async move { replica.set(&user("boss", Role::Admin), &order, to).await });
    }
    let done: Vec<OrderStatus> =
        racers.join_all().await.into_iter().flatten().map(|order| order.status).collect();
    // Paid and then cancelled, or cancelled at once: in the end the pieces are back.
    assert!(matches!(done.as_slice(), [OrderStatus::Cancelled] | [_, _]), "{done:?}");
    assert_eq!(shop.stock(ONE).await, (10, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_client_id_sent_on_two_replicas_at_once_orders_once() {
    let shop = Shop::open().stocked(&[(ONE, 10, Some(100.0))]).await;
    let replicas = [Arc::new(shop.replica()), Arc::new(shop.replica())];
    let mut racers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let replica = Arc::clone(&replicas[n % 2]);
        let asked = json!({ "items": [line(ONE, 10, 100.0)], "total": 1_000, "clientId": "c" });
        racers.spawn(async move { replica.order(&user("ann", Role::User), asked).await });
    }
    let orders = racers.join_all().await;
    assert!(orders.iter().all(|order| *order == orders[0] && order.is_ok()), "{orders:?}");
    assert_eq!(shop.stock(ONE).await, (10, 0));
}
