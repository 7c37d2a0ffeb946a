//! Customers and vendors (contract, section 7): the chat service in the words of seed 002.
//!
//! A chat is that of a customer and a vendor about a product. Whatever one of them does is told to the
//! rooms of both persons in the commit that does it; what a socket asks for itself is given back here.
//!
//! Lists have a budget of bytes besides their pages, since one packet holds all of it and others write
//! what is in it: where it is used up, older messages are left out. A page of one chat's messages says
//! so, and `before` leads to the rest.

mod media;
mod show;
mod voice;

use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};

use self::{
    show::{Budget, Face, about_of, chat_view, message_view},
    voice::{Receipts, Words},
};
use crate::{
    error::Refusal,
    event::{
        self, Id, publish_of,
        vendor_chat::Chat as ChatView,
        vendor_chat::{
            About, MarkAsRead, Message as MessageView, Page as PageOf, Pair, Reply, SendMessage,
        },
    },
    identity::{Identity, Person, Role, UserId, UserType},
    publish::Publish,
    service::{
        ObjectId,
        chat::{Actor, Before, Chat, Chats, Dialect, Draft, Kind, NewChat, Party, Shelf},
        once::{Once, Outcome},
        page::{Page, Pagination},
        users::{Profile, Users},
    },
};

/// Namespace of the app's events.
const NAMESPACE: &str = "/chat";

/// The most unread messages that somebody who comes is sent. More are in the chats.
const OFFLINE_MAX: usize = 1_000;

/// Rooms that `joinRooms` enters: as many as a socket may be in, its person's apart.
const ROOMS_MAX: usize = 255;

/// Bytes of the messages in one reply, about. Twice that (the event and its ack) fits into an outbox of
/// the default size, 1 MiB, with what is around it.
const REPLY_BYTES: usize = 384 << 10;

const DIALECT: Dialect = Dialect::VendorChat;

/// What an operator chose about vendor-chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VendorChatSettings {
    /// Whether address and telephone number of the other one are shown. Default false.
    pub share_contact: bool,
}

/// Vendor-chat.
#[derive(Debug)]
pub struct VendorChats {
    chats: Arc<Chats>,
    users: Arc<Users>,
    settings: VendorChatSettings,
}

/// Somebody who does something.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// Who.
    pub person: Person,
    actor: Actor,
}

impl Speaker {
    /// The person of a token; `None` where it names no side.
    pub fn of(identity: &Identity) -> Option<Self> {
        let person = Person::of(identity)?;
        let mut actor = Actor::person(identity)?;
        // No role counts here: an admin deletes no messages of others.
        actor.role = Role::User;
        Some(Self { person, actor })
    }
}

impl VendorChats {
    /// Vendor-chat over these services.
    pub fn new(chats: Arc<Chats>, users: Arc<Users>, settings: VendorChatSettings) -> Self {
        Self { chats, users, settings }
    }

