//! Section 2 of the contract as data: which rooms there are and who may join them.

use crier_protocol::SocketId;

use super::RoomName;
use crate::identity::{Identity, Role};

/// A reason to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everyone, anonymous sockets too.
    Public,
    /// Every user.
    User,
    /// Whose room it is: the user that the name ends with, or of an order the one who placed it.
    Owner,
    /// The user that the name ends with, but not in this role. Not to be had by configuration.
    OwnerUnless(Role),
    /// Who takes part in the stored chat that the name ends with.
    Participant,
    /// Whoever the token's `rooms`, or a stored grant, name the room for.
    Granted,
    /// Agents.
    Agent,
    /// Admins.
    Admin,
}

/// What the id in a room's name is the id of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    /// A user, or something that nobody owns.
    User,
    /// A stored order.
    Order,
    /// A stored chat.
    Chat,
}

/// One row: a name, in which `{…}` stands for any id, or for one of the words between bars.
#[derive(Debug)]
pub(super) struct Row {
    name: &'static str,
    pub(super) who: &'static [Who],
    pub(super) thing: Thing,
}

const OWN: &[Who] = &[Who::Owner, Who::Admin];
const GRANTED: &[Who] = &[Who::Granted, Who::Admin];
const PUBLIC: &[Who] = &[Who::Public];
const ADMIN: &[Who] = &[Who::Admin];
/// Also for rooms that are entered only along with another one, see [`entered_with`].
pub(super) const NOBODY: &[Who] = &[];
/// The last row of the contract's table.
pub(super) const ANYTHING_ELSE: &[Who] = &[Who::User, Who::Granted];

const fn row(name: &'static str, who: &'static [Who]) -> Row {
    Row { name, who, thing: Thing::User }
}

/// The order of rows does not matter: no name fits two.
const TABLE: &[Row] = &[
    row("user-{userId}", OWN),
    row("user:{userId}", OWN),
    row("orders:{userId}", OWN),
    row("cart:{userId}", OWN),
    row("feed:{userId}", OWN),
    row("buyer-{id}", &[Who::OwnerUnless(Role::Seller), Who::Admin]),
    row("seller-{id}", &[Who::OwnerUnless(Role::Buyer), Who::Admin]),
    row("buyers", NOBODY),
    row("sellers", NOBODY),
    row("request-{id}", GRANTED),
    row("template-checkout-{id}", GRANTED),
    Row {
        thing: Thing::Chat,
        ..row("chat-{chatId}", &[Who::Participant, Who::Granted, Who::Admin])
    },
    Row { thing: Thing::Order, ..row("order:{orderId}", &[Who::Owner, Who::Granted, Who::Admin]) },
    row("support_ticket:{id}", &[Who::Granted, Who::Agent, Who::Admin]),
    row("group:{id}", GRANTED),
    row("store_conversation:{id}", GRANTED),
    row("leaderboard:{daily|weekly|monthly|all_time}", PUBLIC),
    row("offers", PUBLIC),
    row("offers:{category}", PUBLIC),
    row("product:{id}", PUBLIC),
    row("admin", ADMIN),
    row("admins", ADMIN),
];

/// The row that a room fits, with the id in its name; empty for a row without one.
pub(super) fn find(room: &str) -> Option<(&'static Row, &str)> {
    TABLE.iter().find_map(|row| Some((row, row.fits(room)?)))
}

/// The rooms that are entered only along with one whose name starts so: `sellers` with `seller-5`.
pub fn entered_with(room: &str) -> Option<&'static str> {
    ALONG.iter().find(|(_, along)| *along == room).map(|(starts, _)| *starts)
}

/// The room that is entered along with this one, the other way round.
pub fn enters_too(room: &str) -> Option<&'static str> {
    ALONG.iter().find(|(starts, _)| room.starts_with(starts)).map(|(_, along)| *along)
}

const ALONG: [(&str, &str); 2] = [("buyer-", "buyers"), ("seller-", "sellers")];

impl Row {
    /// The fixed part, and what may follow it.
    fn parts(&self) -> (&'static str, Option<&'static str>) {
        match self.name.split_once('{') {
            Some((head, slot)) => (head, slot.strip_suffix('}')),
            None => (self.name, None),
        }
    }

    /// Bytes of the fixed part; all of them where the row is one room.
    pub(super) fn fixed(&self) -> usize {
        let (head, slot) = self.parts();
        if slot.is_some() { head.len() } else { usize::MAX }
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
pub(super) fn is_reserved(room: &str) -> bool {
    let starts_like = |row: &Row| {
        let (head, slot) = row.parts();
        let rest = room.strip_prefix(head);
        // `administration` is a word of its own, `admin-x` is not.
        rest.is_some_and(|rest| slot.is_some() || !rest.starts_with(|c: char| c.is_alphanumeric()))
    };
    TABLE.iter().any(starts_like) || SocketId::parse(room).is_some()
}

/// Whether the id in the room's name is the user's, compared in its encoded form.
pub(super) fn names_user(identity: &Identity, room: &RoomName, id: &str) -> bool {
    let prefix = room.as_str().strip_suffix(id).unwrap_or_default();
    RoomName::of(prefix, identity.user.as_str()).is_ok_and(|own| own == *room)
}
