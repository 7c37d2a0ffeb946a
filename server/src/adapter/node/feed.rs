//! What is listened to, and where what is heard goes.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use crier_domain::redis::{FeedControl, Heard, RedisError, Topic};
use crier_protocol::{Namespace as Name, Room, SocketId, redis_adapter::SubscriptionMode};
use futures_util::FutureExt as _;
use tokio::sync::Notify;

use super::{Inlet, NodeBridge, NodeMode, serve, wire::Incoming};
use crate::{
    adapter::{BoxFuture, Envelope, Hub as _},
    io::IoInner,
    lock, metrics,
};

/// Pauses between attempts to listen: the first, doubled up to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// How often the connection is asked for a sign of life.
const PING: Duration = Duration::from_secs(5);
/// Changes that are noted one by one; where there are more, everything is looked at anew.
const TOUCHED_MAX: usize = 10_000;

/// Namespaces and rooms that began or ended since the feed looked.
#[derive(Default)]
pub(super) struct Interests {
    touched: Mutex<Touched>,
    notify: Notify,
}

#[derive(Default)]
struct Touched {
    rooms: HashMap<Name, HashSet<Room>>,
    len: usize,
    all: bool,
}

impl Interests {
    pub(super) fn touch(&self, namespace: &Name, room: Option<&Room>) {
        let mut touched = lock(&self.touched);
        if touched.len >= TOUCHED_MAX {
            *touched = Touched { all: true, len: TOUCHED_MAX, ..Touched::default() };
        } else {
            touched.len += 1;
            let rooms = touched.rooms.entry(namespace.clone()).or_default();
            rooms.extend(room.cloned());
        }
        drop(touched);
        self.notify.notify_one();
    }

    fn take(&self) -> Touched {
        std::mem::take(&mut *lock(&self.touched))
    }
}

