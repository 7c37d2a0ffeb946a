//! What the shop does: rules over the store, whoever asks and by whatever transport.
//!
//! A service takes who asks and what, reads the store, decides, and commits writes and events in one
//! step. It returns what was done, or a [`Refusal`](crate::Refusal) and has changed nothing.

pub mod grants;
pub mod limits;
mod membership;
pub mod once;
pub mod revocations;
pub mod subscriptions;
pub mod users;

use std::sync::Arc;

use crate::{clock::Clock, cluster::Cluster, store::Store};

/// What services are built on.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Where records are.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Clock,
    /// The sockets, to ask who is there and to make them leave.
    pub cluster: Arc<dyn Cluster>,
    /// What each user may do in a minute.
    pub limits: Arc<limits::UserLimits>,
}

/// Every service, as the server's apps and the sidecar hold them.
#[derive(Debug)]
pub struct Services {
    /// Rooms that backends grant.
    pub grants: grants::Grants,
    /// Users whose tokens are refused.
    pub revocations: revocations::Revocations,
    /// The channels that users have subscribed to.
    pub subscriptions: subscriptions::Subscriptions,
    /// What each user may do in a minute.
    pub limits: Arc<limits::UserLimits>,
    /// The user directory.
    pub users: Arc<users::Users>,
}

impl Services {
    /// The services over these parts.
    pub fn new(deps: Deps) -> Self {
        Self {
            grants: grants::Grants::new(&deps),
            revocations: revocations::Revocations::new(&deps),
            subscriptions: subscriptions::Subscriptions::new(&deps),
            users: Arc::new(users::Users::new(&deps)),
            limits: deps.limits,
        }
    }
}
