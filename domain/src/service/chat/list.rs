//! Reading lists: chats by shelf, messages by number.

use std::collections::HashMap;

use super::{
    Chats, LAYOUT,
    party::{Actor, Party},
    record::{
        Chat, Dialect, Message, Shelf, chat_key, message_id_key, messages_of, shelf_count_key,
        shelf_key,
    },
    work::{Place, part_of},
};
use crate::{
    error::Refusal,
    identity::Identity,
    service::{
        ObjectId,
        page::{Listed, Page},
    },
    store::{Key, Scan},
};

/// Records that one scan gives at most.
const SCAN_MAX: usize = 1_000;

/// Before which place in a chat messages are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Before this message.
    Message(ObjectId),
    /// Before this time, in milliseconds since 1970.
    Time(u64),
}

/// The figures of one's chats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Chats.
    pub chats: u64,
    /// Messages in them.
    pub messages: u64,
    /// Messages in them that one has not read.
    pub unread: u64,
}

impl Chats {
    /// A chat that the actor is in.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] without such a chat, [`Refusal::Forbidden`] where the actor is not in it,
    /// [`Refusal::Unavailable`].
    pub async fn get(
        &self,
        dialect: Dialect,
        actor: &Actor,
        chat: ObjectId,
    ) -> Result<Chat, Refusal> {
        let chat = self.work_on(dialect, chat).await?.chat;
        part_of(&chat, actor)?;
        Ok(chat)
    }

    /// Whether somebody is in a chat of the marketplace; an `agent` or `admin` is in every support chat.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn is_participant(&self, chat: &str, who: &Identity) -> Result<bool, Refusal> {
        let Ok(id) = ObjectId::parse(chat) else { return Ok(false) };
        match self.get(Dialect::Marketplace, &Actor::user(who), id).await {
            Ok(_) => Ok(true),
            Err(Refusal::NotFound { .. } | Refusal::Forbidden { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The actor's chats on these shelves, the latest message first.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn list(
        &self,
        dialect: Dialect,
        actor: &Actor,
        shelves: &[Shelf],
        page: Page,
    ) -> Result<Listed<Chat>, Refusal> {
        let (mut total, mut prefixes, mut latest) = (0, Vec::new(), Vec::new());
        let wanted = usize::try_from(page.offset() + page.limit()).unwrap_or(usize::MAX);
        for shelf in shelves {
            let party = whose(actor, *shelf);
            let count = self.on_shelf(dialect, &party, *shelf).await?;
            total += count;
            prefixes.extend((count > 0).then(|| shelf_key(dialect, &party, *shelf)));
        }
        // What lies behind the end is not looked for.
        for prefix in prefixes.iter().filter(|_| page.offset() < total) {
            // Of each shelf as many as may end up on the page.
            let found = self.store.scan(Scan::of(prefix.clone(), wanted)).await?;
            latest.extend(found.iter().filter_map(|(key, _)| place(key, prefix)));
        }
        // As each shelf has them: the latest first, those of one moment by their ids.
        latest.sort_unstable_by_key(|(at, id)| (std::cmp::Reverse(*at), *id));
        let offset = usize::try_from(page.offset()).unwrap_or(usize::MAX);
        let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let mut items = Vec::new();
        for (_, id) in latest.into_iter().skip(offset).take(limit) {
            // What was removed since the list was read is left out.
            if let Some(record) = self.store.get(chat_key(id)).await? {
                items.push(LAYOUT.unpack(&record)?);
            }
        }
        Ok(Listed { items, pagination: page.of_total(total) })
    }

    /// The actor's figures over these shelves.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn stats(
        &self,
        dialect: Dialect,
        actor: &Actor,
        shelves: &[Shelf],
    ) -> Result<Stats, Refusal> {
        let mut stats = Stats::default();
        for shelf in shelves {
            let party = whose(actor, *shelf);
            // In a support chat of one's own one is oneself, not the pool: as the list shows it.
            let mut own = HashMap::new();
            if party != actor.party {
                let add = |id, place| {
                    own.insert(id, place);
                };
                self.each_place(dialect, &actor.party, *shelf, add).await?;
            }
            let count = |id, place: Place| {
                stats.chats += 1;
                stats.messages += place.messages;
                stats.unread += own.get(&id).unwrap_or(&place).unread;
            };
            self.each_place(dialect, &party, *shelf, count).await?;
        }
        Ok(stats)
    }

    /// Shows all that is on a shelf, a scan at a time.
    async fn each_place(
        &self,
        dialect: Dialect,
        party: &Party,
        shelf: Shelf,
        mut show: impl FnMut(ObjectId, Place),
    ) -> Result<(), Refusal> {
        let prefix = shelf_key(dialect, party, shelf);
        let mut last = None;
        loop {
            let mut scan = Scan::of(prefix.clone(), SCAN_MAX);
            scan.above = last.take();
            let found = self.store.scan(scan).await?;
            for (key, record) in &found {
                if let Some((_, id)) = place(key, &prefix) {
                    show(id, LAYOUT.unpack(record)?);
                }
            }
            match found.into_iter().next_back() {
                Some((key, _)) => last = Some(key),
                None => return Ok(()),
            }
        }
    }

    /// A page of a chat's messages, the newest first, with the chat.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] without such a chat, [`Refusal::Forbidden`] where the actor is not in it,
    /// [`Refusal::Invalid`] at `before`, [`Refusal::Unavailable`].
    pub async fn messages(
        &self,
        dialect: Dialect,
        actor: &Actor,
        chat: ObjectId,
        before: Option<Before>,
        page: Page,
    ) -> Result<(Chat, Listed<Message>), Refusal> {
        let chat = self.get(dialect, actor, chat).await?;
        let end = match before {
            None => chat.count + 1,
            Some(Before::Message(id)) => self.number_of(chat.id, id).await?.ok_or_else(|| {
                let message = "no such message in this chat".to_owned();
                Refusal::Invalid { path: "before".to_owned(), message }
            })?,
            Some(Before::Time(time)) => self.first_from(&chat, time).await?,
        };
        let pagination = page.of_total(end - 1);
        let mut items = Vec::new();
        if let Some(below) = end.checked_sub(page.offset()).filter(|below| *below > 1) {
            let above = below.saturating_sub(page.limit() + 1);
            items = self.between(chat.id, above, below).await?;
        }
        Ok((chat, Listed { items, pagination }))
    }

    /// The newest messages of a chat that a member has not read, at most so many, the newest first.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn unread(
        &self,
        chat: &Chat,
        party: &Party,
        limit: usize,
    ) -> Result<Vec<Message>, Refusal> {
        let Some(member) = chat.member(party) else { return Ok(Vec::new()) };
        let wanted = limit.min(usize::try_from(member.unread).unwrap_or(usize::MAX));
        let mut unread = Vec::new();
        let mut below = chat.count + 1;
        while unread.len() < wanted && below > member.read_up_to + 1 {
            let above = below.saturating_sub(101).max(member.read_up_to);
            let messages = self.between(chat.id, above, below).await?;
            unread.extend(messages.into_iter().filter(|message| message.is_unread_for(member)));
            below = above + 1;
        }
        unread.truncate(wanted);
        Ok(unread)
    }