/// Listens until the server goes down. Whatever happens to one message, or to the connection, the next one is
/// heard.
pub(super) async fn run(bridge: NodeBridge, inlet: Arc<dyn Inlet>) {
    if bridge.0.settings.mode == NodeMode::Off && !bridge.0.settings.emitter {
        bridge.0.ready.send_replace(true);
        return;
    }
    let mut pause = PAUSES.0;
    loop {
        let listened = listen(&bridge, &*inlet).await;
        if bridge.0.ready.send_replace(false) {
            pause = PAUSES.0;
            tracing::warn!("Node servers and emitters are not heard any more");
        }
        if let Err(error) = listened {
            tracing::debug!(%error, "Node servers and emitters cannot be listened to");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

async fn listen(bridge: &NodeBridge, inlet: &dyn Inlet) -> Result<(), RedisError> {
    let mut feed = bridge.0.redis.feed().await?;
    let control = feed.control();
    control.add(&patterns(bridge)).await?;
    let mut listening = Listening::default();
    // Before it is looked at: what is touched from now on is looked at again.
    bridge.0.interests.take();
    listening.all(bridge, &control).await?;
    bridge.0.ready.send_replace(true);
    let mut ping = tokio::time::interval(PING);
    loop {
        tokio::select! {
            heard = feed.next() => match heard {
                Some(heard) => {
                    let taken = AssertUnwindSafe(take(bridge, inlet, heard)).catch_unwind();
                    if taken.await.is_err() {
                        metrics::panicked();
                        tracing::error!("a message of another server made us panic");
                    }
                }
                None => return Ok(()),
            },
            () = bridge.0.interests.notify.notified() => {
                let touched = bridge.0.interests.take();
                listening.follow(bridge, &control, touched).await?;
            }
            _ = ping.tick() => control.ping().await?,
        }
    }
}

async fn take(bridge: &NodeBridge, inlet: &dyn Inlet, heard: Heard) {
    let Heard { channel, payload, sharded, lost } = heard;
    if lost {
        metrics::node_dropped("behind");
        tracing::warn!("messages of Node servers or emitters were not taken in time, and are lost");
    }
    match bridge.0.wire.read(&channel, &payload, sharded) {
        Ok(Some(Incoming::Message { namespace, from, message })) => {
            serve::carry_out(bridge, inlet, namespace, from, *message).await;
        }
        Ok(Some(Incoming::Response(response))) => bridge.0.asked.answered(response),
        Ok(None) => {}
        Err(error) => {
            metrics::node_dropped("malformed");
            tracing::debug!(%error, bytes = payload.len(), "a foreign message is dropped");
        }
    }
}

/// What is listened to whatever the namespaces are.
fn patterns(bridge: &NodeBridge) -> Vec<Topic> {
    let (settings, channels) = (&bridge.0.settings, bridge.0.wire.channels());
    let classic = settings.mode == NodeMode::Classic;
    let mut patterns = Vec::new();
    if classic || settings.emitter {
        patterns.push(Topic::Pattern(channels.broadcasts()));
    }
    // Otherwise the request channels are listened to by their names.
    if settings.emitter && !classic {
        patterns.push(Topic::Pattern(channels.requests()));
    }
    patterns
}

/// What is listened to now, by namespace.
#[derive(Default)]
struct Listening(HashMap<Name, HashSet<Topic>>);

impl Listening {
    /// Looks at everything.
    async fn all(&mut self, bridge: &NodeBridge, control: &FeedControl) -> Result<(), RedisError> {
        let Some(io) = bridge.0.io.upgrade() else { return Ok(()) };
        let names = io.namespace_names();
        let gone: Vec<Name> = self.0.keys().filter(|name| !names.contains(name)).cloned().collect();
        for name in names.into_iter().chain(gone) {
            let wanted = wanted(bridge, &io, &name);
            let had = self.0.remove(&name).unwrap_or_default();
            let more: Vec<Topic> = wanted.iter().filter(|t| !had.contains(t)).cloned().collect();
            let kept: HashSet<Topic> = wanted.into_iter().collect();
            let less: Vec<Topic> = had.into_iter().filter(|t| !kept.contains(t)).collect();
            control.add(&more).await?;
            control.remove(&less).await?;
            if !kept.is_empty() {
                self.0.insert(name, kept);
            }
        }
        Ok(())
    }

    /// Looks at what was touched.
    async fn follow(
        &mut self,
        bridge: &NodeBridge,
        control: &FeedControl,
        touched: Touched,
    ) -> Result<(), RedisError> {
        let Some(io) = bridge.0.io.upgrade() else { return Ok(()) };
        let known = |name: &Name| self.0.contains_key(name) == io.existing(name).is_some();
        if touched.all || !touched.rooms.keys().all(known) {
            drop(io);
            return self.all(bridge, control).await;
        }
        for (name, rooms) in touched.rooms {
            let Some(listening) = self.0.get_mut(&name) else { continue };
            let (mut more, mut less) = (Vec::new(), Vec::new());
            for room in rooms {
                let topic = Topic::Shard(bridge.0.wire.channels().room(&name, &room));
                match (is_wanted(bridge, &io, &name, &room), listening.contains(&topic)) {
                    (true, false) => more.push(topic),
                    (false, true) => less.push(topic),
                    _ => {}
                }
            }
            control.add(&more).await?;
            control.remove(&less).await?;
            listening.extend(more);
            listening.retain(|topic| !less.contains(topic));
        }
        Ok(())
    }
}

/// What a namespace wants to be listened to; our own channel first, so that who is counted is known by
/// then.
fn wanted(bridge: &NodeBridge, io: &IoInner, name: &Name) -> Vec<Topic> {
    let (wire, channels) = (&bridge.0.wire, bridge.0.wire.channels());
    let Some(namespace) = io.existing(name) else { return Vec::new() };
    match bridge.0.settings.mode {
        NodeMode::Off => Vec::new(),
        NodeMode::Classic => [
            channels.ours(name),
            channels.request(name),
            channels.response(name),
            channels.own_response(name, wire.uid()),
        ]
        .map(Topic::Channel)
        .into(),
        NodeMode::Sharded(mode) => {
            let mut names =
                vec![channels.ours(name), channels.namespace(name), channels.own(name, wire.uid())];
            if mode.subscribes_to(false) {
                let rooms = namespace.rooms();
                names.extend(rooms.iter().map(|(room, _)| channels.room(name, room)));
            }
            if mode.subscribes_to(true) {
                let own = namespace.socket_ids();
                names.extend(own.iter().map(|id| channels.room(name, &Room::from(id.as_str()))));
            }
            names.into_iter().map(Topic::Shard).collect()
        }
    }
}

/// Whether the channel of a room is to be listened to.
fn is_wanted(bridge: &NodeBridge, io: &IoInner, name: &Name, room: &Room) -> bool {
    let NodeMode::Sharded(mode) = bridge.0.settings.mode else { return false };
    let Some(namespace) = io.existing(name) else { return false };
    let has_members = namespace.room_len(room.as_str()) > 0;
    let is_own = || {
        let id = SocketId::parse(room.as_str());
        id.is_some_and(|id| namespace.socket(&id).is_some())
    };
    has_members && mode.subscribes_to(false) || mode == SubscriptionMode::DynamicPrivate && is_own()
}

/// Events from Node go the way of this server's own: to the sockets here, or to the log.
pub(super) struct Here(pub(super) Weak<IoInner>);

impl Inlet for Here {
    fn take(&self, envelope: Envelope) -> BoxFuture<'_, ()> {
        if let Some(io) = self.0.upgrade()
            && let Err(error) = io.deliver(envelope)
        {
            metrics::node_dropped("unsendable");
            tracing::debug!(%error, "another server's event cannot be sent to clients");
        }
        Box::pin(std::future::ready(()))
    }
}

impl fmt::Debug for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Here")
    }
}
