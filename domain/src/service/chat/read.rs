//! Reading: which messages a member has seen.

use super::{
    Chats,
    party::{Actor, Party},
    record::{Chat, Message, chat_key},
    voice::{Happened, Voice},
    work::{Work, part_of},
};
use crate::{
    error::Refusal,
    service::{ObjectId, backoff::Backoff, settle::Settled},
};

/// Messages that are marked by one call at most.
const IDS_MAX: usize = 500;

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The chat after it.
    pub chat: Chat,
    /// How many messages that were unread.
    pub count: u64,
}

impl Chats {
    /// Marks messages as read: those of these ids, or all where there are none.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] without such a chat, [`Refusal::Forbidden`] where the actor is not in it,
    /// [`Refusal::Invalid`] naming the id that is no message of the chat, [`Refusal::Unavailable`].
    pub async fn read(
        &self,
        voice: &dyn Voice,
        actor: &Actor,
        chat: ObjectId,
        ids: &[ObjectId],
    ) -> Result<Read, Refusal> {
        if ids.len() > IDS_MAX {
            let message = format!("at most {IDS_MAX} ids");
            return Err(Refusal::Invalid { path: "messageIds".to_owned(), message });
        }
        let _held = self.locks.hold(&[chat_key(chat)]).await;
        let mut backoff = Backoff::default();
        loop {
            let mut work = self.work_on(voice.dialect(), chat).await?;
            let part = part_of(&work.chat, actor)?;
            let (count, up_to) = if ids.is_empty() {
                self.read_all(&mut work, &part).await?
            } else {
                self.read_some(&mut work, &part, ids).await?
            };
            let after = work.chat.clone();
            let what = Happened::Read { actor, count, up_to: up_to.as_ref() };
            match self.finish(work, voice, &what, None).await? {
                Settled::Again => backoff.wait().await?,
                Settled::Done | Settled::Repeated(_) => return Ok(Read { chat: after, count }),
            }
        }
    }

    async fn read_all(
        &self,
        work: &mut Work,
        part: &Party,
    ) -> Result<(u64, Option<Message>), Refusal> {
        let last = work.chat.count;
        let up_to = self.numbered(work.chat.id, last).await?;
        let Some(member) = work.chat.member_mut(part) else { return Ok((0, up_to)) };
        let count = std::mem::take(&mut member.unread);
        // Where nothing was unread there is nothing to remember, and nothing to write.
        if count > 0 {
            member.read_up_to = last;
        }
        Ok((count, up_to))
    }

    async fn read_some(
        &self,
        work: &mut Work,
        part: &Party,
        ids: &[ObjectId],
    ) -> Result<(u64, Option<Message>), Refusal> {
        let mut count = 0;
        let mut up_to: Option<Message> = None;
        let mut seen = std::collections::HashSet::new();
        for (index, id) in ids.iter().enumerate().filter(|(_, id)| seen.insert(**id)) {
            let mut message = self.message(work.chat.id, *id).await?.ok_or_else(|| {
                let message = "no such message in this chat".to_owned();
                Refusal::Invalid { path: format!("messageIds.{index}"), message }
            })?;
            if let Some(member) = work.chat.member_mut(part)
                && message.is_unread_for(member)
            {
                member.unread = member.unread.saturating_sub(1);
                message.read_by.push(part.clone());
                work.put_message(&message, false)?;
                count += 1;
            }
            if up_to.as_ref().is_none_or(|newest| newest.number < message.number) {
                up_to = Some(message);
            }
        }
        Ok((count, up_to))
    }
}