    /// The last message of a chat, deleted or not.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn last_message(&self, chat: &Chat) -> Result<Option<Message>, Refusal> {
        self.numbered(chat.id, chat.count).await
    }

    /// The messages whose numbers lie between two, the newest first.
    async fn between(
        &self,
        chat: ObjectId,
        above: u64,
        below: u64,
    ) -> Result<Vec<Message>, Refusal> {
        let limit = usize::try_from(below.saturating_sub(above + 1)).unwrap_or(usize::MAX);
        let all = messages_of(chat);
        let scan = Scan::of(all.clone(), limit).backwards();
        let scan = scan.above(all.clone().number(above)).below(all.number(below));
        let found = self.store.scan(scan).await?;
        Ok(found.iter().map(|(_, record)| LAYOUT.unpack(record)).collect::<Result<_, _>>()?)
    }

    /// The number of the first message that came at a time or later; one more than the last where
    /// there is none. Halves, so that 10,000 messages are 14 reads.
    async fn first_from(&self, chat: &Chat, time: u64) -> Result<u64, Refusal> {
        let (mut low, mut high) = (1, chat.count + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.numbered(chat.id, middle).await? {
                Some(message) if message.created_at < time => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    pub(super) async fn number_of(
        &self,
        chat: ObjectId,
        message: ObjectId,
    ) -> Result<Option<u64>, Refusal> {
        let record = self.store.get(message_id_key(chat, message)).await?;
        Ok(LAYOUT.unpack_some(record.as_ref())?)
    }

    pub(super) async fn numbered(
        &self,
        chat: ObjectId,
        number: u64,
    ) -> Result<Option<Message>, Refusal> {
        let record = self.store.get(messages_of(chat).number(number)).await?;
        Ok(LAYOUT.unpack_some(record.as_ref())?)
    }

    async fn on_shelf(
        &self,
        dialect: Dialect,
        party: &Party,
        shelf: Shelf,
    ) -> Result<u64, Refusal> {
        let record = self.store.get(shelf_count_key(dialect, party, shelf)).await?;
        Ok(LAYOUT.unpack_some(record.as_ref())?.unwrap_or(0))
    }
}

/// Whose shelf an actor looks at: staff see all support chats, their own among them.
fn whose(actor: &Actor, shelf: Shelf) -> Party {
    if shelf == Shelf::Support && actor.is_staff() {
        return Party::Support;
    }
    actor.party.clone()
}

/// When a chat on a shelf had its last message, and its id.
pub(super) fn place(key: &Key, prefix: &Key) -> Option<(u64, ObjectId)> {
    let mut parts = key.after(prefix);
    let at = parts.descending()?;
    Some((at, ObjectId::parse(&parts.text()?).ok()?))
}
