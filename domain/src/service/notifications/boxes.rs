//! A user's box and its entries, as they are stored.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{LAYOUT, Notifications};
use crate::{
    error::Refusal,
    identity::UserId,
    service::{ObjectId, telling},
    store::{Commit, Expect, Key, Scan, StoreError, Write},
};

/// The figures of a user's notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Figures {
    /// The number of the oldest entry; [`Figures::next`] where there is none.
    pub(super) first: u64,
    /// The number that the next entry gets.
    pub(super) next: u64,
    /// Entries below this number are read.
    pub(super) read_below: u64,
    /// Entries that are not read.
    pub(super) unread: u64,
}

impl Figures {
    const EMPTY: Self = Self { first: 1, next: 1, read_below: 1, unread: 0 };

    /// How many entries there are.
    pub(super) fn total(self) -> u64 {
        self.next.saturating_sub(self.first)
    }

    /// Whether an entry is read.
    pub(super) fn is_read(self, number: u64, entry: &Entry) -> bool {
        entry.read || number < self.read_below
    }
}

/// One notification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) id: ObjectId,
    pub(super) kind: String,
    pub(super) title: Option<String>,
    pub(super) body: Option<String>,
    pub(super) data: Map<String, Value>,
    pub(super) created_at: u64,
    /// Whether it was read by itself; see [`Figures::read_below`] for all at once.
    pub(super) read: bool,
}

/// A box as it was read, and what it has become.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    /// What the box has to be like in the commit.
    expect: Expect,
    /// The figures now.
    pub(super) figures: Figures,
    /// How many unread ones clients were last told of.
    told: u64,
}

pub(super) fn key_of_box(user: &UserId) -> Key {
    Key::of("notification_box").text(user.as_str())
}

pub(super) fn entries_of(user: &UserId) -> Key {
    Key::of("notification").text(user.as_str())
}

pub(super) fn key_of_id(user: &UserId, id: ObjectId) -> Key {
    Key::of("notification_id").text(user.as_str()).text(&id.to_string())
}

impl Notifications {
    /// Reads a box, and counts it again where entries have vanished since.
    pub(super) async fn open(&self, user: &UserId) -> Result<Opened, Refusal> {
        let record = self.store.get(key_of_box(user)).await?;
        let expect = Expect::unchanged(record.as_ref());
        let figures = LAYOUT.unpack_some(record.as_ref())?.unwrap_or(Figures::EMPTY);
        let opened = Opened { expect, figures, told: figures.unread };
        if figures.total() == 0
            || self.store.get(entries_of(user).number(figures.first)).await?.is_some()
        {
            return Ok(opened);
        }
        let mut counted = Figures { first: figures.next, unread: 0, ..figures };
        let all = usize::try_from(figures.total()).unwrap_or(usize::MAX);
        for (key, record) in self.store.scan(Scan::of(entries_of(user), all)).await? {
            let number = key.after(&entries_of(user)).number().unwrap_or(figures.next);
            let entry: Entry = LAYOUT.unpack(&record)?;
            counted.first = counted.first.min(number);
            counted.unread += u64::from(!figures.is_read(number, &entry));
        }
        Ok(Opened { figures: counted, ..opened })
    }

    /// An entry by its number.
    pub(super) async fn entry(&self, user: &UserId, number: u64) -> Result<Option<Entry>, Refusal> {
        let record = self.store.get(entries_of(user).number(number)).await?;
        Ok(LAYOUT.unpack_some(record.as_ref())?)
    }

    /// Puts the box into a commit, with the word to the user where the count is another one.
    pub(super) fn close(
        &self,
        user: &UserId,
        opened: Opened,
        commit: &mut Commit,
    ) -> Result<(), StoreError> {
        // A day longer than its last entry, so that a box never goes before its entries.
        let until = self.clock.unix_ms() + self.settings.kept_ms + 24 * 60 * 60 * 1_000;
        let figures = LAYOUT.pack(&opened.figures)?;
        commit.writes.push(Write::put_until(key_of_box(user), opened.expect, figures, until));
        if opened.figures.unread != opened.told {
            let payload = json!({ "unreadCount": opened.figures.unread });
            let room = telling::room("user-", user.as_str());
            commit.events.extend(telling::event("unread-count-update", &payload, room));
        }
        Ok(())
    }

    /// Puts an entry into a commit.
    pub(super) fn put(
        &self,
        user: &UserId,
        number: u64,
        entry: &Entry,
        commit: &mut Commit,
    ) -> Result<(), StoreError> {
        let until = entry.created_at + self.settings.kept_ms;
        let key = entries_of(user).number(number);
        let value = LAYOUT.pack(entry)?;
        commit.writes.push(Write::put_until(key, Expect::Anything, value, until));
        Ok(())
    }
}
