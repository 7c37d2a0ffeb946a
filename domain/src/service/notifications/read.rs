//! What a user asks of the own notifications.

use super::{
    LAYOUT, Notifications,
    boxes::{Entry, entries_of, key_of_box, key_of_id},
    view::shown,
};
use crate::{
    error::Refusal,
    event::chat::Notification,
    identity::UserId,
    service::{
        ObjectId,
        backoff::Backoff,
        page::{Listed, Page},
        settle::{Settled, settle},
    },
    store::{Commit, Scan},
};

impl Notifications {
    /// A page, the newest first.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn list(&self, user: &UserId, page: Page) -> Result<Listed<Notification>, Refusal> {
        let figures = self.open(user).await?.figures;
        let pagination = page.of_total(figures.total());
        let mut items = Vec::new();
        // Numbers have no holes, so that every page costs the same.
        if let Some(below) = figures.next.checked_sub(page.offset()).filter(|n| *n > figures.first)
        {
            let above = below.saturating_sub(page.limit() + 1).max(figures.first - 1);
            let entries = entries_of(user);
            let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
            let scan = Scan::of(entries.clone(), limit).backwards();
            let scan = scan.above(entries.clone().number(above)).below(entries.number(below));
            for (key, record) in self.store.scan(scan).await? {
                let number = key.after(&entries_of(user)).number().unwrap_or_default();
                let entry: Entry = LAYOUT.unpack(&record)?;
                let read = figures.is_read(number, &entry);
                items.push(shown(&entry, read));
            }
        }
        Ok(Listed { items, pagination })
    }

    /// How many are not read.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn unread_count(&self, user: &UserId) -> Result<u64, Refusal> {
        Ok(self.open(user).await?.figures.unread)
    }

    /// One of the user's own.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] where the user has none of this id; [`Refusal::Unavailable`].
    pub async fn get(&self, user: &UserId, id: ObjectId) -> Result<Notification, Refusal> {
        let figures = self.open(user).await?.figures;
        let (number, entry) = self.find(user, id).await?;
        let read = figures.is_read(number, &entry);
        Ok(shown(&entry, read))
    }

    /// Marks one as read; again changes nothing.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] where the user has none of this id; [`Refusal::Unavailable`].
    pub async fn read(&self, user: &UserId, id: ObjectId) -> Result<Notification, Refusal> {
        let _held = self.locks.hold(&[key_of_box(user)]).await;
        let mut backoff = Backoff::default();
        loop {
            let mut opened = self.open(user).await?;
            let (number, mut entry) = self.find(user, id).await?;
            if opened.figures.is_read(number, &entry) {
                return Ok(shown(&entry, true));
            }
            entry.read = true;
            opened.figures.unread = opened.figures.unread.saturating_sub(1);
            let mut commit = Commit::default();
            self.put(user, number, &entry, &mut commit)?;
            self.close(user, opened, &mut commit)?;
            match settle(&*self.store, commit).await? {
                Settled::Again => backoff.wait().await?,
                Settled::Done | Settled::Repeated(_) => {
                    return Ok(shown(&entry, true));
                }
            }
        }
    }

    /// Marks all as read, and says how many were not.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn read_all(&self, user: &UserId) -> Result<u64, Refusal> {
        let _held = self.locks.hold(&[key_of_box(user)]).await;
        let mut backoff = Backoff::default();
        loop {
            let mut opened = self.open(user).await?;
            let unread = std::mem::take(&mut opened.figures.unread);
            if unread == 0 {
                return Ok(0);
            }
            opened.figures.read_below = opened.figures.next;
            let mut commit = Commit::default();
            self.close(user, opened, &mut commit)?;
            match settle(&*self.store, commit).await? {
                Settled::Again => backoff.wait().await?,
                Settled::Done | Settled::Repeated(_) => return Ok(unread),
            }
        }
    }

    async fn find(&self, user: &UserId, id: ObjectId) -> Result<(u64, Entry), Refusal> {
        let missing = Refusal::NotFound { what: "Notification" };
        let record = self.store.get(key_of_id(user, id)).await?;
        let number: u64 = LAYOUT.unpack_some(record.as_ref())?.ok_or_else(|| missing.clone())?;
        let entry = self.entry(user, number).await?.ok_or(missing)?;
        Ok((number, entry))
    }
}
