//! In whose words a change is told.

use std::fmt;

use bytes::Bytes;

use super::{
    party::{Actor, Party},
    record::{Chat, Dialect, Message},
};
use crate::{
    cluster::Order, identity::UserId, publish::Publish, service::notifications::NewNotification,
};

/// An app's words for what happens in chats. Made for a call, with whatever it wants to show beside
/// it, so that nothing is waited for while a commit is made.
pub trait Voice: fmt::Debug + Send + Sync {
    /// Whose chats it sees.
    fn dialect(&self) -> Dialect;

    /// The field that a message's text comes in, for refusals.
    fn text_field(&self) -> &'static str {
        "content"
    }

    /// What is told of a change. It is called before the commit, perhaps several times, and what it
    /// returns becomes part of it.
    fn say(&self, chat: &Chat, what: &Happened<'_>) -> Said;

    /// The answer that a repetition of this command is given, as JSON; asked for only where the
    /// command is done once.
    fn answer(&self, chat: &Chat, what: &Happened<'_>) -> Bytes {
        let _ = (chat, what);
        Bytes::new()
    }
}

/// What happened in a chat, which is shown as it is afterwards.
#[derive(Clone, Debug)]
pub enum Happened<'a> {
    /// It was made, as yet without a message.
    Opened,
    /// A message came.
    Sent {
        /// The message.
        message: &'a Message,
        /// Whether the chat came with it.
        opened: bool,
        /// Members whom it is for and who are not there.
        offline: &'a [Party],
    },
    /// Somebody read. Also said where there was nothing to read.
    Read {
        /// Who.
        actor: &'a Actor,
        /// How many messages that were unread.
        count: u64,
        /// The newest of what was asked for.
        up_to: Option<&'a Message>,
    },
    /// A message's text is another one.
    Edited {
        /// The message.
        message: &'a Message,
    },
    /// A message is deleted.
    Deleted {
        /// What is left of it.
        message: &'a Message,
    },
    /// Somebody is in it who was not.
    Added {
        /// Who.
        party: &'a Party,
    },
    /// Somebody is no longer in it.
    Removed {
        /// Who.
        party: &'a Party,
    },
}

/// What is told of a change.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// To sockets.
    pub events: Vec<Publish>,
    /// To users, to be kept.
    pub notifications: Vec<(UserId, NewNotification)>,
    /// What sockets are made to do once the events are out.
    pub orders: Vec<Order>,
}
