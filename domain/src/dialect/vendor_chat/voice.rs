//! What both persons of a chat are told, in the words of seed 002.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::{
    DIALECT, Speaker,
    show::{Face, about_of, chat_view, id, message_view},
};
use crate::{
    event::{
        publish_of,
        vendor_chat::{About, Message, Reply},
    },
    identity::Person,
    publish::Publish,
    service::{
        ObjectId,
        chat::{Chat, Dialect, Happened, Said, Voice},
    },
};

/// The words of one call.
#[derive(Debug)]
pub(super) struct Words {
    me: Person,
    receipts: Receipts,
    /// What the other one is shown of the caller in a chat that is new to them.
    introduction: Option<Face>,
    said: AtomicBool,
}

/// Who hears that somebody has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receipts {
    /// The other one.
    Other,
    /// Who has read, too: with other sockets than the one that said so.
    Both,
}

impl Words {
    pub(super) fn of(me: &Speaker, receipts: Receipts) -> Self {
        let said = AtomicBool::new(false);
        Self { me: me.person.clone(), receipts, introduction: None, said }
    }

    /// With what the other one is shown where the chat is new.
    pub(super) fn introduced(self, introduction: Face) -> Self {
        Self { introduction: Some(introduction), ..self }
    }

    /// Whether there was anything to say.
    pub(super) fn was_said(&self) -> bool {
        self.said.load(Ordering::Relaxed)
    }

    fn other(&self, chat: &Chat) -> Person {
        self.me.opposite(super::show::user_of(chat, self.me.side.other()))
    }

    /// An event to both persons.
    fn to_both(&self, chat: &Chat, event: &'static str, reply: &impl serde::Serialize) -> Publish {
        publish_of(event, reply, vec![self.me.room(), self.other(chat).room()])
    }

    /// `newChat`: the chat with its message and the caller's profile, in `message` and in `data`.
    fn new_chat(&self, chat: &Chat, message: Message) -> Option<Publish> {
        let other = self.other(chat);
        let mut view = chat_view(chat, other.side, self.introduction.as_ref()?);
        view.messages = Some(vec![message]);
        let reply = Reply::new(view.clone(), view);
        Some(publish_of("newChat", &reply, vec![other.room()]))
    }
}

impl Voice for Words {
    fn dialect(&self) -> Dialect {
        DIALECT
    }

    fn text_field(&self) -> &'static str {
        "text"
    }

    fn say(&self, chat: &Chat, what: &Happened<'_>) -> Said {
        self.said.store(true, Ordering::Relaxed);
        let events = match what {
            Happened::Sent { message, opened, .. } => {
                let message = message_view(chat, message);
                let reply = received(message.clone());
                if *opened {
                    let mine = publish_of("receiveMessage", &reply, vec![self.me.room()]);
                    [Some(mine), self.new_chat(chat, message)].into_iter().flatten().collect()
                } else {
                    vec![self.to_both(chat, "receiveMessage", &reply)]
                }
            }
            Happened::Read { .. } => {
                let reply = receipt(chat, &self.me);
                vec![match self.receipts {
                    Receipts::Both => self.to_both(chat, "updateReadReceipts", &reply),
                    Receipts::Other => {
                        publish_of("updateReadReceipts", &reply, vec![self.other(chat).room()])
                    }
                }]
            }
            Happened::Deleted { message } => {
                let reply = deletion(chat, &self.me, message.id);
                vec![self.to_both(chat, "messageDeleted", &reply)]
            }
            // This app's clients have no words for these, and cannot make them happen.
            Happened::Opened
            | Happened::Edited { .. }
            | Happened::Added { .. }
            | Happened::Removed { .. } => Vec::new(),
        };
        Said { events, ..Said::default() }
    }

    fn answer(&self, chat: &Chat, what: &Happened<'_>) -> Bytes {
        match what {
            Happened::Sent { message, .. } => {
                serde_json::to_vec(&received(message_view(chat, message)))
                    .unwrap_or_default()
                    .into()
            }
            _ => Bytes::new(),
        }
    }
}

/// `receiveMessage`.
pub(super) fn received(message: Message) -> Reply<Vec<Message>, Option<String>> {
    Reply::new(None, vec![message])
}

/// `updateReadReceipts`.
pub(super) fn receipt(chat: &Chat, who: &Person) -> Reply<About> {
    Reply::new("Messages marked as read".to_owned(), about_of(chat, who))
}

/// `messageDeleted`.
pub(super) fn deletion(chat: &Chat, who: &Person, message: ObjectId) -> Reply<About> {
    let about = About { message_id: Some(id(message)), ..about_of(chat, who) };
    Reply::new("Message has been deleted successfully".to_owned(), about)
}
