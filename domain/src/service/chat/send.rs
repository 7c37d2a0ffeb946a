//! Messages on their way into a chat.

use serde_json::{Map, Value};

use super::{
    Chats,
    open::{check_metadata, remember},
    party::{Actor, Party},
    record::{Attachment, Chat, Dialect, Message, MessageKind, message_id_key},
    voice::{Happened, Voice},
    work::{Work, part_of},
};
use crate::{
    cluster::Scope,
    error::Refusal,
    service::{
        ObjectId,
        backoff::Backoff,
        limits::Counted,
        once::{self, Once, Outcome},
        settle::Settled,
        text,
    },
};

/// A message that is to be sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// Its text; may be left out beside attachments.
    pub content: Option<String>,
    /// What kind it is.
    pub kind: MessageKind,
    /// The message of the same chat that it answers.
    pub reply_to: Option<ObjectId>,
    /// Anything to be kept with it; at most 4 KiB as JSON.
    pub metadata: Option<Map<String, Value>>,
    /// What goes with it.
    pub attachments: Vec<Attachment>,
    /// Whether [`Chats::admit`] has counted it already.
    pub admitted: bool,
}

/// A message that was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// The chat with it.
    pub chat: Chat,
    /// The message.
    pub message: Message,
}

impl Chats {
    /// Sends a message into a chat.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] without such a chat, [`Refusal::Forbidden`] where the actor is not in it
    /// or may not send this kind, [`Refusal::Invalid`] naming the field, [`Refusal::RateLimited`],
    /// [`Refusal::Conflict`] where `once` was used for something else, [`Refusal::Unavailable`].
    pub async fn send(
        &self,
        voice: &dyn Voice,
        actor: &Actor,
        chat: ObjectId,
        draft: Draft,
        once: Option<Once>,
    ) -> Result<Outcome<Sent>, Refusal> {
        let send = self.send_now(voice, actor, chat, draft, once.as_ref());
        once::once(once.as_ref(), &*self.store, &self.clock, send).await
    }

    /// Sends a message that was not sent before under this name.
    pub(super) async fn send_now(
        &self,
        voice: &dyn Voice,
        actor: &Actor,
        chat: ObjectId,
        draft: Draft,
        once: Option<&Once>,
    ) -> Result<Outcome<Sent>, Refusal> {
        let _held = self.locks.hold(&[super::record::chat_key(chat)]).await;
        let mut counted = draft.admitted;
        let mut backoff = Backoff::default();
        loop {
            let mut work = self.work_on(voice.dialect(), chat).await?;
            let part = sender_in(&work.chat, actor, draft.kind)?;
            self.check_draft(voice, actor, &draft)?;
            if let Some(reply_to) = draft.reply_to
                && self.store.get(message_id_key(chat, reply_to)).await?.is_none()
            {
                let message = "no such message in this chat".to_owned();
                return Err(Refusal::Invalid { path: "replyToMessageId".to_owned(), message });
            }
            if !std::mem::replace(&mut counted, true) {
                self.limits.take(Counted::ChatMessage, &actor.counted)?;
            }
            let offline = self.who_is_away(&work.chat, &part).await;
            let message = self.add_message(&mut work, actor, &part, &draft, &offline)?;
            self.keep_files(&mut work, &message).await?;
            let chat = work.chat.clone();
            let what = Happened::Sent { message: &message, opened: false, offline: &offline };
            match self.finish(work, voice, &what, once).await? {
                Settled::Done => return Ok(Outcome::Done(Sent { chat, message })),
                Settled::Repeated(answer) => return Ok(Outcome::Repeated(answer)),
                Settled::Again => backoff.wait().await?,
            }
        }
    }

    /// Counts a message before it is there: for uploads, whose file comes first.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], [`Refusal::Forbidden`], [`Refusal::RateLimited`],
    /// [`Refusal::Unavailable`].
    pub async fn admit(
        &self,
        dialect: Dialect,
        actor: &Actor,
        chat: ObjectId,
    ) -> Result<(), Refusal> {
        let work = self.work_on(dialect, chat).await?;
        part_of(&work.chat, actor)?;
        self.limits.take(Counted::ChatMessage, &actor.counted)
    }

    pub(super) fn check_draft(
        &self,
        voice: &dyn Voice,
        actor: &Actor,
        draft: &Draft,
    ) -> Result<(), Refusal> {
        if draft.kind == MessageKind::System && !actor.is_backend() {
            let message = "only a service may send messages of type system";
            return Err(Refusal::Forbidden { code: "FORBIDDEN", message });
        }
        let min = usize::from(draft.attachments.is_empty());
        let content = draft.content.as_deref().unwrap_or_default();
        text::check(voice.text_field(), content, min, self.settings.message_max)?;
        check_metadata(draft.metadata.as_ref())
    }

    /// Puts a message into a chat under way: its record, its number, and one more unread for each
    /// member whom it is for.
    pub(super) fn add_message(
        &self,
        work: &mut Work,
        actor: &Actor,
        part: &Party,
        draft: &Draft,
        offline: &[Party],
    ) -> Result<Message, Refusal> {
        let chat = &mut work.chat;
        // Later than the one before, so that a time names a place between two messages.
        let earliest = chat.last_at + u64::from(chat.count > 0);
        let created_at = self.clock.unix_ms().max(earliest);
        chat.count += 1;
        chat.last_at = created_at;
        let mut for_whom = 0;
        for member in chat.members.iter_mut().filter(|member| member.party != *part) {
            member.unread += 1;
            for_whom += 1;
        }
        remember(chat, actor);
        let message = Message {
            id: ObjectId::generate(created_at),
            chat: chat.id,
            number: chat.count,
            sender: actor.party.clone(),
            part: part.clone(),
            kind: draft.kind,
            content: draft.content.clone().filter(|text| !text.is_empty()),
            reply_to: draft.reply_to,
            metadata: draft.metadata.clone(),
            attachments: draft.attachments.clone(),
            created_at,
            edited_at: None,
            deleted_at: None,
            recipient_online: offline.len() < for_whom,
            read_by: Vec::new(),
        };
        work.put_message(&message, true)?;
        Ok(message)
    }

    /// Makes files of a message its own in the same commit, so that nobody sweeps them away.
    pub(super) async fn keep_files(
        &self,
        work: &mut Work,
        message: &Message,
    ) -> Result<(), Refusal> {
        let files = message.attachments.iter().filter(|file| file.url.is_none());
        let files: Vec<ObjectId> = files.map(|file| file.id).collect();
        work.commit.writes.extend(self.attachments.keep(message.chat, files).await?);
        Ok(())
    }

    /// The other members who are not there. The support pool has no place to be at.
    pub(super) async fn who_is_away(&self, chat: &Chat, part: &Party) -> Vec<Party> {
        let scope = match chat.dialect {
            Dialect::Marketplace => Scope::Main,
            Dialect::VendorChat => Scope::VendorChat,
        };
        let mut away = Vec::new();
        for member in chat.others(part) {
            let is_there = match &member.party {
                Party::Support => false,
                party => self.cluster.is_online(scope, &party.to_string()).await,
            };
            if !is_there {
                away.push(member.party.clone());
            }
        }
        away
    }
}

/// As whom somebody sends: as the member that they are, and a backend's system messages come from
/// outside, too.
fn sender_in(chat: &Chat, actor: &Actor, kind: MessageKind) -> Result<Party, Refusal> {
    match part_of(chat, actor) {
        Err(_) if kind == MessageKind::System && actor.is_backend() => Ok(actor.party.clone()),
        part => part,
    }
}
