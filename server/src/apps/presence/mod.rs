//! Section 3 of the contract, "Presence": who hears that a user of `/` has come or gone.
//!
//! ```text
//!   socket ─▶ come ─▶ Presence ─▶ (once a change) announce ─▶ everyone, or the rooms that are shared
//!     │         └───▶ the new socket itself hears that its user is there
//!     └─▶ enters, leaves, ends ─▶ Shared ─▶ (a room that is new) tell ─▶ those in there
//! ```
//!
//! Of several replicas, one tells of each change and of each room that is new, by what all have reported
//! of the user. How large a room is, each knows of its own sockets only.

mod shared;

use std::{
    fmt,
    sync::{
        Arc,
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

use self::shared::{Shared, Untold};
use super::Context;
use crate::{
    auth::{apps_of, identity},
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
    shared: Shared,
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

    /// Whether it never matters who shares a room.
    fn is_everyone(&self) -> bool {
        self.0.mode == AudienceMode::Everyone
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
    let hooked = Arc::clone(context);
    main.handlers().on_room(move |socket, room| moved(&hooked, socket, room));
    let (namespace, shared) = (main.clone(), Arc::clone(context));
    if !context.presence_audience.is_everyone() {
        context.background.spawn("presence in rooms", async move {
            loop {
                let untold = shared.presence_audience.0.shared.next_untold().await;
                tell(&shared, &namespace, untold).await;
            }
        });
    }
    let (main, shared) = (main.clone(), Arc::clone(context));
    let scope = context.presence.main.clone();
    context.background.spawn("presence", async move {
        if scope.is_shared() {
            return scope.run_shared(|told| retell(&shared, &main, told)).await;
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
    report_rooms(context, &user);
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
        // They were reported, and are remembered there until the user is gone.
        context.presence_audience.0.shared.forget(&user);
    }
}

/// Where there are several replicas, whoever tells of a user has to know the user's rooms on each.
fn report_rooms(context: &Context, user: &UserId) {
    let scope = &context.presence.main;
    if scope.is_shared() && scope.is_online(user) {
        let rooms = context.presence_audience.0.shared.rooms_of(user);
        let mut rooms: Vec<String> = rooms.iter().map(|room| room.as_str().to_owned()).collect();
        rooms.sort_unstable();
        scope.share(user, rooms);
    }
}

/// A socket that was nobody's is a user's from now on: its rooms are the user's.
pub(super) fn own(context: &Context, socket: &Socket) {
    // Its own room comes first, and is shared with nobody.
    socket.rooms().iter().skip(1).for_each(|room| moved(context, socket, room));
}

/// A socket has entered or left a room, or has gone.
fn moved(context: &Context, socket: &Socket, room: &Room) {
    let audience = &context.presence_audience;
    if audience.is_everyone() {
        return;
    }
    let Some(identity) = identity(socket) else { return };
    let is_shared = |room: RoomName| is_shared(&context.policy, &room);
    // A backend may call a room anything; the policy has no say in such a one.
    if RoomName::parse(room.as_str()).map_or(true, is_shared) {
        let is_online = context.presence.main.is_online(&identity.user);
        if audience.0.shared.note(&identity.user, socket, room, is_online) {
            report_rooms(context, &identity.user);
        }
    }
}

/// Those in the rooms that a user is new in hear that the user is there, where it matters who shares a
/// room, and where they do not know it by another.
async fn tell(context: &Context, main: &Namespace, untold: Untold) {
    let Untold { user, rooms, told } = untold;
    if context.presence_audience.is_shared_only(context.presence.main.len()) {
        let now = context.clock.unix_ms();
        let change = Change { person: user, status: Status::Online, last_seen: now };
        publish(context, &change, Some(small(main, rooms)), told).await;
    }
}

async fn announce(context: &Context, main: &Namespace, change: Change<UserId>) {
    let scope = &context.presence.main;
    let audience = &context.presence_audience;
    let is_shared_only = audience.is_shared_only(scope.len());
    let rooms = if audience.is_everyone() {
        None
    } else {
        let rooms = audience.0.shared.announced(&change.person, change.status);
        is_shared_only.then(|| small(main, rooms))
    };
    publish(context, &change, rooms, Vec::new()).await;
}

/// Publishes a change in both forms; `rooms` = `None` is everyone. The user's own sockets are told each
/// by itself.
async fn publish(
    context: &Context,
    change: &Change<UserId>,
    rooms: Option<Vec<Room>>,
    mut except: Vec<Room>,
) {
    if rooms.as_ref().is_some_and(Vec::is_empty) {
        return;
    }
    let own = context.presence.main.sockets(&change.person);
    except.extend(own.iter().map(|id| Room::from(id.as_str())));
    for event in events(context, change, rooms.unwrap_or_default(), &except) {
        if let Err(error) = context.bus.publish(event).await {
            tracing::warn!(%error, "a change of presence is not told");
        }
    }
}

/// What others are told of a change that is not this replica's alone.
fn retell(context: &Context, main: &Namespace, told: &Told<UserId>) -> Vec<Publish> {
    let rooms = |rooms: &[String]| rooms.iter().map(|room| Room::from(room.as_str())).collect();
    let mut except: Vec<Room> = rooms(&told.sockets);
    if !context.presence_audience.is_shared_only(context.presence.main.len()) {
        // Everybody has heard of who enters a room.
        let change = (!told.entered).then_some(&told.change);
        return change
            .map(|change| events(context, change, Vec::new(), &except))
            .unwrap_or_default();
    }
    let hearing = small(main, rooms(&told.rooms));
    if hearing.is_empty() {
        return Vec::new();
    }
    except.extend::<Vec<Room>>(rooms(&told.known));
    events(context, &told.change, hearing, &except)
}

/// A change in both forms, to these rooms; none = everyone.
fn events(
    context: &Context,
    change: &Change<UserId>,
    rooms: Vec<Room>,
    except: &[Room],
) -> Vec<Publish> {
    let last_seen = Timestamp::from_unix_ms(change.last_seen);
    let (update, status) = told(&change.person, change.status, context.clock.now(), last_seen);
    let events = [
        (App::Shop, publish_of("presence:update", &update, rooms.clone())),
        (App::Marketplace, publish_of("user-status-change", &status, rooms)),
    ];
    let events = events.into_iter().filter(|(app, _)| context.is_on(*app));
    events
        .map(|(_, mut event)| {
            event.except = except.to_vec();
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
fn small(main: &Namespace, mut rooms: Vec<Room>) -> Vec<Room> {
    rooms.retain(|room| main.room_len(room.as_str()) <= MEMBERS_MAX);
    rooms
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
}
