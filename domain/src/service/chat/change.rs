//! Changing and deleting messages.

use super::{
    Chats,
    party::Actor,
    record::{Attachment, Message, chat_key},
    send::Sent,
    voice::{Happened, Voice},
    work::part_of,
};
use crate::{
    error::Refusal,
    identity::Role,
    service::{ObjectId, backoff::Backoff, settle::Settled, text},
};

const NO_MESSAGE: Refusal = Refusal::NotFound { what: "Message" };

impl Chats {
    /// Gives a message another text: its author may, for a while.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] without such a chat or message, [`Refusal::Forbidden`] where the actor is
    /// not in the chat or not the author, or the window is over (`EDIT_WINDOW_EXPIRED`),
    /// [`Refusal::Conflict`] where it is deleted, [`Refusal::Invalid`], [`Refusal::Unavailable`].
    pub async fn edit(
        &self,
        voice: &dyn Voice,
        actor: &Actor,
        chat: ObjectId,
        message: ObjectId,
        content: &str,
    ) -> Result<Sent, Refusal> {
        let _held = self.locks.hold(&[chat_key(chat)]).await;
        let mut backoff = Backoff::default();
        loop {
            let mut work = self.work_on(voice.dialect(), chat).await?;
            part_of(&work.chat, actor)?;
            let mut message = self.message(chat, message).await?.ok_or(NO_MESSAGE)?;
            if message.sender != actor.party {
                let message = "only its author may edit a message";
                return Err(Refusal::Forbidden { code: "FORBIDDEN", message });
            }
            text::check(voice.text_field(), content, 1, self.settings.message_max)?;
            let now = self.clock.unix_ms();
            if now > message.created_at.saturating_add(self.settings.edit_window_ms) {
                let message = "the time to edit this message is over";
                return Err(Refusal::Forbidden { code: "EDIT_WINDOW_EXPIRED", message });
            }
            if message.deleted_at.is_some() {
                return Err(Refusal::Conflict { message: "the message is deleted".to_owned() });
            }
            message.content = Some(content.to_owned());
            message.edited_at = Some(now.max(message.created_at));
            work.put_message(&message, false)?;
            let chat = work.chat.clone();
            let what = Happened::Edited { message: &message };
            match self.finish(work, voice, &what, None).await? {
                Settled::Again => backoff.wait().await?,
                Settled::Done | Settled::Repeated(_) => return Ok(Sent { chat, message }),
            }
        }
    }

    /// Deletes a message: its author may, and an `admin`, who need not be in the chat. Its record stays
    /// without what was in it; the attachments that it had are given back, for their files to be
    /// removed. Again changes nothing.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] without such a chat or message, [`Refusal::Forbidden`] where the actor is
    /// not in the chat or not the author, [`Refusal::Unavailable`].
    pub async fn delete(
        &self,
        voice: &dyn Voice,
        actor: &Actor,
        chat: ObjectId,
        message: ObjectId,
    ) -> Result<(Sent, Vec<Attachment>), Refusal> {
        let _held = self.locks.hold(&[chat_key(chat)]).await;
        let mut backoff = Backoff::default();
        loop {
            let mut work = self.work_on(voice.dialect(), chat).await?;
            let moderates = actor.role == Role::Admin;
            if !moderates {
                part_of(&work.chat, actor)?;
            }
            let mut message = self.message(chat, message).await?.ok_or(NO_MESSAGE)?;
            if message.sender != actor.party && !moderates {
                let message = "only its author may delete a message";
                return Err(Refusal::Forbidden { code: "FORBIDDEN", message });
            }
            let mut attachments = Vec::new();
            if message.deleted_at.is_some() {
                return Ok((Sent { chat: work.chat, message }, attachments));
            }
            for member in &mut work.chat.members {
                if message.is_unread_for(member) {
                    member.unread = member.unread.saturating_sub(1);
                }
            }
            work.chat.deleted += 1;
            message.deleted_at = Some(self.clock.unix_ms().max(message.created_at));
            message.content = None;
            message.metadata = None;
            std::mem::swap(&mut attachments, &mut message.attachments);
            work.put_message(&message, false)?;
            let chat = work.chat.clone();
            let what = Happened::Deleted { message: &message };
            match self.finish(work, voice, &what, None).await? {
                Settled::Again => backoff.wait().await?,
                Settled::Done | Settled::Repeated(_) => {
                    return Ok((Sent { chat, message }, attachments));
                }
            }
        }
    }

    /// A message of a chat.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub(super) async fn message(
        &self,
        chat: ObjectId,
        id: ObjectId,
    ) -> Result<Option<Message>, Refusal> {
        match self.number_of(chat, id).await? {
            Some(number) => self.numbered(chat, number).await,
            None => Ok(None),
        }
    }
}
