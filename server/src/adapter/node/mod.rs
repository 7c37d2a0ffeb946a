//! Node servers and the official emitters on the same Redis.
//!
//! ```text
//!   Redis ──▶ feed ──▶ wire ──▶ serve ──▶ sockets here, handlers of servers, Inlet (events to clients)
//!                        └────▶ asked  (answers to what we asked)
//!   lease: where several servers share a log, whose Inlet takes
//!   NodeAdapter ──▶ NodeBridge ──▶ wire ──▶ posts ──▶ Redis
//! ```
//!
//! What holds: delivery to and from Node is at most once, in the order of each publisher, as it is
//! between Node servers; nothing is signed, so everything that comes is checked for its form and size,
//! and Redis' own ACL says who may publish. Events for some people of a room only (a filter) never go
//! to Node, which could not apply it; nor do events for this replica only.
//!
//! All servers of a Crier cluster share one [`Uid`], made of the cluster's secret: whatever carries it is
//! ours, and has reached the other replicas by a better way. Each replica is a server of its own to
//! Node: it is counted, and answers for its own sockets. Beside the channel by which Node counts
//! (`PUBSUB NUMSUB`) each subscribes to one that only replicas know, so that the difference of the two
//! counts is the number of Node servers. With the bridge off and emitters allowed, channels are
//! subscribed to by patterns alone, which Node does not count.

mod asked;
mod convert;
mod decorator;
mod feed;
mod lease;
mod posts;
mod serve;
mod wire;

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use crier_domain::redis::Redis;
use crier_protocol::{
    Namespace as Name, Room,
    redis_adapter::{Channels, Event, Flags, Message, Selection, SubscriptionMode, Uid},
    socket::Args,
};
use tokio::sync::watch;

use self::{
    asked::Asked,
    feed::{Here, Interests},
    lease::{Gate, Lease},
    posts::Posts,
    wire::Wire,
};
pub(crate) use self::{decorator::NodeAdapter, serve::WORK_MAX};
use super::{Answers, BoxFuture, Envelope, Request, Target};
use crate::{
    error::{Acks, EmitError},
    io::{IoInner, random},
    namespace::server_side::ServerAcks,
};

/// How Node servers are spoken with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeMode {
    /// Not at all; emitters may publish all the same.
    #[default]
    Off,
    /// As `createAdapter` does.
    Classic,
    /// As `createShardedAdapter` does. Needs Redis 7.
    Sharded(SubscriptionMode),
}

/// What a bridge needs to know.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// Whether, and in which form, Node servers share the cluster. Default off.
    pub mode: NodeMode,
    /// Whether the official emitters may publish. Default on.
    pub emitter: bool,
    /// The prefix of the channels: `key` and `channelPrefix` there. Default `socket.io`.
    pub channels: Channels,
    /// How long Node servers have to answer where the caller names no time. Default 5 s
    /// (`requestsTimeout`).
    pub timeout: Duration,
    /// Classic only: whether answers go to the asker's own channel (`publishOnSpecificResponseChannel`).
    /// Answers to us are heard on both in any case. Default off.
    pub specific_responses: bool,
}

impl NodeSettings {
    /// The defaults, with a prefix.
    pub fn new(channels: Channels) -> Self {
        let timeout = Duration::from_secs(5);
        Self { mode: NodeMode::Off, emitter: true, channels, timeout, specific_responses: false }
    }
}

/// What a server needs for Node servers and emitters.
#[derive(Clone, Debug)]
pub struct NodeLink {
    /// How they are spoken with.
    pub settings: NodeSettings,
    /// Where they are.
    pub redis: Redis,
    /// Whether this server is one of several with one log, on this Redis and of one secret: then one of them,
    /// which holds a lease, takes the events from Node for all. A server that is alone takes them itself.
    pub several: bool,
}

/// Where events that come from Node go, so that clients get them.
pub trait Inlet: fmt::Debug + Send + Sync {
    /// Takes an event. Events of one publisher come one after the other, in its order; the next one
    /// comes when this one is taken.
    fn take(&self, envelope: Envelope) -> BoxFuture<'_, ()>;
}

/// The way to Node servers, and from them and the emitters. Cheap to clone.
#[derive(Clone)]
pub struct NodeBridge(Arc<Inner>);

struct Inner {
    settings: NodeSettings,
    redis: Redis,
    /// Where several share a log.
    lease: Option<Arc<Lease>>,
    wire: Wire,
    posts: Posts,
    asked: Asked,
    interests: Interests,
    io: Weak<IoInner>,
    /// Whether everything that is wanted is subscribed to.
    ready: watch::Sender<bool>,
}

impl NodeBridge {
    /// A bridge for a server; it does nothing before [`NodeBridge::start`].
    pub(crate) fn new(link: NodeLink, io: Weak<IoInner>) -> Self {
        let NodeLink { settings, redis, several } = link;
        let who: String = random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        let lease = several.then(|| Arc::new(Lease::new(redis.clone(), "node", who)));
        let uid = uid(&redis, &settings);
        let wire = Wire::new(&settings, uid);
        let (posts, asked, interests) = (Posts::new(), Asked::default(), Interests::default());
        let ready = watch::Sender::new(false);
        Self(Arc::new(Inner { settings, redis, lease, wire, posts, asked, interests, io, ready }))
    }

