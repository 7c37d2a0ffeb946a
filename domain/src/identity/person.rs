//! A person of vendor-chat.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Identity, UserId, UserType};

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
        for person in [customer, vendor.opposite(UserId::parse("a:b:c").unwrap())] {
            assert_eq!(Person::parse(&person.to_string()), Some(person));
        }
        for text in ["", "5", "CUSTOMER", "CUSTOMER:", "customer:5", "ADMIN:5"] {
            assert_eq!(Person::parse(text), None, "{text}");
        }
    }
}