    /// `userChats` as it is sent to who comes: the first page, without messages.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn greeting(&self, me: &Speaker) -> Result<Reply<PageOf<ChatView>>, Refusal> {
        let listed =
            self.chats.list(DIALECT, &me.actor, &[Shelf::Product], Page::default()).await?;
        let mut faces = Faces::new(self, &me.person);
        let mut items = Vec::with_capacity(listed.items.len());
        for chat in &listed.items {
            items.push(chat_view(chat, me.person.side, &faces.of(chat).await?));
        }
        let page = PageOf { items, pagination: listed.pagination };
        Ok(Reply::new("Chats have been sent successfully".to_owned(), page))
    }

    /// `offlineMessages`: what was sent to who comes and is not read, the newest first, each with its
    /// chat. At most 1,000 and 384 KiB, of the chats with the latest messages the newest; `pagination`
    /// counts all, and the others are in their chats.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn offline(&self, me: &Speaker) -> Result<Reply<PageOf<MessageView>>, Refusal> {
        let (chats, total) =
            self.chats.waiting(DIALECT, &me.actor, Shelf::Product, OFFLINE_MAX).await?;
        let mut faces = Faces::new(self, &me.person);
        let mut found = Vec::new();
        for chat in &chats {
            let left = OFFLINE_MAX.saturating_sub(found.len());
            let unread = self.chats.unread(chat, &me.actor.party, left).await?;
            let view = chat_view(chat, me.person.side, &faces.of(chat).await?);
            for message in unread {
                let mut shown = message_view(chat, &message);
                shown.chat = Some(Box::new(view.clone()));
                found.push((message.created_at, message.number, shown));
            }
        }
        found.sort_unstable_by_key(|(at, number, _)| std::cmp::Reverse((*at, *number)));
        let mut budget = Budget::of(REPLY_BYTES);
        let items: Vec<MessageView> =
            found.into_iter().map(|(.., shown)| shown).take_while(|m| budget.takes(m)).collect();
        let page = PageOf { pagination: one_page(items.len(), total), items };
        Ok(Reply::new("Offline messages has been sent successfully".to_owned(), page))
    }

    /// The ids of the chats that `joinRooms` enters: the latest 255.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn ids(&self, me: &Speaker) -> Result<Vec<ObjectId>, Refusal> {
        self.chats.latest_ids(DIALECT, &me.actor, Shelf::Product, ROOMS_MAX).await
    }

    /// `userChats` as it answers `joinRooms` and `getUserChats`: a page, each chat with its latest
    /// messages.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn list(&self, me: &Speaker, page: Page) -> Result<Reply<Vec<ChatView>>, Refusal> {
        let listed = self.chats.list(DIALECT, &me.actor, &[Shelf::Product], page).await?;
        let mut faces = Faces::new(self, &me.person);
        let mut budget = Budget::of(REPLY_BYTES);
        let mut chats = Vec::with_capacity(listed.items.len());
        for chat in &listed.items {
            let (chat, messages, _) =
                self.messages(me, chat.id, None, Page::default(), &mut budget).await?;
            let mut view = chat_view(&chat, me.person.side, &faces.of(&chat).await?);
            view.messages = Some(messages);
            chats.push(view);
        }
        let mut reply = Reply::new("Chats has been sent successfully".to_owned(), chats);
        reply.pagination = Some(listed.pagination);
        Ok(reply)
    }

    /// `joinChat`: what the other one wrote is read, of which they are told, and a page of messages is
    /// given back, the newest on page 1 and each page from old to new. Where not all of the page fits
    /// into a reply its oldest are left out: then `hasNext` is true and `nextPage` null, since no page
    /// has them, and they are those `before` the first one given.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`] at `page`, `limit` or `before`, [`Refusal::NotFound`] where there is no such chat,
    /// [`Refusal::Unavailable`].
    pub async fn load(
        &self,
        me: &Speaker,
        asked: &event::vendor_chat::JoinChat,
    ) -> Result<Reply<ChatView>, Refusal> {
        let page = Page::of(asked.page, asked.limit)?;
        let before =
            asked.before.as_ref().map(|id| ObjectId::parse(id.as_str()).map(Before::Message));
        let before =
            before.transpose().map_err(|_| invalid("before", "expected the id of a message"))?;
        let chat = self.find(me, &asked.product_id, &asked.recipient_id).await?;
        let words = Words::of(me, Receipts::Other);
        self.chats.read(&words, &me.actor, chat.id, &[]).await?;
        let mut budget = Budget::of(REPLY_BYTES);
        let (chat, messages, pagination) =
            self.messages(me, chat.id, before, page, &mut budget).await?;
        let face = Faces::new(self, &me.person).of(&chat).await?;
        let mut view = chat_view(&chat, me.person.side, &face);
        view.messages = Some(messages);
        view.pagination = Some(pagination);
        Ok(Reply::new("Chat has been loaded".to_owned(), view))
    }

    /// `sendMessage`: stores it, in a new chat where there was none, and tells both. The answer is that
    /// of the first time where the client's id was seen before.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`] naming the field, [`Refusal::NotFound`] for a recipient whom a filled
    /// directory does not know, [`Refusal::RateLimited`], [`Refusal::Conflict`] where the client's id
    /// was used for something else, [`Refusal::Unavailable`].
    pub async fn send(&self, me: &Speaker, asked: &SendMessage) -> Result<Box<RawValue>, Refusal> {
        let attachments = media::attachments(asked.message_medias.as_deref().unwrap_or_default())?;
        let content = asked.text.as_ref().map(ToString::to_string);
        let says = content.as_ref().is_some_and(|text| !text.trim().is_empty());
        if !says && attachments.is_empty() {
            return Err(invalid("text", "expected a text, or at least one of messageMedias"));
        }
        let once = asked.client_id.as_ref().map(|client_id| {
            let person = me.person.to_string();
            Once::of_client(NAMESPACE, &person, "sendMessage", client_id.as_str(), asked)
        });
        let once = once.transpose()?;
        let other = me.person.opposite(asked.recipient_id.clone());
        let new = NewChat {
            kind: Kind::Product { product: asked.product_id.as_str().to_owned() },
            members: members(&me.person, &other).to_vec(),
            title: None,
            metadata: None,
            about: serde_json::to_value(&asked.product_id).ok(),
        };
        let draft = Draft { content, attachments, ..Draft::default() };
        let words = Words::of(me, Receipts::Both).introduced(self.introduction(me, &other).await?);
        match self.chats.open(&words, &me.actor, new, Some(draft), once).await? {
            Outcome::Done(opened) => {
                let message = opened.message.iter().map(|m| message_view(&opened.chat, m));
                written(&Reply::new(None::<String>, message.collect::<Vec<_>>()))
            }
            Outcome::Repeated(answer) => String::from_utf8(answer.to_vec())
                .ok()
                .and_then(|text| RawValue::from_string(text).ok())
                .ok_or_else(unavailable),
        }
    }

    /// `markAsRead`: all that the other one wrote is read, of which both are told.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] where there is no such chat, [`Refusal::Forbidden`] where it is one of
    /// others, [`Refusal::Unavailable`].
    pub async fn mark_as_read(
        &self,
        me: &Speaker,
        asked: &MarkAsRead,
    ) -> Result<Reply<About>, Refusal> {
        let chat = match asked {
            MarkAsRead::Chat { chat_id } => {
                ObjectId::parse(chat_id.as_str()).map_err(|_| no_chat())?
            }
            MarkAsRead::Pair(pair) => self.find(me, &pair.product_id, &pair.recipient_id).await?.id,
        };
        let words = Words::of(me, Receipts::Both);
        let read = self.chats.read(&words, &me.actor, chat, &[]).await?;
        Ok(voice::receipt(&read.chat, &me.person))
    }

    /// `deleteMessage`: takes one's own message out of the chat, of which both are told.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] where there is no such chat or message, [`Refusal::Forbidden`] where the
    /// message is the other one's, [`Refusal::Unavailable`].
    pub async fn delete(
        &self,
        me: &Speaker,
        asked: &event::vendor_chat::DeleteMessage,
    ) -> Result<Reply<About>, Refusal> {
        let no_message = || Refusal::NotFound { what: "Message" };
        let chat = self.find(me, &asked.product_id, &asked.recipient_id).await?;
        let message = ObjectId::parse(asked.message_id.as_str()).map_err(|_| no_message())?;
        let words = Words::of(me, Receipts::Both);
        let (deleted, _) = self.chats.delete(&words, &me.actor, chat.id, message).await?;
        // The service takes a second time for done; to clients a deleted message is not there.
        if !words.was_said() {
            return Err(no_message());
        }
        Ok(voice::deletion(&deleted.chat, &me.person, message))
    }

    /// `typing` and `stoppedTyping`: what the caller is answered, and what the other one is told.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] where there is no such chat, [`Refusal::Unavailable`].
    pub async fn typing(
        &self,
        me: &Speaker,
        asked: &Pair,
        is_typing: bool,
    ) -> Result<(Reply<About>, Publish), Refusal> {
        let chat = self.find(me, &asked.product_id, &asked.recipient_id).await?;
        let (event, message) = match is_typing {
            true => ("userTyping", "User is typing"),
            false => ("stoppedTyping", "User has stopped typing"),
        };
        let reply = Reply::new(message.to_owned(), about_of(&chat, &me.person));
        let other = me.person.opposite(asked.recipient_id.clone());
        let told = publish_of(event, &reply, vec![other.room()]);
        Ok((reply, told))
    }

    /// The chat of the caller and somebody on the other side about a product.
    async fn find(&self, me: &Speaker, product: &Id, recipient: &UserId) -> Result<Chat, Refusal> {
        let other = me.person.opposite(recipient.clone());
        let [customer, vendor] = members(&me.person, &other);
        let kind = Kind::Product { product: product.as_str().to_owned() };
        self.chats.find(DIALECT, &kind, [&customer, &vendor]).await?.ok_or_else(no_chat)
    }

    /// A page of a chat's messages, from old to new, as far as the budget goes.
    async fn messages(
        &self,
        me: &Speaker,
        chat: ObjectId,
        before: Option<Before>,
        page: Page,
        budget: &mut Budget,
    ) -> Result<(Chat, Vec<MessageView>, Pagination), Refusal> {
        let (chat, listed) = self.chats.messages(DIALECT, &me.actor, chat, before, page).await?;
        let newest_first = listed.items.iter().filter(|message| message.deleted_at.is_none());
        let mut messages: Vec<MessageView> = newest_first
            .clone()
            .map(|message| message_view(&chat, message))
            .take_while(|message| budget.takes(message))
            .collect();
        messages.reverse();
        let mut pagination = listed.pagination;
        if messages.len() < newest_first.count() {
            (pagination.has_next, pagination.next_page) = (true, None);
        }
        // Pages are cut by the numbers of messages, deleted ones too; what is counted is what is left.
        if before.is_none() {
            pagination.total_records = pagination.total_records.saturating_sub(chat.deleted);
        }
        Ok((chat, messages, pagination))
    }

    /// What the other one is shown of the caller in a chat that is new to them.
    async fn introduction(&self, me: &Speaker, other: &Person) -> Result<Face, Refusal> {
        let mine = self.users.person(&me.person).await?;
        let store_id = match me.person.side {
            UserType::Vendor => first_store(mine.as_ref()),
            UserType::Customer => first_store(self.users.person(other).await?.as_ref()),
        };
        Ok(Face { profile: mine, share_contact: self.settings.share_contact, store_id })
    }
}