    /// Starts to listen and to publish, until the server goes down.
    pub(crate) fn start(&self, io: &Arc<IoInner>) {
        let here: Arc<dyn Inlet> = Arc::new(Here(Arc::downgrade(io)));
        let inlet = match &self.0.lease {
            Some(lease) => {
                io.tasks().spawn(Arc::clone(lease).run(io.stopped()));
                Arc::new(Gate { lease: Arc::clone(lease), behind: here })
            }
            None => here,
        };
        io.spawn(posts::run(self.clone()));
        io.spawn(feed::run(self.clone(), inlet));
    }

    /// Waits until everything that is wanted is subscribed to: from then on Node counts this server.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn ready(&self) {
        // The sender lives as long as this.
        let _ = self.0.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// What it was made with.
    pub fn settings(&self) -> &NodeSettings {
        &self.0.settings
    }

    /// Whether this is the server that acts for all of its kind: always so where it is alone. It is the one
    /// that hands Node what sidecars publish ([`NodeBridge::publish`]).
    pub fn acts_for_all(&self) -> bool {
        self.0.lease.as_ref().is_none_or(|lease| lease.number().is_some())
    }

    /// Hands an event to the Node servers. It is dropped, and counted, where the queue is full.
    ///
    /// # Errors
    /// The event's name is reserved.
    pub fn publish(&self, envelope: &Envelope) -> Result<(), EmitError> {
        if let Some((to, event)) = self.event(envelope, None) {
            let message = Message::Broadcast { event, to, request: None };
            self.post(&envelope.namespace, message);
        }
        Ok(())
    }

    /// Hands an event to the Node servers and gathers what their clients acknowledge in time.
    ///
    /// # Cancel safety
    /// Dropping the future forgets the acknowledgements; the event may be sent all the same.
    pub async fn publish_with_ack(&self, envelope: &Envelope, timeout: Duration) -> Acks {
        match self.event(envelope, Some(timeout)) {
            Some((to, event)) => {
                asked::broadcast(self, &envelope.namespace, event, to, timeout).await
            }
            None => Acks::default(),
        }
    }

    /// Asks the Node servers about their sockets, or orders something; orders are not answered, so nothing
    /// is known of how many sockets they met.
    ///
    /// # Cancel safety
    /// As [`NodeBridge::publish_with_ack`].
    pub async fn ask(&self, namespace: &Name, target: &Target, request: Request) -> Answers {
        let Some(of) = self.selection(target) else { return Answers::default() };
        let message = match request {
            Request::Fetch => return asked::fetch(self, namespace, of).await,
            Request::Join(rooms) => Message::Join { of, rooms },
            Request::Leave(rooms) => Message::Leave { of, rooms },
            Request::Disconnect { close } => Message::Disconnect { of, close },
        };
        self.post(namespace, message);
        Answers::default()
    }

    /// Calls the handlers of the Node servers.
    ///
    /// # Cancel safety
    /// As [`NodeBridge::publish_with_ack`].
    pub async fn server_side_emit(
        &self,
        namespace: &Name,
        event: &str,
        args: Args,
        ack: Option<Duration>,
    ) -> ServerAcks {
        if !self.has_node() {
            return ServerAcks::default();
        }
        let event = Event { name: event.into(), args };
        match ack {
            Some(timeout) => asked::servers(self, namespace, event, timeout).await,
            None => {
                self.post(namespace, Message::ServerSideEmit { event, request: None });
                ServerAcks::default()
            }
        }
    }

    /// A namespace was made, or a room of it began or ended.
    pub(crate) fn touched(&self, namespace: &Name, room: Option<&Room>) {
        let rooms = matches!(
            self.0.settings.mode,
            NodeMode::Sharded(SubscriptionMode::Dynamic | SubscriptionMode::DynamicPrivate)
        );
        if self.has_node() && (room.is_none() || rooms) {
            self.0.interests.touch(namespace, room);
        }
    }

    fn has_node(&self) -> bool {
        self.0.settings.mode != NodeMode::Off
    }

    fn post(&self, namespace: &Name, message: Message) {
        if let Some(post) = self.0.wire.message(namespace, &message) {
            self.0.posts.push(post);
        }
    }

    /// What Node can be told of an event; `None` where it is not for Node.
    fn event(&self, envelope: &Envelope, timeout: Option<Duration>) -> Option<(Selection, Event)> {
        let mut to = self.selection(&envelope.target)?;
        let timeout = timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        to.flags = Flags { volatile: envelope.volatile, timeout };
        let event = Event { name: (*envelope.event).into(), args: envelope.args.clone() };
        Some((to, event))
    }

    fn selection(&self, target: &Target) -> Option<Selection> {
        let is_for_node = self.has_node() && !target.local && target.who.is_everyone();
        is_for_node.then(|| Selection {
            rooms: target.rooms.to_vec(),
            except: target.except.to_vec(),
            flags: Flags::default(),
        })
    }
}

/// The name of a Crier cluster among Node servers: the same for all of its replicas.
fn uid(redis: &Redis, settings: &NodeSettings) -> Uid {
    let channel = format!("{}#uid", settings.channels.prefix());
    let mac = redis.signer().sign(&channel, redis.keys().base().as_bytes());
    let hex: String = mac.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    // Sixteen digits are always a uid.
    Uid::parse(hex).unwrap_or_else(Uid::emitter)
}

impl fmt::Debug for NodeBridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeBridge").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
