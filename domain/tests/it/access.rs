//! Grants, revocations and subscriptions, over the store and a clock that stands.

use std::sync::{Arc, Mutex};

use crier_domain::{
    Clock, Cluster, Identity, Outlet, Publish, Refusal, Role, RoomName, RoomRule, UserId,
    cluster::{
        Action, ClusterFuture, Order, PresenceView, Reached, RoomSize, RoomView, Scope, Stats,
        Status,
    },
    service::{
        Deps, Services, Settings,
        limits::{PerMinute, UserLimits},
    },
    store::MemoryStore,
};
use crier_protocol::{Namespace, Room};

const START_MS: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Notes what sockets are told to do.
#[derive(Debug, Default)]
struct Orders(Mutex<Vec<String>>);

impl Cluster for Orders {
    fn order(&self, order: Order) -> ClusterFuture<'_, Reached> {
        let user = order.user.map(|user| user.to_string()).unwrap_or_default();
        let what = match order.action {
            Action::Join(_) => "joins".to_owned(),
            Action::Leave(rooms) => format!("leaves {}", rooms[0].as_str()),
            Action::Disconnect { reason, .. } => format!("goes: {reason}"),
        };
        let text = format!("{} {user} {what}", order.namespace.as_str());
        self.0.lock().unwrap().push(text);
        Box::pin(std::future::ready(Reached { matched: 1, missing: vec!["b".to_owned()] }))
    }

    fn rooms(&self) -> ClusterFuture<'_, Vec<RoomSize>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn room(&self, room: &Room) -> ClusterFuture<'_, RoomView> {
        let room = room.as_str().to_owned();
        Box::pin(std::future::ready(RoomView { room, sockets: 0, users: Vec::new() }))
    }

    fn presence(&self, _: Scope, person: &str) -> ClusterFuture<'_, PresenceView> {
        let (user_id, status) = (person.to_owned(), Status::Offline);
        let view = PresenceView { user_id, status, last_seen: None, sockets: 0 };
        Box::pin(std::future::ready(view))
    }

    fn sockets_len(&self, _: &Namespace) -> ClusterFuture<'_, usize> {
        Box::pin(std::future::ready(0))
    }

    fn stats(&self) -> ClusterFuture<'_, Stats> {
        Box::pin(std::future::ready(Stats::default()))
    }
}

#[derive(Debug)]
struct Nowhere;

impl Outlet for Nowhere {
    fn publish(&self, _: Publish) {}
}

struct Rig {
    services: Services,
    orders: Arc<Orders>,
    clock: Clock,
}

impl Rig {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let (clock, orders) = (Clock::standing_at(START_MS), Arc::new(Orders::default()));
        let deps = Deps {
            store: Arc::new(MemoryStore::new(Arc::new(Nowhere), clock.clone())),
            clock: clock.clone(),
            cluster: Arc::clone(&orders) as Arc<dyn Cluster>,
            limits: Arc::new(UserLimits::new(&PerMinute::default()).by(&clock)),
        };
        let services = Services::with(deps, settings);
        Self { services, orders, clock }
    }

    fn ordered(&self) -> Vec<String> {
        std::mem::take(&mut self.orders.0.lock().unwrap())
    }
}

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn issued(id: &str, issued_at: Option<u64>) -> Identity {
    Identity {
        user: user(id),
        role: Role::User,
        email: None,
        name: None,
        avatar: None,
        is_verified: false,
        user_type: None,
        rooms: Vec::new(),
        expires_at: None,
        issued_at,
    }
}

#[tokio::test]
async fn a_grant_is_for_one_user_one_room_and_a_time() {
    let rig = Rig::new();
    let grants = &rig.services.grants;
    let granted =
        async |name: &str, id: &str| grants.is_granted(&room(name), &user(id)).await.unwrap();
    let grant = grants.put(&room("group:5"), &user("ann"), None).await.unwrap();
    assert_eq!(grant.expires_at.as_str(), "2023-12-14T22:13:20.000Z");
    grants.put(&room("group:6"), &user("ann"), Some(START_MS + 1)).await.unwrap();
    assert!(granted("group:5", "ann").await && granted("group:6", "ann").await);
    assert!(!granted("group:5", "ben").await && !granted("group:7", "ann").await);
    rig.clock.advance(1);
    assert!(!granted("group:6", "ann").await);
    rig.clock.advance(30 * DAY_MS - 2);
    assert!(granted("group:5", "ann").await);
    rig.clock.advance(1);
    assert!(!granted("group:5", "ann").await);
}

