//! Who is in a group, and which chats one has put away.

use super::{
    Chats,
    party::{Actor, Party},
    record::{Chat, Dialect, Kind, Member, chat_key, shelf_count_key},
    voice::{Happened, Voice},
    work::part_of,
};
use crate::{
    error::Refusal,
    identity::Role,
    service::{ObjectId, backoff::Backoff, settle::Settled},
};

impl Chats {
    /// Puts the chat away for the actor alone, or gets it out again; says which.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], [`Refusal::Forbidden`], [`Refusal::Unavailable`].
    pub async fn archive(
        &self,
        dialect: Dialect,
        actor: &Actor,
        chat: ObjectId,
    ) -> Result<bool, Refusal> {
        let _held = self.locks.hold(&[chat_key(chat)]).await;
        let mut backoff = Backoff::default();
        loop {
            let mut work = self.work_on(dialect, chat).await?;
            let part = part_of(&work.chat, actor)?;
            let mut archived = false;
            if let Some(member) = work.chat.member_mut(&part) {
                member.archived = !member.archived;
                archived = member.archived;
            }
            match self.finish_silently(work).await? {
                Settled::Again => backoff.wait().await?,
                Settled::Done | Settled::Repeated(_) => return Ok(archived),
            }
        }
    }

    /// Adds somebody to a group: its creator may, and an `admin`, who need not be in it. Who is in it
    /// already stays as they are, and nothing is told.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] without such a chat, or for one whom a filled directory does not know,
    /// [`Refusal::Forbidden`], [`Refusal::Unfit`] where it is no group or full,
    /// [`Refusal::Unavailable`].
    pub async fn add(
        &self,
        voice: &dyn Voice,
        actor: &Actor,
        chat: ObjectId,
        party: Party,
    ) -> Result<Chat, Refusal> {
        let key = shelf_count_key(voice.dialect(), &party, super::Shelf::Group);
        let _held = self.locks.hold(&[chat_key(chat), key]).await;
        let mut backoff = Backoff::default();
        loop {
            let mut work = self.work_on(voice.dialect(), chat).await?;
            if !is_in_charge(&work.chat, actor) {
                part_of(&work.chat, actor)?;
                only_group(&work.chat)?;
                return Err(NOT_IN_CHARGE);
            }
            only_group(&work.chat)?;
            if work.chat.member(&party).is_some() {
                return Ok(work.chat);
            }
            if work.chat.members.len() >= self.settings.members_max {
                let message = format!("at most {} participants", self.settings.members_max);
                return Err(Refusal::Unfit { path: "userId", message });
            }
            if !self.may_exist(&party).await? {
                return Err(Refusal::NotFound { what: "User" });
            }
            // What was said before is not owed to who comes now.
            work.chat.members.push(Member::new(party.clone(), work.chat.count));
            self.count_member(&mut work, &party, true).await?;
            let after = work.chat.clone();
            let what = Happened::Added { party: &party };
            match self.finish(work, voice, &what, None).await? {
                Settled::Again => backoff.wait().await?,
                Settled::Done | Settled::Repeated(_) => return Ok(after),
            }
        }
    }

    /// Removes somebody from a group: its creator may, an `admin`, and everybody themselves.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] without such a chat or participant, [`Refusal::Forbidden`],
    /// [`Refusal::Unfit`] where it is no group, [`Refusal::Unavailable`].
    pub async fn remove(
        &self,
        voice: &dyn Voice,
        actor: &Actor,
        chat: ObjectId,
        party: &Party,
    ) -> Result<Chat, Refusal> {
        let key = shelf_count_key(voice.dialect(), party, super::Shelf::Group);
        let _held = self.locks.hold(&[chat_key(chat), key]).await;
        let mut backoff = Backoff::default();
        loop {
            let mut work = self.work_on(voice.dialect(), chat).await?;
            if !is_in_charge(&work.chat, actor) {
                part_of(&work.chat, actor)?;
                only_group(&work.chat)?;
                if actor.party != *party {
                    return Err(NOT_IN_CHARGE);
                }
            }
            only_group(&work.chat)?;
            if work.chat.member(party).is_none() {
                return Err(Refusal::NotFound { what: "Participant" });
            }
            work.chat.members.retain(|member| member.party != *party);
            self.count_member(&mut work, party, false).await?;
            let after = work.chat.clone();
            let what = Happened::Removed { party };
            match self.finish(work, voice, &what, None).await? {
                Settled::Again => backoff.wait().await?,
                Settled::Done | Settled::Repeated(_) => return Ok(after),
            }
        }
    }
}

const NOT_IN_CHARGE: Refusal = Refusal::Forbidden {
    code: "FORBIDDEN",
    message: "only the creator of the group or an admin may do this",
};

/// The creator, while in it, or an admin.
fn is_in_charge(chat: &Chat, actor: &Actor) -> bool {
    let is_creator = chat.creator == actor.party && chat.member(&actor.party).is_some();
    is_creator || actor.role == Role::Admin
}

fn only_group(chat: &Chat) -> Result<(), Refusal> {
    if chat.kind == Kind::Group {
        return Ok(());
    }
    let message = "only a group's participants can be changed".to_owned();
    Err(Refusal::Unfit { path: "", message })
}
