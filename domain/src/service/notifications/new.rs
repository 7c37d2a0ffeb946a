//! Adding notifications to a commit, whoever's commit it is.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    LAYOUT, Notifications,
    boxes::{Entry, entries_of, key_of_box, key_of_id},
    view::told,
};
use crate::{
    error::Refusal,
    event,
    identity::UserId,
    service::{ObjectId, stripes::Held, telling},
    store::{Commit, Expect, Write},
};

/// Something to tell a user.
#[derive(Clone, Debug, PartialEq)]
pub struct NewNotification {
    /// `chat-message`, `info`, …
    pub kind: String,
    /// A line.
    pub title: Option<String>,
    /// A text.
    pub body: Option<String>,
    /// What it is about.
    pub data: Map<String, Value>,
}

/// Entries that one commit removes besides as many as it adds: from boxes that are too full because an
/// operator lowered their size. Two records each, of the 4,096 that a commit has.
const SURPLUS: u64 = 500;

/// What was added to a commit. It holds the users' boxes until it is dropped, which is to be after the
/// commit; on a conflict the commit is made anew, this part of it too.
#[derive(Debug)]
#[must_use = "the boxes are to be held until the commit is done"]
pub struct Prepared<'a> {
    /// The ids, in the order of what was to be added.
    pub ids: Vec<ObjectId>,
    _held: Held<'a>,
}

impl Notifications {
    /// Adds notifications to a commit of any service: the records, `new-notification` for each, and
    /// `unread-count-update` for each user.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn add_to(
        &self,
        commit: &mut Commit,
        news: Vec<(UserId, NewNotification)>,
    ) -> Result<Prepared<'_>, Refusal> {
        let now = self.clock.unix_ms();
        let entries = news.into_iter().map(|(user, new)| {
            let id = ObjectId::generate(now);
            let NewNotification { kind, title, body, data } = new;
            (user, Entry { id, kind, title, body, data, created_at: now, read: false })
        });
        let entries: Vec<(UserId, Entry)> = entries.collect();
        let ids = entries.iter().map(|(_, entry)| entry.id).collect();
        let mut of_users: BTreeMap<UserId, Vec<Entry>> = BTreeMap::new();
        for (user, entry) in entries {
            of_users.entry(user).or_default().push(entry);
        }
        let keys: Vec<_> = of_users.keys().map(key_of_box).collect();
        let held = self.locks.hold(&keys).await;
        let mut surplus = SURPLUS;
        for (user, mut entries) in of_users {
            let max = usize::try_from(self.settings.max).unwrap_or(usize::MAX);
            let superfluous = entries.len().saturating_sub(max);
            entries.drain(..superfluous);
            self.add_of_user(commit, &user, entries, &mut surplus).await?;
        }
        Ok(Prepared { ids, _held: held })
    }

    async fn add_of_user(
        &self,
        commit: &mut Commit,
        user: &UserId,
        entries: Vec<Entry>,
        surplus: &mut u64,
    ) -> Result<(), Refusal> {
        let mut opened = self.open(user).await?;
        let new = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let total = opened.figures.total();
        let over = (total + new).saturating_sub(self.settings.max).min(total);
        // As many as come go; of what there were too many before, as many as the commit has room for.
        let more = over.saturating_sub(new).min(*surplus);
        *surplus -= more;
        for _ in 0..over.min(new) + more {
            let number = opened.figures.first;
            if let Some(oldest) = self.entry(user, number).await? {
                let read = opened.figures.is_read(number, &oldest);
                opened.figures.unread -= u64::from(!read).min(opened.figures.unread);
                let delete = |key| Write::delete(key, Expect::Anything);
                commit.writes.push(delete(entries_of(user).number(number)));
                commit.writes.push(delete(key_of_id(user, oldest.id)));
            }
            opened.figures.first += 1;
        }
        for entry in entries {
            let number = opened.figures.next;
            opened.figures.next += 1;
            opened.figures.unread += 1;
            self.put(user, number, &entry, commit)?;
            let until = entry.created_at + self.settings.kept_ms;
            let (key, number) = (key_of_id(user, entry.id), LAYOUT.pack(&number)?);
            commit.writes.push(Write::put_until(key, Expect::Absent, number, until));
            let room = telling::room("user-", user.as_str());
            let payload = event::chat::NewNotification { notification: told(&entry) };
            commit.events.extend(telling::event("new-notification", &payload, room));
        }
        self.close(user, opened, commit)?;
        Ok(())
    }
}
