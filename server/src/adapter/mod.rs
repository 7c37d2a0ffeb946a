//! How an event, or a question, reaches the sockets of all replicas.
//!
//! The contract of delivery: [`Adapter::publish`] hands an event to every replica, this one included,
//! at most once each. Events of one publisher reach a socket in the order in which they were
//! published. What a replica missed is not the adapter's to repair; recoverable events go by the log.

pub(crate) mod local;
pub(crate) mod redis;

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use crier_domain::redis::ask::{Asker, Mark};
use crier_protocol::{Namespace as Name, Room, SocketId, socket::Args};
use smallvec::SmallVec;

use crate::{
    badge::Who,
    error::{AckError, Acks, EmitError},
};

/// A future of an object-safe trait.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Which sockets of a namespace are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// In any of these rooms; everyone where it is empty.
    pub rooms: SmallVec<[Room; 1]>,
    /// And in none of these.
    pub except: SmallVec<[Room; 1]>,
    /// Of these, whom the filter lets pass.
    pub who: Who,
    /// On this replica only.
    pub local: bool,
}

/// An event on its way.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The namespace's name.
    pub namespace: Name,
    /// Who gets it.
    pub target: Target,
    /// The event's name.
    pub event: Box<str>,
    /// Its arguments.
    pub args: Args,
    /// Dropped for a client to whom it cannot be written at once.
    pub volatile: bool,
    /// Kept for clients that come back, where the server keeps a log; never so where it is volatile.
    pub recoverable: bool,
    /// Where a client is behind, only the newest of a key is owed to it.
    pub key: Option<Arc<str>>,
}

/// A question or an order to sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Tell about each.
    Fetch,
    /// Enter these rooms.
    Join(Vec<Room>),
    /// Leave these rooms.
    Leave(Vec<Room>),
    /// Disconnect.
    Disconnect {
        /// The whole connection, with its other namespaces.
        close: bool,
    },
}

/// What is known of a socket anywhere in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketInfo {
    /// Its public id.
    pub id: SocketId,
    /// Its rooms, its own first.
    pub rooms: Vec<Room>,
    /// The client's address.
    pub address: std::net::IpAddr,
}

/// The answers of all replicas, as far as they came.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// The sockets, where they were asked for.
    pub sockets: Vec<SocketInfo>,
    /// How many sockets were meant.
    pub matched: usize,
    /// Replicas that did not answer in time: the answer is partial, and says whose part is missing.
    pub missing: Vec<String>,
    /// A replica had more sockets than an answer may hold: some of them are not told of.
    pub truncated: bool,
}

/// The way to the sockets of all replicas; object-safe, since which one it is comes from the
/// configuration.
pub trait Adapter: fmt::Debug + Send + Sync {
    /// Sends an event.
    ///
    /// # Errors
    /// It cannot be written, or is not taken now.
    fn publish(&self, envelope: Envelope) -> Result<(), EmitError>;

    /// Sends an event and gathers acknowledgements for at most `timeout`.
    fn publish_with_ack(
        &self,
        envelope: Envelope,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Acks, AckError>>;

    /// Asks every replica about its sockets.
    fn ask<'a>(
        &'a self,
        namespace: &'a Name,
        target: &'a Target,
        request: Request,
    ) -> BoxFuture<'a, Answers>;

    /// What it asks other replicas by, where it does.
    fn asker(&self) -> Option<&Arc<Asker>> {
        None
    }
}

/// This replica's sockets, as an adapter reaches them.
pub trait Hub: Send + Sync {
    /// Hands an event to the sockets here.
    ///
    /// # Errors
    /// It cannot be written.
    fn deliver(&self, envelope: Envelope) -> Result<(), EmitError>;

    /// As [`Hub::deliver`], and gathers acknowledgements for at most `timeout`.
    fn deliver_with_ack(
        &self,
        envelope: Envelope,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Acks, AckError>>;

    /// Answers a question about the sockets here.
    fn answer(&self, namespace: &Name, target: &Target, request: &Request) -> Answers;

    /// Waits until everybody here who is meant has got the events up to a mark of the log that all
    /// replicas share.
    fn reached(&self, _mark: Mark) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Waits until what was published here before has its place in the log. `marked`: with an event
    /// behind it, so that also what is in no log has a place before something.
    fn flushed(&self, _marked: bool) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
