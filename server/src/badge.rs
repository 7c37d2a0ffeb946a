//! What an application says of a socket, and filters that ask for it: packed bits, so that asking ten
//! thousand receivers costs ten thousand loads and nothing more.
//!
//! What a bit means is the application's own affair ([`crate::bus`] has ours). The default badge has
//! no bit and no owner.

use std::sync::Arc;

/// What is known of a socket, for filters and for recovery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Badge {
    /// Flags of the application.
    pub bits: u64,
    /// Whose socket it is; `None` = nobody's. A session is recovered by its owner only.
    pub owner: Option<Arc<str>>,
}

/// Which of the sockets in the rooms are meant. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Those that have all of these bits,
    pub all: u64,
    /// at least one of these, where there are any,
    pub any: u64,
    /// none of these,
    pub none: u64,
    /// and one of these owners, where there are any.
    pub owners: Arc<[Box<str>]>,
}

impl Who {
    /// Whether nobody is left out.
    pub fn is_everyone(&self) -> bool {
        self.all | self.any | self.none == 0 && self.owners.is_empty()
    }

    /// Whether the bits are right.
    pub(crate) fn fits_bits(&self, bits: u64) -> bool {
        bits & self.all == self.all
            && bits & self.none == 0
            && (self.any == 0 || bits & self.any != 0)
    }

    /// Whether the owner is right.
    pub(crate) fn fits_owner(&self, owner: Option<&str>) -> bool {
        self.owners.is_empty()
            || owner.is_some_and(|owner| self.owners.iter().any(|o| **o == *owner))
    }

    /// Whether a socket with this badge is meant.
    pub fn fits(&self, badge: &Badge) -> bool {
        self.fits_bits(badge.bits) && self.fits_owner(badge.owner.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_asks_for_bits_and_owners() {
        let badge = Badge { bits: 0b0110, owner: Some("ann".into()) };
        let who = |all, any, none, owners: &[&str]| {
            let owners = owners.iter().map(|owner| Box::from(*owner)).collect();
            Who { all, any, none, owners }
        };
        for (fits, filter) in [
            (true, who(0, 0, 0, &[])),
            (true, who(0b0110, 0b1100, 0b1001, &["bob", "ann"])),
            (false, who(0b0111, 0, 0, &[])),
            (false, who(0, 0b1001, 0, &[])),
            (false, who(0, 0, 0b0010, &[])),
            (false, who(0, 0, 0, &["bob"])),
        ] {
            assert_eq!(filter.fits(&badge), fits, "{filter:?}");
        }
        assert!(Who::default().fits(&Badge::default()));
        assert!(!who(0, 0, 0, &["bob"]).fits(&Badge::default()));
        assert!(Who::default().is_everyone() && !who(0, 0, 1, &[]).is_everyone());
    }
}
