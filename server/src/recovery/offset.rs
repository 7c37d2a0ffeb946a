//! The string by which a client says what it has got.

use std::fmt;

/// Which log a number belongs to: another process, another epoch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch([u8; 8]);

/// An epoch of 16 characters, a tilde, at most 20 digits.
const OFFSET_MAX: usize = 64;

impl Epoch {
    /// Of a log that nothing is known of yet.
    pub(super) const NONE: Self = Self([0; 8]);

    /// An epoch as its 16 digits.
    pub(super) fn parse_name(name: &str) -> Option<Self> {
        let digits =
            name.len() == 16 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        digits.then(|| u64::from_str_radix(name, 16).ok()).flatten().map(|n| Self(n.to_be_bytes()))
    }

    /// Its 16 digits.
    pub(super) fn name(self) -> String {
        format!("{self:?}")
    }

    pub(crate) fn from_random(random: [u8; 8]) -> Self {
        Self(random)
    }

    /// The offset of a number.
    pub(super) fn offset(self, id: u64) -> String {
        format!("{self:?}~{id}")
    }

    /// The number in an offset of this epoch.
    pub(super) fn parse(self, offset: &str) -> Option<u64> {
        if offset.len() > OFFSET_MAX {
            return None;
        }
        let (epoch, id) = offset.split_once('~')?;
        // `u64::from_str` would take a leading +.
        let digits = id.bytes().all(|byte| byte.is_ascii_digit());
        (digits && epoch == format!("{self:?}")).then(|| id.parse().ok()).flatten()
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_offsets_of_this_epoch_are_read() {
        let epoch = Epoch([0, 1, 2, 3, 4, 5, 6, 0xff]);
        assert_eq!(epoch.offset(42), "00010203040506ff~42");
        for (offset, id) in [
            ("00010203040506ff~42", Some(42)),
            ("00010203040506ff~18446744073709551615", Some(u64::MAX)),
            ("00010203040506ff~18446744073709551616", None),
            ("00010203040506ff~+42", None),
            ("00010203040506ff~", None),
            ("00010203040506ff~-1", None),
            ("00010203040506ff", None),
            ("00010203040506FF~42", None),
            ("1111111111111111~42", None),
            ("hello", None),
            ("", None),
            (&format!("00010203040506ff~{}1", "0".repeat(100)), None),
        ] {
            assert_eq!(epoch.parse(offset), id, "{offset:.80}");
        }
    }
}
