//! A chat that is being changed: what it was, what it becomes, and the commit between the two.

use serde::{Deserialize, Serialize};

use super::{
    Chats, LAYOUT,
    party::{Actor, Party},
    record::{
        Chat, Dialect, Message, chat_key, message_id_key, messages_of, place_key, shelf_count_key,
    },
    voice::{Happened, Voice},
};
use crate::{
    cluster::Order,
    error::Refusal,
    service::{
        ObjectId,
        once::Once,
        settle::{Settled, settle},
    },
    store::{Commit, Expect, StoreError, Write},
};

/// A chat under way from one state to the next.
#[derive(Debug)]
pub(super) struct Work {
    /// How it was; none where it is new.
    before: Option<Chat>,
    expect: Expect,
    /// How it becomes.
    pub(super) chat: Chat,
    /// What else is written.
    pub(super) commit: Commit,
}

/// What is kept beside a chat's place on a shelf, so that figures need not read the chats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) messages: u64,
    pub(super) unread: u64,
}

impl Work {
    /// On a new chat.
    pub(super) fn on_new(chat: Chat) -> Self {
        Self { before: None, expect: Expect::Absent, chat, commit: Commit::default() }
    }

    /// Puts a message, new or changed, into the commit.
    pub(super) fn put_message(
        &mut self,
        message: &Message,
        is_new: bool,
    ) -> Result<(), StoreError> {
        let key = messages_of(message.chat).number(message.number);
        // All commits on a chat expect the chat as it was, so the message is as it was, too.
        self.commit.writes.push(Write::put(key, Expect::Anything, LAYOUT.pack(message)?));
        if is_new {
            let key = message_id_key(message.chat, message.id);
            let number = LAYOUT.pack(&message.number)?;
            self.commit.writes.push(Write::put(key, Expect::Absent, number));
        }
        Ok(())
    }

    /// Puts the chat and its places on its members' shelves into the commit.
    fn put_chat(&mut self) -> Result<(), StoreError> {
        let places = |chat: &Chat| -> Vec<_> {
            let place = |unread| Place { messages: chat.count, unread };
            let members = chat.members.iter();
            members.map(|m| (place_key(chat, &m.party), place(m.unread))).collect()
        };
        let before = self.before.as_ref().map(places).unwrap_or_default();
        let after = places(&self.chat);
        for (key, _) in before.iter().filter(|(key, _)| !after.iter().any(|(k, _)| k == key)) {
            self.commit.writes.push(Write::delete(key.clone(), Expect::Anything));
        }
        for entry in after.iter().filter(|entry| !before.contains(entry)) {
            let (key, place) = entry;
            let value = LAYOUT.pack(place)?;
            self.commit.writes.push(Write::put(key.clone(), Expect::Anything, value));
        }
        let value = LAYOUT.pack(&self.chat)?;
        self.commit.writes.push(Write::put(chat_key(self.chat.id), self.expect, value));
        Ok(())
    }
}

impl Chats {
    /// A chat to be changed.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] where this dialect has none of this id.
    pub(super) async fn work_on(&self, dialect: Dialect, id: ObjectId) -> Result<Work, Refusal> {
        let record = self.store.get(chat_key(id)).await?;
        let chat: Option<Chat> = LAYOUT.unpack_some(record.as_ref())?;
        let chat = chat
            .filter(|chat| chat.dialect == dialect)
            .ok_or(Refusal::NotFound { what: "Chat" })?;
        Ok(Work {
            before: Some(chat.clone()),
            expect: Expect::unchanged(record.as_ref()),
            chat,
            commit: Commit::default(),
        })
    }

    /// Puts what is counted of a member who comes (`true`) or goes into the commit.
    pub(super) async fn count_member(
        &self,
        work: &mut Work,
        party: &Party,
        comes: bool,
    ) -> Result<(), Refusal> {
        let key = shelf_count_key(work.chat.dialect, party, work.chat.kind.shelf());
        let record = self.store.get(key.clone()).await?;
        let count: u64 = LAYOUT.unpack_some(record.as_ref())?.unwrap_or(0);
        let count = if comes { count + 1 } else { count.saturating_sub(1) };
        let expect = Expect::unchanged(record.as_ref());
        work.commit.writes.push(Write::put(key, expect, LAYOUT.pack(&count)?));
        Ok(())
    }

    /// Commits what was done to a chat, with what a voice says of it.
    ///
    /// `Again` = somebody was faster: decide anew.
    pub(super) async fn finish(
        &self,
        mut work: Work,
        voice: &dyn Voice,
        what: &Happened<'_>,
        once: Option<&Once>,
    ) -> Result<Settled, Refusal> {
        if work.before.as_ref() != Some(&work.chat) || !work.commit.writes.is_empty() {
            work.put_chat()?;
        }
        let said = voice.say(&work.chat, what);
        work.commit.events.extend(said.events);
        if let Some(once) = once {
            let answer = voice.answer(&work.chat, what);
            work.commit.claim = Some(once.clone().claim(answer, &self.clock));
        }
        let boxes = self.notifications.add_to(&mut work.commit, said.notifications).await?;
        let settled = settle(&*self.store, work.commit).await?;
        drop(boxes);
        if matches!(settled, Settled::Done) {
            self.order(said.orders).await;
        }
        Ok(settled)
    }

    /// Commits what nobody is told of.
    pub(super) async fn finish_silently(&self, mut work: Work) -> Result<Settled, Refusal> {
        work.put_chat()?;
        settle(&*self.store, work.commit).await
    }

    /// After the events are out, so that those who leave hear why.
    async fn order(&self, orders: Vec<Order>) {
        for order in orders {
            self.cluster.order(order).await;
        }
    }
}

/// As whom somebody acts in a chat.
///
/// # Errors
///
/// [`Refusal::Forbidden`] where they are not in it.
pub(super) fn part_of(chat: &Chat, actor: &Actor) -> Result<Party, Refusal> {
    chat.part_of(actor).ok_or(Refusal::Forbidden {
        code: "FORBIDDEN",
        message: "You are not a participant of this chat",
    })
}
