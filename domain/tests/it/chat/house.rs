//! A house of chats in memory: the services over a store that counts its reads, a clock that stands,
//! sockets that are where a test puts them, and every event on record.

use std::{
    collections::HashSet,
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crier_domain::{
    Clock, Cluster, Identity, Outlet, Publish, Refusal, Role, Store, UserId,
    cluster::{
        ClusterFuture, Order, PresenceView, Reached, RoomSize, RoomView, Scope, Stats, Status,
    },
    dialect::marketplace::{Links, Marketplace},
    service::{
        Deps, ObjectId, Services, Settings,
        chat::{Actor, Chat, Draft, Kind, Message, NewChat, Opened, Party},
        limits::{PerMinute, UserLimits},
        once::Outcome,
    },
    store::{Commit, Committed, Key, MemoryStore, Record, Scan, StoreFuture},
};
use crier_protocol::{Namespace, Room};
use serde_json::Value;

/// When tests begin: 2026-01-01T00:00:00Z.
pub(crate) const START: u64 = 1_767_225_600_000;

/// What happened outside, in order.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Event(Box<Publish>),
    Order(Order),
}

#[derive(Debug, Default)]
pub(crate) struct Outside {
    seen: Mutex<Vec<Seen>>,
    online: Mutex<HashSet<String>>,
    pub(crate) reads: AtomicUsize,
}

impl Outlet for Outside {
    fn publish(&self, event: Publish) {
        self.seen.lock().unwrap().push(Seen::Event(Box::new(event)));
    }
}

impl Cluster for Outside {
    fn order(&self, order: Order) -> ClusterFuture<'_, Reached> {
        self.seen.lock().unwrap().push(Seen::Order(order));
        Box::pin(async { Reached::default() })
    }
    fn rooms(&self) -> ClusterFuture<'_, Vec<RoomSize>> {
        Box::pin(async { Vec::new() })
    }
    fn room(&self, room: &Room) -> ClusterFuture<'_, RoomView> {
        let room = room.as_str().to_owned();
        Box::pin(async { RoomView { room, sockets: 0, users: Vec::new() } })
    }
    fn presence(&self, _: Scope, person: &str) -> ClusterFuture<'_, PresenceView> {
        let online = self.online.lock().unwrap().contains(person);
        let status = if online { Status::Online } else { Status::Offline };
        let sockets = usize::from(online);
        let view = PresenceView { user_id: person.to_owned(), status, last_seen: None, sockets };
        Box::pin(async { view })
    }
    fn sockets_len(&self, _: &Namespace) -> ClusterFuture<'_, usize> {
        Box::pin(async { 0 })
    }
    fn stats(&self) -> ClusterFuture<'_, Stats> {
        Box::pin(async { Stats::default() })
    }
}

/// A store whose reads are counted: a record read is one, whoever asks for it.
#[derive(Debug)]
struct Counting(MemoryStore, Arc<Outside>);

impl Store for Counting {
    fn get(&self, key: Key) -> StoreFuture<'_, Option<Record>> {
        self.1.reads.fetch_add(1, Ordering::Relaxed);
        self.0.get(key)
    }
    fn scan(&self, scan: Scan) -> StoreFuture<'_, Vec<(Key, Record)>> {
        let found = self.0.scan(scan);
        Box::pin(async {
            let found = found.await?;
            self.1.reads.fetch_add(found.len().max(1), Ordering::Relaxed);
            Ok(found)
        })
    }
    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        self.0.commit(commit)
    }
}

#[derive(Debug)]
struct Bare;

impl Links for Bare {
    fn signed(&self, path: String) -> String {
        path + "?signed"
    }
}

pub(crate) struct House {
    pub(crate) services: Services,
    pub(crate) outside: Arc<Outside>,
    pub(crate) clock: Clock,
    pub(crate) voice: Marketplace,
    pub(crate) store: Arc<dyn Store>,
}

impl House {
    /// Without limits a minute.
    pub(crate) fn open() -> Self {
        Self::limited(1_000_000)
    }

    /// With so many of everything a minute.
    pub(crate) fn limited(per_minute: u32) -> Self {
        let clock = Clock::standing_at(START);
        let outside = Arc::new(Outside::default());
        let memory = MemoryStore::new(Arc::clone(&outside) as _, clock.clone());
        let store: Arc<dyn Store> = Arc::new(Counting(memory, Arc::clone(&outside)));
        Self::over(store, clock, outside, per_minute)
    }

