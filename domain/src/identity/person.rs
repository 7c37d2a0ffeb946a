//! A person of vendor-chat.

use std::fmt;

use crier_protocol::Room;
use serde::{Deserialize, Serialize};

use super::{Identity, UserId, UserType};
use crate::{room::RoomName, service::once::hash};

/// A side and an id on that side: customer 5 and vendor 5 are two persons (contract, section 7).
///
/// `Display` is the text that presence, limits and keys use: `CUSTOMER:5`. No two persons share it,
/// since the side's word holds no colon.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Person {
    /// Which side.
    pub side: UserType,
    /// Who on it.
    pub user: UserId,
}

impl Person {
    /// The person of a token; `None` where it names no side.
    pub fn of(identity: &Identity) -> Option<Self> {
        Some(Self { side: identity.user_type?, user: identity.user.clone() })
    }

    /// Somebody on the other side: whom a customer writes to is a vendor, and the reverse.
    pub fn opposite(&self, user: UserId) -> Self {
        Self { side: self.side.other(), user }
    }

    /// The room of all their sockets on `/chat`. No client enters it by its name.
    ///
    /// An id that is too long for a room's name is hashed, under a prefix of its own.
    pub fn room(&self) -> Room {
        let text = self.to_string();
        let room = RoomName::of("person:", &text).map(Room::from);
        room.unwrap_or_else(|_| {
            let hashed = hash([text.as_str()]);
            let hex: String = hashed.iter().map(|byte| format!("{byte:02x}")).collect();
            Room::from(format!("person.hashed:{hex}"))
        })
    }

    /// Takes the text of a person apart again.
    pub fn parse(text: &str) -> Option<Self> {
        let (side, user) = text.split_once(':')?;
        Some(Self { side: UserType::parse(side)?, user: UserId::parse(user)? })
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.side.as_str(), self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_a_side_and_an_id() {
        let customer = Person { side: UserType::Customer, user: 5_u64.into() };
        let vendor = customer.opposite(5_u64.into());
        assert_eq!(
            (customer.to_string(), vendor.to_string()),
            ("CUSTOMER:5".into(), "VENDOR:5".into())
        );
        assert_ne!(customer, vendor);
        for person in [&customer, &vendor.opposite(UserId::parse("a:b:c").unwrap())] {
            assert_eq!(Person::parse(&person.to_string()).as_ref(), Some(person));
        }
        let long =
            Person { side: UserType::Vendor, user: UserId::parse(&"x".repeat(256)).unwrap() };
        let rooms = [customer.room(), vendor.room(), long.room()];
        assert_eq!(rooms[0].as_str(), "person:CUSTOMER:5");
        assert!(rooms[2].as_str().len() <= 128 && rooms[0] != rooms[1]);
        for text in ["", "5", "CUSTOMER", "CUSTOMER:", "customer:5", "ADMIN:5"] {
            assert_eq!(Person::parse(text), None, "{text}");
        }
    }
}
