//! Chats and messages, as they are stored.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::party::{Actor, Known, Party};
use crate::{service::ObjectId, store::Key};

/// In whose words a chat was made; it is seen in no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// Seeds 000 and 004.
    Marketplace,
    /// Seed 002.
    VendorChat,
}

impl Dialect {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Marketplace => "marketplace",
            Self::VendorChat => "vendor-chat",
        }
    }
}

/// What a chat is for, and what makes it the only one of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Of two, who have one.
    Direct,
    /// Of several, whose creator says who is in it.
    Group,
    /// Of somebody and the support pool.
    Support,
    /// Of buyer and seller, who have one about each purchase request.
    PurchaseRequest {
        /// The request.
        request: String,
    },
    /// Of customer and vendor, who have one about each product.
    Product {
        /// The product's id as text, by which it is found.
        product: String,
    },
}

/// What chats are listed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// [`Kind::Direct`] and [`Kind::PurchaseRequest`].
    Direct,
    /// [`Kind::Group`].
    Group,
    /// [`Kind::Support`].
    Support,
    /// [`Kind::Product`].
    Product,
}

impl Kind {
    /// Where it is listed.
    pub fn shelf(&self) -> Shelf {
        match self {
            Self::Direct | Self::PurchaseRequest { .. } => Shelf::Direct,
            Self::Group => Shelf::Group,
            Self::Support => Shelf::Support,
            Self::Product { .. } => Shelf::Product,
        }
    }
}

impl Shelf {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
            Self::Support => "support",
            Self::Product => "product",
        }
    }
}

/// A chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chat {
    /// Its id.
    pub id: ObjectId,
    /// In whose words it was made.
    pub dialect: Dialect,
    /// What it is for.
    pub kind: Kind,
    /// Who is in it, in the order of coming.
    pub members: Vec<Member>,
    /// Who made it.
    pub creator: Party,
    /// A group's or a support chat's title.
    pub title: Option<String>,
    /// Anything that its creator wants kept with it.
    pub metadata: Option<Map<String, Value>>,
    /// What it is about, as given first: the product's id.
    pub about: Option<Value>,
    /// When it was made, in milliseconds since 1970.
    pub created_at: u64,
    /// How many messages it has had; the number of the last one.
    pub count: u64,
    /// How many of them were deleted.
    #[serde(default)]
    pub deleted: u64,
    /// When the last message came; before one, when the chat was made.
    pub last_at: u64,
}

/// Somebody in a chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub party: Party,
    /// What their token said of them when they last did something here.
    pub known: Known,
    /// How many messages of others they have not read.
    pub unread: u64,
    /// Messages up to this number are read, or were there before they came.
    pub read_up_to: u64,
    /// Whether they have put the chat away.
    pub archived: bool,
}

impl Member {
    pub(super) fn new(party: Party, read_up_to: u64) -> Self {
        Self { party, known: Known::default(), unread: 0, read_up_to, archived: false }
    }
}

impl Chat {
    /// A member.
    pub fn member(&self, party: &Party) -> Option<&Member> {
        self.members.iter().find(|member| member.party == *party)
    }

    pub(super) fn member_mut(&mut self, party: &Party) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.party == *party)
    }

    /// Whom somebody is in this chat: themselves, else the support pool where they stand for it;
    /// `None` = not in it.
    pub fn part_of(&self, actor: &Actor) -> Option<Party> {
        let pool = || actor.is_staff().then_some(Party::Support);
        [Some(actor.party.clone()), pool()]
            .into_iter()
            .flatten()
            .find(|party| self.member(party).is_some())
    }

    /// The members apart from one.
    pub fn others<'a>(&'a self, party: &'a Party) -> impl Iterator<Item = &'a Member> {
        self.members.iter().filter(move |member| member.party != *party)
    }
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// From one person to others.
    #[default]
    Text,
    /// From a backend.
    System,
}

