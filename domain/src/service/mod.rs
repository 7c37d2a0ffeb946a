//! What the shop does: rules over the store, whoever asks and by whatever transport.
//!
//! A service takes who asks and what, reads the store, decides, and commits writes and events in one
//! step. It returns what was done, or a [`Refusal`](crate::Refusal) and has changed nothing.

mod attempts;
pub mod chat;
pub mod limits;
pub mod notifications;
mod object_id;
pub mod once;
pub mod page;
mod record;
mod stripes;
mod telling;
mod text;

pub use object_id::{NoObjectId, ObjectId};

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
    /// What each user may do in a minute.
    pub limits: Arc<limits::UserLimits>,
    /// Chats of both dialects.
    pub chat: Arc<chat::Chats>,
    /// What users are told of.
    pub notifications: Arc<notifications::Notifications>,
}

/// What services are held to; every default is the contract's.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Of chats.
    pub chat: chat::ChatSettings,
    /// Of notifications.
    pub notifications: notifications::NotificationSettings,
}

impl Services {
    /// The services over these parts, with the contract's settings.
    pub fn new(deps: Deps) -> Self {
        Self::with(deps, Settings::default())
    }

    /// The services over these parts.
    pub fn with(deps: Deps, settings: Settings) -> Self {
        let directory: Arc<dyn chat::Directory> = Arc::new(chat::Nobody);
        let notifications = Arc::new(notifications::Notifications::new(
            &deps,
            Arc::clone(&directory),
            settings.notifications,
        ));
        let chat =
            Arc::new(chat::Chats::new(&deps, Arc::clone(&notifications), directory, settings.chat));
        Self { limits: deps.limits, chat, notifications }
    }
}