/// Who is on the other side of chats, looked up for one reply.
struct Faces<'a> {
    of: &'a VendorChats,
    me: &'a Person,
    /// The caller's own first store, once it was looked for.
    own_store: Option<Option<Id>>,
}

impl<'a> Faces<'a> {
    fn new(of: &'a VendorChats, me: &'a Person) -> Self {
        Self { of, me, own_store: None }
    }

    async fn of(&mut self, chat: &Chat) -> Result<Face, Refusal> {
        let users = &self.of.users;
        let other = self.me.opposite(show::user_of(chat, self.me.side.other()));
        let profile = users.person(&other).await?;
        let store_id = match (self.me.side, &self.own_store) {
            (UserType::Customer, _) => first_store(profile.as_ref()),
            (UserType::Vendor, Some(own)) => own.clone(),
            (UserType::Vendor, None) => {
                let own = first_store(users.person(self.me).await?.as_ref());
                self.own_store = Some(own.clone());
                own
            }
        };
        Ok(Face { profile, share_contact: self.of.settings.share_contact, store_id })
    }
}

fn first_store(vendor: Option<&Profile>) -> Option<Id> {
    Some(vendor?.store.first()?.store_id.clone().into())
}

/// Customer and vendor, in this order: it makes their chat about a product the only one.
fn members(a: &Person, b: &Person) -> [Party; 2] {
    let party = |person: &Person| Party::Side(person.side, person.user.clone());
    match a.side {
        UserType::Customer => [party(a), party(b)],
        UserType::Vendor => [party(b), party(a)],
    }
}

/// Where a list stands of which one reply gives the beginning.
fn one_page(items: usize, total: u64) -> Pagination {
    let limit = u64::try_from(items).unwrap_or(u64::MAX).max(1);
    Pagination::of(1, limit, total)
}

fn written(reply: &impl serde::Serialize) -> Result<Box<RawValue>, Refusal> {
    to_raw_value(reply).map_err(|_| unavailable())
}

fn invalid(path: impl Into<String>, message: &str) -> Refusal {
    Refusal::Invalid { path: path.into(), message: message.to_owned() }
}

fn no_chat() -> Refusal {
    Refusal::NotFound { what: "Chat" }
}

fn unavailable() -> Refusal {
    Refusal::Unavailable { retry_after: std::time::Duration::from_secs(1) }
}