#[tokio::test]
async fn a_grant_of_a_room_that_lets_nobody_in_by_it_is_refused_and_not_stored() {
    let rule = |pattern, words: &[&str]| RoomRule::parse(pattern, words).unwrap();
    let rooms = vec![rule("group:*", &["admin"]), rule("offers:vip", &["granted"])];
    let rig = Rig::with(Settings { rooms, ..Settings::default() });
    for (name, who) in [
        ("user:ann", "owner, admin"),
        ("buyer-5", "owner, admin"),
        ("sellers", "nobody"),
        ("leaderboard:hourly", "nobody"),
        ("offers:food", "public"),
        ("admins", "admin"),
        // As the operator says.
        ("group:5", "admin"),
    ] {
        let refused = rig.services.grants.put(&room(name), &user("ann"), None).await;
        let message = format!("no grant lets anybody into {name}, where the policy lets in {who}");
        assert_eq!(refused, Err(Refusal::Invalid { path: "room".to_owned(), message }));
        assert!(!rig.services.grants.is_granted(&room(name), &user("ann")).await.unwrap());
    }
    for name in ["request-1", "chat-1", "order:1", "support_ticket:1", "lobby", "offers:vip"] {
        assert!(rig.services.grants.put(&room(name), &user("ann"), None).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn a_grant_that_is_over_before_it_begins_is_refused() {
    let rig = Rig::new();
    let refused = rig.services.grants.put(&room("group:5"), &user("ann"), Some(START_MS)).await;
    assert!(matches!(refused, Err(Refusal::Invalid { path, .. }) if path == "expiresAt"));
    assert!(!rig.services.grants.is_granted(&room("group:5"), &user("ann")).await.unwrap());
}

#[tokio::test]
async fn a_grant_that_is_taken_back_makes_the_user_leave() {
    let rig = Rig::new();
    let grants = &rig.services.grants;
    grants.put(&room("group:5"), &user("ann"), None).await.unwrap();
    // Also the second time: it may be a retry of a call that did not reach everybody, or the grant has
    // run out meanwhile.
    for _ in 0..2 {
        let reached = grants.delete(&room("group:5"), &user("ann")).await.unwrap();
        assert_eq!(reached.matched, 1);
        assert_eq!(rig.ordered(), ["/ ann leaves group:5"]);
    }
    assert!(!grants.is_granted(&room("group:5"), &user("ann")).await.unwrap());
}

#[tokio::test]
async fn a_grant_that_runs_out_makes_the_user_leave() {
    let rig = Rig::new();
    let grants = &rig.services.grants;
    let until = |seconds: u64| Some(START_MS + seconds * 1_000);
    grants.put(&room("group:5"), &user("ann"), until(10)).await.unwrap();
    grants.put(&room("group:6"), &user("ann"), until(10)).await.unwrap();
    grants.put(&room("group:6"), &user("ann"), until(60)).await.unwrap();
    assert_eq!(grants.end_due().await, Ok(0));
    rig.clock.advance(10_000);
    assert_eq!(grants.end_due().await, Ok(1));
    assert_eq!(rig.ordered(), ["/ ann leaves group:5"]);
    // Done once; and the one that was given again goes on.
    assert_eq!(grants.end_due().await, Ok(0));
    rig.clock.advance(50_000);
    assert_eq!(grants.end_due().await, Ok(1));
    assert_eq!(rig.ordered(), ["/ ann leaves group:6"]);
}

#[tokio::test]
async fn a_revocation_is_about_tokens_made_up_to_the_call() {
    let rig = Rig::new();
    let (revocations, now) = (&rig.services.revocations, START_MS / 1_000);
    let reached = revocations.revoke(&user("ann")).await.unwrap();
    assert_eq!((reached.matched, reached.missing), (3, vec!["b".to_owned()]));
    let everywhere = ["/", "/presence", "/chat"].map(|at| format!("{at} ann goes: revoked"));
    assert_eq!((rig.ordered(), revocations.made()), (everywhere.to_vec(), 1));
    for (who, revoked) in [
        (issued("ann", Some(now - 1)), true),
        (issued("ann", Some(now)), true),
        (issued("ann", Some(now + 1)), false),
        (issued("ann", None), true),
        (issued("ben", Some(now - 1)), false),
    ] {
        assert_eq!(revocations.is_revoked(&who).await, Ok(revoked), "{who:?}");
    }
    // Nobody knows how long the issuer's tokens live.
    rig.clock.advance(10_000 * DAY_MS);
    assert_eq!(revocations.is_revoked(&issued("ann", Some(now))).await, Ok(true));
    revocations.revoke(&user("ann")).await.unwrap();
    assert_eq!(revocations.is_revoked(&issued("ann", Some(now + 1))).await, Ok(true));
}

#[tokio::test]
async fn subscriptions_are_remembered_for_thirty_days_from_the_last_time() {
    let rig = Rig::new();
    let (subscriptions, ann) = (&rig.services.subscriptions, user("ann"));
    for channel in ["cart", "offers"] {
        subscriptions.add(&ann, channel).await.unwrap();
    }
    rig.clock.advance(29 * DAY_MS);
    subscriptions.add(&ann, "offers").await.unwrap();
    assert_eq!(subscriptions.list(&ann).await.unwrap(), ["cart", "offers"]);
    rig.clock.advance(2 * DAY_MS);
    assert_eq!(subscriptions.list(&ann).await.unwrap(), ["offers"]);
    assert_eq!(subscriptions.list(&user("ben")).await.unwrap(), [""; 0]);
    subscriptions.remove(&ann, "offers").await.unwrap();
    subscriptions.remove(&ann, "offers").await.unwrap();
    assert_eq!(subscriptions.list(&ann).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn the_oldest_of_too_many_subscriptions_is_forgotten() {
    let rig = Rig::new();
    let (subscriptions, ann) = (&rig.services.subscriptions, user("ann"));
    for n in 0..300 {
        subscriptions.add(&ann, &format!("offers_{n}")).await.unwrap();
    }
    let all = subscriptions.list(&ann).await.unwrap();
    assert_eq!((all.len(), all[0].as_str()), (256, "offers_44"));
}
