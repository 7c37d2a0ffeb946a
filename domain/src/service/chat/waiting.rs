//! What waits for somebody who comes: the chats with unread messages, without reading the others.

use super::{
    Chats, LAYOUT,
    list::place,
    party::Actor,
    record::{Chat, Dialect, Shelf, chat_key, shelf_key},
    work::Place,
};
use crate::{
    error::Refusal,
    service::ObjectId,
    store::{Key, Scan},
};

/// Places that one scan gives at most.
const SCAN_MAX: usize = 1_000;

impl Chats {
    /// The actor's chats on a shelf that have unread messages, the latest first, until these are `max`
    /// messages; and how many unread messages there are in all.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn waiting(
        &self,
        dialect: Dialect,
        actor: &Actor,
        shelf: Shelf,
        max: usize,
    ) -> Result<(Vec<Chat>, u64), Refusal> {
        let prefix = shelf_key(dialect, &actor.party, shelf);
        let (mut chats, mut total) = (Vec::new(), 0_u64);
        let mut last: Option<Key> = None;
        loop {
            let mut scan = Scan::of(prefix.clone(), SCAN_MAX);
            scan.above = last.take();
            let found = self.store.scan(scan).await?;
            for (key, record) in &found {
                let Place { unread, .. } = LAYOUT.unpack(record)?;
                let wanted = usize::try_from(total).is_ok_and(|total| total < max);
                total += unread;
                if unread > 0
                    && wanted
                    && let Some((_, id)) = place(key, &prefix)
                    && let Some(record) = self.store.get(chat_key(id)).await?
                {
                    chats.push(LAYOUT.unpack(&record)?);
                }
            }
            match found.into_iter().next_back() {
                Some((key, _)) => last = Some(key),
                None => return Ok((chats, total)),
            }
        }
    }

    /// The ids of the actor's chats on a shelf, the latest first, at most so many.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn latest_ids(
        &self,
        dialect: Dialect,
        actor: &Actor,
        shelf: Shelf,
        max: usize,
    ) -> Result<Vec<ObjectId>, Refusal> {
        let prefix = shelf_key(dialect, &actor.party, shelf);
        let found = self.store.scan(Scan::of(prefix.clone(), max)).await?;
        Ok(found.iter().filter_map(|(key, _)| place(key, &prefix)).map(|(_, id)| id).collect())
    }
}
