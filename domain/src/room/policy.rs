//! Who may join which room: one table, asked by every way in.

use crier_protocol::SocketId;

use super::RoomName;
use crate::{
    error::Refusal,
    identity::{Identity, Role},
};

/// The one decision about joining a room.
///
/// `joinRoom`, `subscribe`, `join_ticket`, restoring after a reconnect and a change of token all ask
/// here. Joins that a backend orders do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    any_user_is_granted: bool,
}

impl Policy {
    /// A policy; `any_user_is_granted` on the development key and in mode `off`, where rooms that
    /// need a grant are open to every user for trying things out.
    pub fn new(any_user_is_granted: bool) -> Self {
        Self { any_user_is_granted }
    }

    /// Whether this one (`None` = anonymous) may be in this room.
    ///
    /// # Errors
    ///
    /// [`Refusal::AccessDenied`]; [`Refusal::Unauthorized`] where only a user could be let in.
    pub fn may_join(&self, who: Option<&Identity>, room: &RoomName) -> Result<(), Refusal> {
        let fits = TABLE.iter().find_map(|row| Some((row, row.fits(room.as_str())?)));
        let (allowed, id) = match fits {
            Some((row, id)) => (row.who, id),
            None if is_reserved(room.as_str()) => (NOBODY, ""),
            None => (ANYTHING_ELSE, ""),
        };
        if allowed.contains(&Who::Public) {
            return Ok(());
        }
        let Some(identity) = who else {
            return Err(Refusal::Unauthorized);
        };
        let lets_in = |rule: &Who| match rule {
            Who::Public | Who::User => true,
            Who::Owner => owns(identity, room, id),
            Who::OwnerUnless(role) => identity.role != *role && owns(identity, room, id),
            Who::Granted => {
                self.any_user_is_granted || identity.rooms.iter().any(|p| p.matches(room))
            }
            Who::Role(role) => identity.role == *role,
        };
        if allowed.iter().any(lets_in) {
            Ok(())
        } else {
            Err(Refusal::AccessDenied { room: room.clone() })
        }
    }
}

/// A reason to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Everyone, anonymous sockets too.
    Public,
    /// Every user.
    User,
    /// The user that the name ends with.
    Owner,
    /// The same, but not in this role.
    OwnerUnless(Role),
    /// Whoever the token's `rooms` name the room for.
    Granted,
    /// Everyone of this role.
    Role(Role),
}

/// One row: a name, in which `{…}` stands for any id, or for one of the words between bars.
struct Row {
    name: &'static str,
    who: &'static [Who],
}

const ADMIN: Who = Who::Role(Role::Admin);
const AGENT: Who = Who::Role(Role::Agent);
const OWN: &[Who] = &[Who::Owner, ADMIN];
const GRANTED: &[Who] = &[Who::Granted, ADMIN];
const PUBLIC: &[Who] = &[Who::Public];
/// Also for rooms that are entered only along with another one.
const NOBODY: &[Who] = &[];
const ANYTHING_ELSE: &[Who] = &[Who::User];

const fn row(name: &'static str, who: &'static [Who]) -> Row {
    Row { name, who }
}

/// Section 2 of the contract. The order of rows does not matter: no name fits two.
const TABLE: &[Row] = &[
    row("user-{userId}", OWN),
    row("user:{userId}", OWN),
    row("orders:{userId}", OWN),
    row("cart:{userId}", OWN),
    row("feed:{userId}", OWN),
    row("buyer-{id}", &[Who::OwnerUnless(Role::Seller), ADMIN]),
    row("seller-{id}", &[Who::OwnerUnless(Role::Buyer), ADMIN]),
    row("buyers", NOBODY),
    row("sellers", NOBODY),
    row("request-{id}", GRANTED),
    row("template-checkout-{id}", GRANTED),
    row("chat-{chatId}", GRANTED),
    row("order:{orderId}", GRANTED),
    row("support_ticket:{id}", &[Who::Granted, AGENT, ADMIN]),
    row("group:{id}", GRANTED),
    row("store_conversation:{id}", GRANTED),
    row("leaderboard:{daily|weekly|monthly|all_time}", PUBLIC),
    row("offers", PUBLIC),
    row("offers:{category}", PUBLIC),
    row("product:{id}", PUBLIC),
    row("admin", &[ADMIN]),
    row("admins", &[ADMIN]),
];

impl Row {
    /// The fixed part, and what may follow it.
    fn parts(&self) -> (&'static str, Option<&'static str>) {
        match self.name.split_once('{') {
            Some((head, slot)) => (head, slot.strip_suffix('}')),
            None => (self.name, None),
        }
    }

    /// The id in the name where it fits the row; empty for a row without one.
    fn fits<'a>(&self, room: &'a str) -> Option<&'a str> {
        let (head, slot) = self.parts();
        let id = room.strip_prefix(head)?;
        let legal = match slot {
            None => id.is_empty(),
            Some(words) if words.contains('|') => words.split('|').any(|word| word == id),
            Some(_) => !id.is_empty(),
        };
        legal.then_some(id)
    }
}

/// Whether a name that fits no row is kept from everybody: it starts like one (`leaderboard:hourly`,
/// `user:`, `admin/x`), so somebody could take it for that row's, or it reads as a socket's id, which
/// is a room of that socket alone.
fn is_reserved(room: &str) -> bool {
    let starts_like = |row: &Row| {
        let (head, slot) = row.parts();
        let rest = room.strip_prefix(head);
        // `administration` is a word of its own, `admin-x` is not.
        rest.is_some_and(|rest| slot.is_some() || !rest.starts_with(|c: char| c.is_alphanumeric()))
    };
    TABLE.iter().any(starts_like) || SocketId::parse(room).is_some()
}

/// Whether the id in the room's name is the user's, compared in its encoded form.
fn owns(identity: &Identity, room: &RoomName, id: &str) -> bool {
    let prefix = room.as_str().strip_suffix(id).unwrap_or_default();
    RoomName::of(prefix, identity.user.as_str()).is_ok_and(|own| own == *room)
}