/// A file or picture that goes with a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id within the message.
    pub id: ObjectId,
    /// Where it is on the web; none = in the store of attachments, under this id.
    pub url: Option<String>,
    /// Its name; none where it was not given.
    pub filename: Option<String>,
    /// Its type.
    pub mime_type: String,
    /// Its bytes.
    pub size: u64,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: ObjectId,
    /// Its chat.
    pub chat: ObjectId,
    /// Its number in the chat, from 1, without holes.
    pub number: u64,
    /// Who wrote it.
    pub sender: Party,
    /// As whom: the sender, or the pool that the sender stands for.
    pub part: Party,
    /// What kind it is.
    pub kind: MessageKind,
    /// Its text; none where it has only attachments, or is deleted.
    pub content: Option<String>,
    /// The message that it answers.
    pub reply_to: Option<ObjectId>,
    /// Anything that its sender wants kept with it.
    pub metadata: Option<Map<String, Value>>,
    /// What goes with it.
    pub attachments: Vec<Attachment>,
    /// When it came, in milliseconds since 1970. Grows from message to message of a chat.
    pub created_at: u64,
    /// When its text was last changed.
    pub edited_at: Option<u64>,
    /// When it was deleted.
    pub deleted_at: Option<u64>,
    /// Whether somebody whom it was for was there when it came.
    pub recipient_online: bool,
    /// Members who have read it by itself; see [`Member::read_up_to`] for all up to it.
    pub read_by: Vec<Party>,
}

impl Message {
    /// Whether a member has read it. What one wrote oneself is read.
    pub fn is_read_by(&self, member: &Member) -> bool {
        self.part == member.party
            || self.number <= member.read_up_to
            || self.read_by.contains(&member.party)
    }

    /// Whether it is counted as unread for a member.
    pub(super) fn is_unread_for(&self, member: &Member) -> bool {
        self.deleted_at.is_none() && !self.is_read_by(member)
    }
}

pub(super) fn chat_key(chat: ObjectId) -> Key {
    Key::of("chat").text(&chat.to_string())
}

pub(super) fn messages_of(chat: ObjectId) -> Key {
    Key::of("chat_message").text(&chat.to_string())
}

pub(super) fn message_id_key(chat: ObjectId, message: ObjectId) -> Key {
    Key::of("chat_message_id").text(&chat.to_string()).text(&message.to_string())
}

/// Where the chats of one party on one shelf are listed, the latest first.
pub(super) fn shelf_key(dialect: Dialect, party: &Party, shelf: Shelf) -> Key {
    Key::of("chat_shelf").text(dialect.as_str()).text(&party.key()).text(shelf.as_str())
}

/// Where a chat stands on a shelf.
pub(super) fn place_key(chat: &Chat, party: &Party) -> Key {
    shelf_key(chat.dialect, party, chat.kind.shelf())
        .descending(chat.last_at)
        .text(&chat.id.to_string())
}

/// Where it is counted how many chats are on a shelf.
pub(super) fn shelf_count_key(dialect: Dialect, party: &Party, shelf: Shelf) -> Key {
    Key::of("chat_shelf_count").text(dialect.as_str()).text(&party.key()).text(shelf.as_str())
}

/// What leads to the only chat of a kind between these two; none where there may be several.
pub(super) fn unique_key(dialect: Dialect, kind: &Kind, parties: [&Party; 2]) -> Option<Key> {
    let key = Key::of("chat_unique").text(dialect.as_str()).text(kind.shelf().as_str());
    let [a, b] = parties;
    match kind {
        // Whoever began.
        Kind::Direct => Some(key.text("").text(&a.min(b).key()).text(&a.max(b).key())),
        // In this order: buyer and seller, customer and vendor.
        Kind::PurchaseRequest { request } => Some(key.text(request).text(&a.key()).text(&b.key())),
        Kind::Product { product } => Some(key.text(product).text(&a.key()).text(&b.key())),
        Kind::Group | Kind::Support => None,
    }
}
