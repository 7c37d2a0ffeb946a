//! Making chats, and finding the one that there is already.

use serde_json::{Map, Value};

use super::{
    Chats, Draft, LAYOUT,
    party::{Actor, Party},
    record::{Chat, Dialect, Kind, Member, Message, chat_key, shelf_count_key, unique_key},
    voice::{Happened, Voice},
    work::Work,
};
use crate::{
    error::Refusal,
    service::{
        ObjectId,
        backoff::Backoff,
        limits::Counted,
        once::{self, Once, Outcome},
        settle::Settled,
        text,
    },
    store::{Expect, Key, Write},
};

/// UTF-16 units of a title.
const TITLE_MAX: usize = 200;
/// Bytes of metadata, as JSON.
pub(super) const METADATA_BYTES_MAX: usize = 4 << 10;

/// A chat that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct NewChat {
    /// What for.
    pub kind: Kind,
    /// Who is in it; doubles count once. The first two are what makes a chat of one product or request
    /// the only one: buyer and seller, customer and vendor.
    pub members: Vec<Party>,
    /// Its title.
    pub title: Option<String>,
    /// Anything to be kept with it; at most 4 KiB as JSON.
    pub metadata: Option<Map<String, Value>>,
    /// What it is about, as given.
    pub about: Option<Value>,
}

/// A chat that is there now.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// The chat.
    pub chat: Chat,
    /// Whether it is new.
    pub created: bool,
    /// The message that came with the command.
    pub message: Option<Message>,
}

impl Chats {
    /// Makes a chat, or finds the only one of its kind; a first message goes into it either way, in
    /// the same commit where the chat is new.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unfit`] where these are not as many as the kind has, [`Refusal::Invalid`] naming the
    /// field, [`Refusal::NotFound`] for a member whom a filled directory does not know,
    /// [`Refusal::RateLimited`], [`Refusal::Conflict`] where `once` was used for something else,
    /// [`Refusal::Unavailable`].
    pub async fn open(
        &self,
        voice: &dyn Voice,
        actor: &Actor,
        new: NewChat,
        first: Option<Draft>,
        once: Option<Once>,
    ) -> Result<Outcome<Opened>, Refusal> {
        let open = self.open_now(voice, actor, new, first, once.as_ref());
        once::once(once.as_ref(), &*self.store, &self.clock, open).await
    }

    async fn open_now(
        &self,
        voice: &dyn Voice,
        actor: &Actor,
        mut new: NewChat,
        first: Option<Draft>,
        once: Option<&Once>,
    ) -> Result<Outcome<Opened>, Refusal> {
        self.check_new(voice, actor, &mut new, first.as_ref())?;
        let unique = match new.members.as_slice() {
            [a, b] => unique_key(voice.dialect(), &new.kind, [a, b]),
            _ => None,
        };
        let counts = new.members.iter();
        let counts = counts.map(|m| shelf_count_key(voice.dialect(), m, new.kind.shelf()));
        let held = self.locks.hold(&counts.chain(unique.clone()).collect::<Vec<Key>>()).await;
        let mut counted = false;
        let mut backoff = Backoff::default();
        loop {
            if let Some(id) = self.only_one(unique.as_ref()).await? {
                drop(held);
                return self.send_to_existing(voice, actor, id, first, once).await;
            }
            if !std::mem::replace(&mut counted, true) {
                for party in new.members.iter().filter(|party| **party != actor.party) {
                    if !self.may_exist(party).await? {
                        return Err(Refusal::NotFound { what: "User" });
                    }
                }
                let message = first.is_some().then_some(Counted::ChatMessage);
                let kinds: Vec<_> = [Counted::NewChat].into_iter().chain(message).collect();
                self.limits.take_all(&kinds, &actor.counted)?;
            }
            let mut work = Work::on_new(self.made(voice.dialect(), actor, &new));
            if let Some(unique) = &unique {
                let id = LAYOUT.pack(&work.chat.id)?;
                work.commit.writes.push(Write::put(unique.clone(), Expect::Absent, id));
            }
            for party in &new.members {
                self.count_member(&mut work, party, true).await?;
            }
            let (mut message, mut offline) = (None, Vec::new());
            if let Some(draft) = &first {
                offline = self.who_is_away(&work.chat, &actor.party).await;
                message =
                    Some(self.add_message(&mut work, actor, &actor.party, draft, &offline)?);
            }
            let chat = work.chat.clone();
            let what = match &message {
                Some(message) => Happened::Sent { message, opened: true, offline: &offline },
                None => Happened::Opened,
            };
            match self.finish(work, voice, &what, once).await? {
                Settled::Done => {
                    return Ok(Outcome::Done(Opened { chat, created: true, message }));
                }
                Settled::Repeated(answer) => return Ok(Outcome::Repeated(answer)),
                Settled::Again => backoff.wait().await?,
            }
        }
    }

