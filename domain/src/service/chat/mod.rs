//! Chats: one service, whose changes each app tells in its own words.
//!
//! ```text
//!   app ─▶ Chats::send(voice, actor, chat, draft) ─▶ rules ─▶ one commit:
//!     chat            members with their unread counts, number of the last message
//!     message         (chat, number), numbers without holes; an id leads to its number
//!     places          (party, shelf, latest first, chat): the lists, moved with every message
//!     events, notifications        what the voice says of it
//! ```
//!
//! Invariants: whatever changes a chat expects the chat as it was read, so changes of one chat happen
//! one after the other, on any replicas; `unread` of a member is exactly the number of messages that
//! are not deleted, not read and not the member's own; the times of a chat's messages grow strictly.
//! Because numbers have no holes, every page of messages costs the same.

mod change;
mod list;
mod members;
mod open;
mod party;
mod read;
mod record;
mod send;
mod voice;
mod waiting;
mod work;

pub use list::{Before, Stats};
pub use open::{NewChat, Opened};
pub use party::{Actor, Known, Party, SUPPORT};
pub use read::Read;
pub use record::{Attachment, Chat, Dialect, Kind, Member, Message, MessageKind, Shelf};
pub use send::{Draft, Sent};
pub use voice::{Happened, Said, Voice};

use std::sync::Arc;

use super::{
    Deps, attachments::Attachments, limits::UserLimits, notifications::Notifications,
    stored::Layout, stripes::Stripes, users::Users,
};
use crate::{clock::Clock, cluster::Cluster, store::Store};

/// Of all records here.
const LAYOUT: Layout = Layout(1);

/// What chats are held to (contract, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatSettings {
    /// How long a message may be changed. Default 15 minutes.
    pub edit_window_ms: u64,
    /// UTF-16 units of a message. Default 5,000.
    pub message_max: usize,
    /// Members of a group: each message moves a record of each. Default 100.
    pub members_max: usize,
}

impl Default for ChatSettings {
    fn default() -> Self {
        Self { edit_window_ms: 15 * 60 * 1_000, message_max: 5_000, members_max: 100 }
    }
}

/// The chats of all dialects.
#[derive(Debug)]
pub struct Chats {
    store: Arc<dyn Store>,
    clock: Clock,
    cluster: Arc<dyn Cluster>,
    limits: Arc<UserLimits>,
    notifications: Arc<Notifications>,
    attachments: Arc<Attachments>,
    users: Arc<Users>,
    settings: ChatSettings,
    locks: Stripes,
}

impl Chats {
    /// The chats in this store.
    pub fn new(
        deps: &Deps,
        notifications: Arc<Notifications>,
        attachments: Arc<Attachments>,
        users: Arc<Users>,
        settings: ChatSettings,
    ) -> Self {
        Self {
            store: Arc::clone(&deps.store),
            clock: deps.clock.clone(),
            cluster: Arc::clone(&deps.cluster),
            limits: Arc::clone(&deps.limits),
            notifications,
            attachments,
            users,
            settings,
            locks: Stripes::default(),
        }
    }
}
