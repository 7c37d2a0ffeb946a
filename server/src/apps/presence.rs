//! Section 3 of the contract, "Presence": who hears that a user of `/` has come or gone.
//!
//! ```text
//!   socket ─▶ come ─▶ Presence ─▶ (once a change) announce ─▶ everyone, or the rooms that are shared
//!     │         └───▶ the new socket itself hears that its user is there
//!     └─▶ entered, left ─▶ the rooms that a user shares with others
//! ```
//!
//! Of several replicas, one tells of each change, by what all have reported of the user. How large a room
//! is, each knows of its own sockets only.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use crier_domain::{
    App, Policy, Publish, RoomName, Timestamp, UserId,
    cluster::Status,
    event::{chat::UserStatusChange, publish_of, shop::PresenceUpdate},
    room::entered_with,
};
use crier_protocol::{Room, SocketId};

use super::Context;
use crate::{
    auth::{apps_of, identity},
    lock,
    namespace::{Namespace, socket::Socket},
    presence::{Change, Told},
    recovery::Recovery,
};

/// Users from which on, by [`AudienceMode::Auto`], only those hear of one who share a room,
const MANY: usize = 1_000;

/// and below which everyone does again.
const FEW: usize = 800;

/// Members from which on being in a room together means nothing.
const MEMBERS_MAX: usize = 1_000;

/// Rooms remembered a user, as many as one socket may be in. Overflow: who is in a further one does not
/// hear of the user.
const ROOMS_MAX: usize = 256;

/// `presence.audience` of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AudienceMode {
    /// Every user.
    Everyone,
    /// Users who share a room.
    SharedRooms,
    /// Everyone up to 1,000 users there, shared rooms above, everyone again below 800.
    #[default]
    Auto,
}

impl AudienceMode {
    /// Takes the word of the configuration.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "everyone" => Some(Self::Everyone),
            "shared-rooms" => Some(Self::SharedRooms),
            "auto" => Some(Self::Auto),
            _ => None,
        }
    }
}

/// Who hears of whom. Cheap to clone.
#[derive(Clone, Default)]
pub struct Audience(Arc<Inner>);

#[derive(Default)]
struct Inner {
    mode: AudienceMode,
    /// By `auto`: whether there are many.
    many: AtomicBool,
    /// The rooms that users who are there share with others. One entry a user with a socket.
    rooms: Mutex<HashMap<UserId, BTreeSet<RoomName>>>,
}

impl Audience {
    /// By this setting.
    pub fn new(mode: AudienceMode) -> Self {
        Self(Arc::new(Inner { mode, ..Inner::default() }))
    }

    /// Whether only those hear of a user who share a room, with so many users there.
    fn is_shared_only(&self, online: usize) -> bool {
        match self.0.mode {
            AudienceMode::Everyone => false,
            AudienceMode::SharedRooms => true,
            AudienceMode::Auto => {
                if online > MANY {
                    self.0.many.store(true, Ordering::Relaxed);
                } else if online < FEW {
                    self.0.many.store(false, Ordering::Relaxed);
                }
                self.0.many.load(Ordering::Relaxed)
            }
        }
    }

    /// Notes a room; whether it is a new one.
    fn note(&self, user: &UserId, room: &RoomName) -> bool {
        let mut rooms = lock(&self.0.rooms);
        let rooms = rooms.entry(user.clone()).or_default();
        rooms.len() < ROOMS_MAX && rooms.insert(room.clone())
    }

    fn forget(&self, user: &UserId, room: &RoomName) {
        if let Some(rooms) = lock(&self.0.rooms).get_mut(user) {
            rooms.remove(room);
        }
    }

    fn rooms_of(&self, user: &UserId) -> Vec<RoomName> {
        lock(&self.0.rooms)
            .get(user)
            .map(|rooms| rooms.iter().cloned().collect())
            .unwrap_or_default()
    }

    fn forget_user(&self, user: &UserId) {
        lock(&self.0.rooms).remove(user);
    }
}

/// That a socket counts for its user, and under which id.
#[derive(Clone)]
struct Counted {
    user: UserId,
    id: SocketId,
}