    /// The only chat of a kind between two, where there is one.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn find(
        &self,
        dialect: Dialect,
        kind: &Kind,
        parties: [&Party; 2],
    ) -> Result<Option<Chat>, Refusal> {
        match self.only_one(unique_key(dialect, kind, parties).as_ref()).await? {
            None => Ok(None),
            Some(id) => {
                let record = self.store.get(chat_key(id)).await?;
                Ok(LAYOUT.unpack_some(record.as_ref())?)
            }
        }
    }

    async fn only_one(&self, unique: Option<&Key>) -> Result<Option<ObjectId>, Refusal> {
        let Some(unique) = unique else { return Ok(None) };
        let record = self.store.get(unique.clone()).await?;
        Ok(LAYOUT.unpack_some(record.as_ref())?)
    }

    async fn send_to_existing(
        &self,
        voice: &dyn Voice,
        actor: &Actor,
        id: ObjectId,
        first: Option<Draft>,
        once: Option<&Once>,
    ) -> Result<Outcome<Opened>, Refusal> {
        let Some(draft) = first else {
            let chat = self.work_on(voice.dialect(), id).await?.chat;
            return Ok(Outcome::Done(Opened { chat, created: false, message: None }));
        };
        Ok(match self.send_now(voice, actor, id, draft, once).await? {
            Outcome::Repeated(answer) => Outcome::Repeated(answer),
            Outcome::Done(sent) => Outcome::Done(Opened {
                chat: sent.chat,
                created: false,
                message: Some(sent.message),
            }),
        })
    }

    fn check_new(
        &self,
        voice: &dyn Voice,
        actor: &Actor,
        new: &mut NewChat,
        first: Option<&Draft>,
    ) -> Result<(), Refusal> {
        let mut seen = std::collections::HashSet::new();
        new.members.retain(|party| seen.insert(party.clone()));
        let path = "participantIds";
        let unfit = |message: String| Err(Refusal::Unfit { path, message });
        let members = new.members.len();
        if members < 2 {
            return unfit("at least 2 participants are needed".to_owned());
        }
        if new.kind != Kind::Group && members != 2 {
            return unfit("a direct chat has exactly 2 participants".to_owned());
        }
        if members > self.settings.members_max {
            return unfit(format!("at most {} participants", self.settings.members_max));
        }
        if let Some(title) = &new.title {
            if new.kind.shelf() == super::Shelf::Direct {
                let message = "only a group has a title".to_owned();
                return Err(Refusal::Unfit { path: "title", message });
            }
            let path = if new.kind == Kind::Support { "subject" } else { "title" };
            text::check(path, title, 1, TITLE_MAX)?;
        }
        check_metadata(new.metadata.as_ref())?;
        if let Some(draft) = first {
            self.check_draft(voice, actor, draft)?;
        }
        Ok(())
    }

    fn made(&self, dialect: Dialect, actor: &Actor, new: &NewChat) -> Chat {
        let now = self.clock.unix_ms();
        let mut chat = Chat {
            id: ObjectId::generate(now),
            dialect,
            kind: new.kind.clone(),
            members: new.members.iter().map(|party| Member::new(party.clone(), 0)).collect(),
            creator: actor.party.clone(),
            title: new.title.clone(),
            metadata: new.metadata.clone(),
            about: new.about.clone(),
            created_at: now,
            count: 0,
            deleted: 0,
            last_at: now,
        };
        remember(&mut chat, actor);
        chat
    }
}

/// Notes what the token says of somebody, to be shown to the others.
pub(super) fn remember(chat: &mut Chat, actor: &Actor) {
    if let Some(member) = chat.member_mut(&actor.party) {
        member.known.role = Some(actor.role);
        // A token without a name says nothing against the name that was known.
        let known = &mut member.known;
        known.name = actor.name.clone().or_else(|| known.name.take());
        known.avatar = actor.avatar.clone().or_else(|| known.avatar.take());
    }
}

/// Checks metadata of a chat or a message.
pub(super) fn check_metadata(metadata: Option<&Map<String, Value>>) -> Result<(), Refusal> {
    let Some(metadata) = metadata else { return Ok(()) };
    text::check_json("metadata", &Value::Object(metadata.clone()), METADATA_BYTES_MAX)
}
