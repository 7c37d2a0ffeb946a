//! What users are told of, stored until they have read it or it is old.
//!
//! ```text
//!   box of a user:   first ─── … ─── read_below ─── … ─── next      unread, exact at every commit
//!   entries:         (user, number), numbers without holes; an id leads to its number
//! ```
//!
//! Entries vanish by themselves when they are old, always the oldest first; where the first one has
//! vanished the box is counted again. A user has one box, so the commits of one user's notifications
//! wait for each other, here by a lock and between replicas by the box's version.

mod boxes;
mod new;
mod read;
mod send;
mod view;

pub use new::{NewNotification, Prepared};
pub use send::{SendFrom, Sent};

use std::sync::Arc;

use super::{Deps, limits::UserLimits, stored::Layout, stripes::Stripes, users::Users};
use crate::{clock::Clock, store::Store};

/// Of all records here.
const LAYOUT: Layout = Layout(1);

/// How long and how many (contract, section 4), and who may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotificationSettings {
    /// How long one is kept. Default 90 days.
    pub kept_ms: u64,
    /// How many a user has at most; then the oldest goes. Default 1,000.
    pub max: u64,
    /// Whose `notification:send` is taken. Default every user's.
    pub send_from: SendFrom,
}

impl Default for NotificationSettings {
    fn default() -> Self {
        Self { kept_ms: 90 * 24 * 60 * 60 * 1_000, max: 1_000, send_from: SendFrom::User }
    }
}

/// The notifications of all users.
#[derive(Debug)]
pub struct Notifications {
    store: Arc<dyn Store>,
    clock: Clock,
    limits: Arc<UserLimits>,
    users: Arc<Users>,
    settings: NotificationSettings,
    locks: Stripes,
}

impl Notifications {
    /// The notifications in this store.
    pub fn new(deps: &Deps, users: Arc<Users>, settings: NotificationSettings) -> Self {
        Self {
            store: Arc::clone(&deps.store),
            clock: deps.clock.clone(),
            limits: Arc::clone(&deps.limits),
            users,
            settings,
            locks: Stripes::default(),
        }
    }
}