/// Announces changes from now on.
pub(super) fn install(main: &Namespace, context: &Arc<Context>) {
    let (main, shared) = (main.clone(), Arc::clone(context));
    let scope = context.presence.main.clone();
    context.background.spawn("presence", async move {
        if scope.is_shared() {
            return scope.run_shared(|told| tell(&shared, &main, told)).await;
        }
        let announce = |change| {
            let (main, context) = (main.clone(), Arc::clone(&shared));
            async move { announce(&context, &main, change).await }
        };
        scope.run(announce).await;
    });
}

/// A socket of a user is there: it counts from now on, and hears that its user is there.
pub(super) fn come(context: &Context, socket: &Socket) {
    let Some(identity) = identity(socket) else { return };
    let (user, id) = (identity.user.clone(), socket.id());
    if socket.get::<Counted>().is_some() {
        return;
    }
    socket.insert(Counted { user: user.clone(), id });
    context.presence.main.join(&user, id);
    share(context, &user);
    if socket.recovery() == Recovery::Recovered {
        // It goes on: it has heard of its user before.
        return;
    }
    let now = context.clock.now();
    let (update, change) = told(&user, Status::Online, now.clone(), now);
    let apps = apps_of(socket);
    // One that has gone, or is too slow, is not told.
    if apps.contains(App::Shop) {
        let _ = socket.emit_direct("presence:update", &update);
    }
    if apps.contains(App::Marketplace) {
        let _ = socket.emit_direct("user-status-change", &change);
    }
}

/// A socket has gone.
pub(super) fn go(context: &Context, socket: &Socket) {
    let Some(Counted { user, id }) = socket.get() else { return };
    let scope = &context.presence.main;
    scope.leave(&user, &id);
    if scope.is_shared() && !scope.is_online(&user) {
        // What is needed of it was reported.
        context.presence_audience.forget_user(&user);
    }
}

/// Where there are several replicas, all may have to know by which rooms others hear of a user.
fn share(context: &Context, user: &UserId) {
    let scope = &context.presence.main;
    if scope.is_shared() {
        let rooms = context.presence_audience.rooms_of(user);
        scope.share(user, rooms.iter().map(|room| room.as_str().to_owned()).collect());
    }
}

/// A user's socket has joined a room. Those in there hear that the user is there, where it matters
/// who shares a room and the user was not in there before.
pub(super) async fn entered(context: &Context, socket: &Socket, room: &RoomName) {
    let Some(identity) = identity(socket) else { return };
    let (user, audience) = (&identity.user, &context.presence_audience);
    if !is_shared(&context.policy, room) || !audience.note(user, room) {
        return;
    }
    // Of who has not come yet, all rooms hear together.
    let scope = &context.presence.main;
    let tells = scope.is_online(user) && audience.is_shared_only(scope.len());
    // Asked before it is reported: those in there may have heard by another replica.
    let tells = tells && !scope.is_shared_in(user, room.as_str()).await;
    share(context, user);
    if tells {
        let others = audience.rooms_of(user).into_iter().filter(|other| other != room);
        let others: Vec<Room> = others.map(Room::from).collect();
        let now = context.clock.unix_ms();
        let change = Change { person: user.clone(), status: Status::Online, last_seen: now };
        let rooms = small(socket.namespace(), vec![room.clone()]);
        publish(context, &change, Some(rooms), others).await;
    }
}

/// A user's socket has left a room, while it goes on.
pub(super) fn left(context: &Context, socket: &Socket, room: &RoomName) {
    let Some(identity) = identity(socket) else { return };
    let sockets = context.roster.of(&identity.user);
    let counted = |other: &&Socket| other.get::<Counted>().is_some();
    if !sockets.iter().filter(counted).any(|other| other.is_in(room.as_str())) {
        context.presence_audience.forget(&identity.user, room);
        share(context, &identity.user);
    }
}

async fn announce(context: &Context, main: &Namespace, change: Change<UserId>) {
    let scope = &context.presence.main;
    let audience = &context.presence_audience;
    let shared = audience.is_shared_only(scope.len());
    let rooms = shared.then(|| small(main, audience.rooms_of(&change.person)));
    if change.status == Status::Offline && !scope.is_online(&change.person) {
        audience.forget_user(&change.person);
    }
    publish(context, &change, rooms, Vec::new()).await;
}

