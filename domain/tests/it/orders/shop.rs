//! A shop in memory: the services over a store, a clock that stands, and every event on record.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use crier_domain::{
    Clock, Cluster, Identity, Outlet, Publish, Refusal, Role, Store, UserId,
    cluster::{
        ClusterFuture, Order as ClusterOrder, PresenceView, Reached, RoomSize, RoomView, Scope,
        Stats, Status,
    },
    service::{
        Deps, Services, Settings,
        limits::{PerMinute, UserLimits},
        once::Once,
        orders::{CreateOrder, Order, OrderRules, OrderStatus},
        products::{ObjectId, Product, PutProduct},
    },
    store::{EmbeddedStore, MemoryStore},
};
use crier_protocol::{Namespace, Room};
use serde_json::{Value, json};

/// Product 1, at 100 each.
pub(super) const ONE: &str = "64a1b2c3d4e5f67890123456";
/// Product 2, at 150 each.
pub(super) const TWO: &str = "64a1b2c3d4e5f67890123457";

/// When tests begin: 2026-01-01T00:00:00Z.
pub(super) const START: u64 = 1_767_225_600_000;

/// What went out.
#[derive(Debug, Default)]
pub(super) struct Sent(Mutex<Vec<Publish>>);

impl Outlet for Sent {
    fn publish(&self, event: Publish) {
        self.0.lock().unwrap().push(event);
    }
}

pub(super) struct Shop {
    pub(super) services: Arc<Services>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    pub(super) sent: Arc<Sent>,
    rules: OrderRules,
}

impl Shop {
    pub(super) fn open() -> Self {
        Self::with(OrderRules::default())
    }

    pub(super) fn with(rules: OrderRules) -> Self {
        let clock = Clock::standing_at(START);
        let sent = Arc::new(Sent::default());
        let outlet = Arc::clone(&sent) as Arc<dyn Outlet>;
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(outlet, clock.clone()));
        Self::over(store, clock, sent, rules)
    }

    /// The same over a file.
    pub(super) fn on_disk(folder: &Path, clock: &Clock) -> Self {
        let sent = Arc::new(Sent::default());
        let outlet = Arc::clone(&sent) as Arc<dyn Outlet>;
        let store = EmbeddedStore::open(folder, outlet, clock.clone()).unwrap();
        Self::over(Arc::new(store), clock.clone(), sent, OrderRules::default())
    }

    fn over(store: Arc<dyn Store>, clock: Clock, sent: Arc<Sent>, rules: OrderRules) -> Self {
        let deps = Deps {
            store: Arc::clone(&store),
            clock: clock.clone(),
            cluster: Arc::new(Nobody),
            limits: Arc::new(UserLimits::new(&PerMinute::default()).by(&clock)),
        };
        let settings = Settings { orders: rules.clone(), ..Settings::default() };
        let services = Arc::new(Services::with(deps, settings));
        Self { services, store, clock, sent, rules }
    }

    /// Another replica over the same store, or the same one after a restart.
    pub(super) fn replica(&self) -> Self {
        let (store, sent) = (Arc::clone(&self.store), Arc::clone(&self.sent));
        Self::over(store, self.clock.clone(), sent, self.rules.clone())
    }

    pub(super) async fn stocked(self, stock: &[(&str, u64, Option<f64>)]) -> Self {
        for (id, pieces, price) in stock {
            let put = json!({ "name": "x", "price": price, "stock": pieces });
            self.put(id, put).await.unwrap();
        }
        self.events();
        self
    }

    pub(super) async fn put(&self, id: &str, body: Value) -> Result<Product, Refusal> {
        let asked: PutProduct = serde_json::from_value(body).unwrap();
        let admin = user("boss", Role::Admin);
        let products = &self.services.products;
        products.put((&admin).into(), ObjectId::parse(id).unwrap(), &asked).await
    }

    /// What is in the house, and what of it can be ordered.
    pub(super) async fn stock(&self, id: &str) -> (u64, u64) {
        let product = self.services.products.get(ObjectId::parse(id).unwrap()).await.unwrap();
        (product.stock, product.available)
    }

    /// Orders; a refusal as its sentence.
    pub(super) async fn order(&self, who: &Identity, asked: Value) -> Result<Order, String> {
        let asked: CreateOrder = serde_json::from_value(asked).unwrap();
        let once = asked
            .client_id
            .as_deref()
            .map(|id| Once::of_client("/", who.user.as_str(), "order:create", id, &asked).unwrap());
        let made = self.services.orders.create(who, &asked, once).await;
        made.map_err(|refusal| refusal.to_string())
    }

    /// Sets a status; a refusal as its sentence.
    pub(super) async fn set(
        &self,
        who: &Identity,
        order: &Order,
        status: OrderStatus,
    ) -> Result<Order, String> {
        let set = self.services.orders.update_status(who.into(), order.id, status).await;
        set.map_err(|refusal| refusal.to_string())
    }

    /// The events since the last look: name, payload, rooms.
    pub(super) fn events(&self) -> Vec<(String, Value, Vec<String>)> {
        let sent = std::mem::take(&mut *self.sent.0.lock().unwrap());
        let told = |event: Publish| {
            let payload = serde_json::from_str(event.args.elements()).unwrap();
            let rooms = event.rooms.iter().map(|room| room.as_str().to_owned()).collect();
            (event.event, payload, rooms)
        };
        sent.into_iter().map(told).collect()
    }

    pub(super) fn event_names(&self) -> Vec<String> {
        self.events().into_iter().map(|(name, ..)| name).collect()
    }
}

pub(super) fn user(id: &str, role: Role) -> Identity {
    Identity {
        user: UserId::parse(id).unwrap(),
        role,
        email: None,
        name: None,
        avatar: None,
        is_verified: false,
        user_type: None,
        rooms: Vec::new(),
        expires_at: None,
        issued_at: None,
    }
}

/// One line of an order.
pub(super) fn line(product: &str, quantity: u64, price: f64) -> Value {
    json!({ "product": product, "quantity": quantity, "price": price })
}

/// An order of pieces of product 1.
pub(super) fn of_one(quantity: u64) -> Value {
    json!({ "items": [line(ONE, quantity, 100.0)], "total": quantity * 100 })
}

/// A cluster without sockets.
#[derive(Debug)]
pub(super) struct Nobody;

impl Cluster for Nobody {
    fn order(&self, _: ClusterOrder) -> ClusterFuture<'_, Reached> {
        Box::pin(std::future::ready(Reached::default()))
    }

    fn rooms(&self) -> ClusterFuture<'_, Vec<RoomSize>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn room(&self, room: &Room) -> ClusterFuture<'_, RoomView> {
        let room = room.as_str().to_owned();
        Box::pin(std::future::ready(RoomView { room, sockets: 0, users: Vec::new() }))
    }

    fn presence(&self, _: Scope, person: &str) -> ClusterFuture<'_, PresenceView> {
        let user_id = person.to_owned();
        let (status, last_seen) = (Status::Offline, None);
        Box::pin(std::future::ready(PresenceView { user_id, status, last_seen, sockets: 0 }))
    }

    fn sockets_len(&self, _: &Namespace) -> ClusterFuture<'_, usize> {
        Box::pin(std::future::ready(0))
    }

    fn stats(&self) -> ClusterFuture<'_, Stats> {
        Box::pin(std::future::ready(Stats::default()))
    }
}
