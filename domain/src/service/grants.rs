//! Rooms that backends grant to users: `PUT` and `DELETE /api/rooms/{room}/members/{userId}`.

use std::{sync::Arc, time::Duration};

use crier_protocol::{Namespace, Room};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Deps;
use crate::{
    clock::Clock,
    cluster::{Action, Cluster, Order, Reached},
    error::Refusal,
    identity::UserId,
    room::{RoomName, RoomRule, takes_grants},
    store::{Commit, Expect, Key, Scan, Store, Write},
    time::Timestamp,
};

/// How long a grant is kept where nothing else is said (contract, section 2).
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The record of a grant: that it is there. One byte, the version of this schema.
const RECORD: &[u8] = &[1];

/// Who was granted which room. A grant lets in only where the policy's row says so.
///
/// One record a room and user, each with its end; backends alone make them.
#[derive(Debug)]
pub struct Grants {
    store: Arc<dyn Store>,
    cluster: Arc<dyn Cluster>,
    clock: Clock,
    rules: Vec<RoomRule>,
}

/// A grant, as the sidecar shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The room's name.
    pub room: String,
    /// Who may join it.
    pub user_id: UserId,
    /// Until when.
    pub expires_at: Timestamp,
}

impl Grants {
    /// Grants over these parts, by the rules that an operator laid over the contract's table of rooms.
    pub fn new(deps: &Deps, rules: Vec<RoomRule>) -> Self {
        Self {
            store: Arc::clone(&deps.store),
            cluster: Arc::clone(&deps.cluster),
            clock: deps.clock.clone(),
            rules,
        }
    }

    /// Grants a room until a time (milliseconds since 1970), or for [`KEPT`]; a grant that is there is
    /// replaced.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`] at `room` where a grant of it would have no effect, at `expiresAt` where
    /// that time is over; the store's.
    pub async fn put(
        &self,
        room: &RoomName,
        user: &UserId,
        expires_at: Option<u64>,
    ) -> Result<Grant, Refusal> {
        takes_grants(&self.rules, room)?;
        let now = self.clock.unix_ms();
        let kept = u64::try_from(KEPT.as_millis()).unwrap_or(u64::MAX);
        let until = expires_at.unwrap_or(now.saturating_add(kept));
        if until <= now {
            let message = "expected a time to come".to_owned();
            return Err(Refusal::Invalid { path: "expiresAt".to_owned(), message });
        }
        let writes = vec![
            Write::put_until(key(room, user), Expect::Anything, RECORD, until),
            Write::put(due_key(until, room, user), Expect::Anything, RECORD),
        ];
        self.store.commit(Commit { writes, ..Commit::default() }).await?;
        Ok(Grant {
            room: room.to_string(),
            user_id: user.clone(),
            expires_at: Timestamp::from_unix_ms(until),
        })
    }

    /// Takes a grant back, and makes the user's sockets leave the room at once.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn delete(&self, room: &RoomName, user: &UserId) -> Result<Reached, Refusal> {
        // Also where there is none any more: it may have run out, or the caller asks again because the
        // order did not reach everybody.
        let write = Write::delete(key(room, user), Expect::Anything);
        self.store.commit(Commit { writes: vec![write], ..Commit::default() }).await?;
        Ok(self.make_leave(room, user).await)
    }

    /// Makes the users of grants that have run out leave their rooms; how many grants it were. To be
    /// called every few seconds, on one replica or on several.
    ///
    /// # Errors
    ///
    /// The store's; what is left is found the next time.
    pub async fn end_due(&self) -> Result<usize, Refusal> {
        let all = Key::of(DUE);
        let over = all.clone().number(self.clock.unix_ms().saturating_add(1));
        let found = self.store.scan(Scan::of(all.clone(), DUE_AT_ONCE).below(over)).await?;
        let mut ended = 0;
        for (due, _) in found {
            let mut parts = due.after(&all);
            let named = (parts.number(), parts.text(), parts.text());
            if let (Some(_), Some(room), Some(user)) = named
                && let (Ok(room), Some(user)) = (RoomName::parse(&room), UserId::parse(&user))
                // One that was given again is there longer, and has a later entry.
                && !self.is_granted(&room, &user).await?
            {
                self.make_leave(&room, &user).await;
                ended += 1;
            }
            // Last, so that what is interrupted is done again.
            let writes = vec![Write::delete(due, Expect::Anything)];
            self.store.commit(Commit { writes, ..Commit::default() }).await?;
        }
        Ok(ended)
    }

    async fn make_leave(&self, room: &RoomName, user: &UserId) -> Reached {
        let rooms = vec![Room::from(room.clone())];
        let order = Order {
            namespace: Namespace::MAIN,
            rooms: rooms.clone(),
            user: Some(user.clone()),
            action: Action::Leave(rooms),
        };
        self.cluster.order(order).await
    }

    /// Whether a user was granted a room.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn is_granted(&self, room: &RoomName, user: &UserId) -> Result<bool, Refusal> {
        Ok(self.store.get(key(room, user)).await?.is_some())
    }
}

/// Grants by the time at which they run out.
const DUE: &str = "grants-due";

/// Ended grants that are looked at in one go.
const DUE_AT_ONCE: usize = 256;

fn due_key(until: u64, room: &RoomName, user: &UserId) -> Key {
    Key::of(DUE).number(until).text(room.as_str()).text(user.as_str())
}

fn key(room: &RoomName, user: &UserId) -> Key {
    Key::of("grants").text(room.as_str()).text(user.as_str())
}