/// Publishes a change; `rooms` = `None` is everyone. The user's own sockets are told each by itself.
async fn publish(
    context: &Context,
    change: &Change<UserId>,
    rooms: Option<Vec<Room>>,
    mut except: Vec<Room>,
) {
    let own = context.presence.main.sockets(&change.person);
    except.extend(own.iter().map(|id| Room::from(id.as_str())));
    for event in events(context, change, rooms, except) {
        if let Err(error) = context.bus.publish(event).await {
            tracing::warn!(%error, "a change of presence is not told");
        }
    }
}

/// What others are told of a change that all replicas have to do with.
fn tell(context: &Context, main: &Namespace, told: &Told<UserId>) -> Vec<Publish> {
    let shared = context.presence_audience.is_shared_only(context.presence.main.len());
    let rooms = told.rooms.iter().filter_map(|room| RoomName::parse(room).ok());
    let rooms = shared.then(|| small(main, rooms.collect()));
    let own = told.sockets.iter().map(|id| Room::from(id.as_str())).collect();
    events(context, &told.change, rooms, own)
}

/// A change in both forms; none where nobody is to hear of it.
fn events(
    context: &Context,
    change: &Change<UserId>,
    rooms: Option<Vec<Room>>,
    except: Vec<Room>,
) -> Vec<Publish> {
    if rooms.as_ref().is_some_and(Vec::is_empty) {
        return Vec::new();
    }
    let rooms = rooms.unwrap_or_default();
    let last_seen = Timestamp::from_unix_ms(change.last_seen);
    let (update, status) = told(&change.person, change.status, context.clock.now(), last_seen);
    let events = [
        (App::Shop, publish_of("presence:update", &update, rooms.clone())),
        (App::Marketplace, publish_of("user-status-change", &status, rooms)),
    ];
    let events = events.into_iter().filter(|(app, _)| context.is_on(*app));
    events
        .map(|(_, mut event)| {
            event.except.clone_from(&except);
            event.filter.signed_in = true;
            event
        })
        .collect()
}

/// A change in the words of both apps.
fn told(
    user: &UserId,
    status: Status,
    at: Timestamp,
    last_seen: Timestamp,
) -> (PresenceUpdate, UserStatusChange) {
    let update = PresenceUpdate { user_id: user.clone(), status, at };
    (update, UserStatusChange { user_id: user.clone(), status, last_seen })
}

/// Whether being in there together counts.
fn is_shared(policy: &Policy, room: &RoomName) -> bool {
    !policy.is_public(room)
        && entered_with(room.as_str()).is_none()
        && !matches!(room.as_str(), "admin" | "admins")
}

/// Those of the rooms that are not too large.
fn small(main: &Namespace, rooms: Vec<RoomName>) -> Vec<Room> {
    let rooms = rooms.into_iter().map(Room::from);
    rooms.filter(|room| main.room_len(room.as_str()) <= MEMBERS_MAX).collect()
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Audience").field(&self.0.mode).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_told_of_by_room_until_they_are_few_again() {
        let auto = Audience::new(AudienceMode::Auto);
        for (online, shared) in [
            (1_000, false),
            (1_001, true),
            (1_000, true),
            (800, true),
            (799, false),
            (1_000, false),
        ] {
            assert_eq!(auto.is_shared_only(online), shared, "{online}");
        }
        assert!(Audience::new(AudienceMode::SharedRooms).is_shared_only(1));
        assert!(!Audience::new(AudienceMode::Everyone).is_shared_only(5_000));
    }

    #[test]
    fn the_rooms_of_a_user_are_bounded() {
        let audience = Audience::default();
        let user = UserId::parse("ann").unwrap();
        for n in 0..300 {
            let room = RoomName::parse(&format!("room-{n}")).unwrap();
            assert_eq!(audience.note(&user, &room), n < ROOMS_MAX, "{n}");
            assert!(!audience.note(&user, &room));
        }
        audience.forget(&user, &RoomName::parse("room-0").unwrap());
        assert_eq!(audience.rooms_of(&user).len(), ROOMS_MAX - 1);
        audience.forget_user(&user);
        assert_eq!(audience.rooms_of(&user), []);
    }
}