    fn over(store: Arc<dyn Store>, clock: Clock, outside: Arc<Outside>, per_minute: u32) -> Self {
        let n = NonZeroU32::new(per_minute).unwrap();
        let limits = PerMinute {
            chat_messages: n,
            new_chats: n,
            room_messages: n,
            orders: n,
            notifications: n,
        };
        let deps = Deps {
            store: Arc::clone(&store),
            clock: clock.clone(),
            cluster: Arc::clone(&outside) as _,
            limits: Arc::new(UserLimits::new(&limits).by(&clock)),
        };
        let services = Services::with(deps, Settings::default());
        Self { services, outside, clock, voice: Marketplace::new(Arc::new(Bare)), store }
    }

    /// Another replica over the same store.
    pub(crate) fn replica(&self) -> Self {
        let (store, outside) = (Arc::clone(&self.store), Arc::clone(&self.outside));
        Self::over(store, self.clock.clone(), outside, 1_000_000)
    }

    pub(crate) fn put_online(&self, users: &[&str]) {
        *self.outside.online.lock().unwrap() = users.iter().map(|u| (*u).to_owned()).collect();
    }

    /// What happened outside since the last look.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.outside.seen.lock().unwrap())
    }

    /// The events since the last look: name, room, payload.
    pub(crate) fn events(&self) -> Vec<(String, String, Value)> {
        let told = |seen| match seen {
            Seen::Order(_) => None,
            Seen::Event(event) => {
                let rooms: Vec<_> = event.rooms.iter().map(Room::as_str).collect();
                let payload = serde_json::from_str(event.args.elements()).unwrap();
                Some((event.event, rooms.join(" "), payload))
            }
        };
        self.seen().into_iter().filter_map(told).collect()
    }

    /// Store reads that something takes.
    pub(crate) fn reads(&self) -> usize {
        self.outside.reads.swap(0, Ordering::Relaxed)
    }

    pub(crate) async fn make(&self, who: &Actor, new: NewChat) -> Result<Opened, Refusal> {
        done(self.services.chat.open(&self.voice, who, new, None, None).await)
    }

    pub(crate) async fn direct(&self, a: &Actor, b: &Actor) -> Chat {
        self.make(a, chat_of(Kind::Direct, &[a, b])).await.unwrap().chat
    }

    pub(crate) async fn group(&self, members: &[&Actor]) -> Chat {
        self.make(members[0], chat_of(Kind::Group, members)).await.unwrap().chat
    }

    pub(crate) async fn say(&self, who: &Actor, chat: &Chat, text: &str) -> Message {
        self.try_say(who, chat, draft(text)).await.unwrap()
    }

    pub(crate) async fn try_say(
        &self,
        who: &Actor,
        chat: &Chat,
        draft: Draft,
    ) -> Result<Message, Refusal> {
        let sent = self.services.chat.send(&self.voice, who, chat.id, draft, None).await;
        done(sent).map(|sent| sent.message)
    }

    pub(crate) async fn read(&self, who: &Actor, chat: &Chat, ids: &[ObjectId]) -> u64 {
        self.services.chat.read(&self.voice, who, chat.id, ids).await.unwrap().count
    }

    /// How many messages of a chat somebody has not read.
    pub(crate) async fn unread(&self, who: &Actor, chat: &Chat) -> u64 {
        let chat = self.services.chat.get(chat.dialect, who, chat.id).await.unwrap();
        chat.member(&chat.part_of(who).unwrap()).unwrap().unread
    }
}

/// What was done now.
pub(crate) fn done<T>(outcome: Result<Outcome<T>, Refusal>) -> Result<T, Refusal> {
    outcome.map(|outcome| match outcome {
        Outcome::Done(done) => done,
        Outcome::Repeated(_) => panic!("repeated"),
    })
}

pub(crate) fn identity(user: &str, role: Role) -> Identity {
    Identity {
        user: UserId::parse(user).unwrap(),
        role,
        email: None,
        name: Some(format!("Name of {user}")),
        avatar: None,
        is_verified: false,
        user_type: None,
        rooms: Vec::new(),
        expires_at: None,
        issued_at: None,
    }
}

pub(crate) fn user(id: &str) -> Actor {
    Actor::user(&identity(id, Role::User))
}

pub(crate) fn of_role(id: &str, role: Role) -> Actor {
    Actor::user(&identity(id, role))
}

pub(crate) fn chat_of(kind: Kind, members: &[&Actor]) -> NewChat {
    let members = members.iter().map(|actor| actor.party.clone()).collect();
    NewChat { kind, members, title: None, metadata: None, about: None }
}

pub(crate) fn support_of(customer: &Actor) -> NewChat {
    let members = vec![customer.party.clone(), Party::Support];
    NewChat { members, ..chat_of(Kind::Support, &[]) }
}

pub(crate) fn draft(text: &str) -> Draft {
    Draft { content: Some(text.to_owned()), ..Draft::default() }
}
