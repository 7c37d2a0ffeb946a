//! How records and claims lie in the file.
//!
//! ```text
//! record  01 │ checksum u32 │ version u64 │ expires u64 │ value
//! claim   01 │ checksum u32 │ expires u64 │ fingerprint 32 │ answer
//! ```
//!
//! Numbers are big-endian; `expires` is milliseconds since 1970, all ones = never. The checksum covers
//! the key and everything behind it, so that a bit that turned on the disk, or a row that is under
//! another's key, is noticed where it is read.

use crate::store::checksum::Crc32;

/// The first byte of every row; another one is of a version that this one does not know.
const FORMAT: u8 = 1;

const NEVER: u64 = u64::MAX;

/// A row that is not as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DamagedRow;

/// A record as it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordRow<'a> {
    pub(super) version: u64,
    pub(super) expires_at: Option<u64>,
    pub(super) value: &'a [u8],
}

impl<'a> RecordRow<'a> {
    pub(super) fn encode(&self, key: &[u8]) -> Vec<u8> {
        let expires = self.expires_at.unwrap_or(NEVER);
        seal(key, &[&self.version.to_be_bytes(), &expires.to_be_bytes(), self.value])
    }

    pub(super) fn decode(key: &[u8], row: &'a [u8]) -> Result<Self, DamagedRow> {
        let body = unseal(key, row)?;
        let (version, body) = body.split_first_chunk::<8>().ok_or(DamagedRow)?;
        let (expires, value) = body.split_first_chunk::<8>().ok_or(DamagedRow)?;
        let expires = u64::from_be_bytes(*expires);
        Ok(Self {
            version: u64::from_be_bytes(*version),
            expires_at: (expires != NEVER).then_some(expires),
            value,
        })
    }

    pub(super) fn is_live(&self, now: u64) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }
}

/// A claim as it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClaimRow<'a> {
    pub(super) expires_at: u64,
    pub(super) fingerprint: &'a [u8; 32],
    pub(super) answer: &'a [u8],
}

impl<'a> ClaimRow<'a> {
    pub(super) fn encode(&self, key: &[u8]) -> Vec<u8> {
        seal(key, &[&self.expires_at.to_be_bytes(), self.fingerprint, self.answer])
    }

    pub(super) fn decode(key: &[u8], row: &'a [u8]) -> Result<Self, DamagedRow> {
        let body = unseal(key, row)?;
        let (expires, body) = body.split_first_chunk::<8>().ok_or(DamagedRow)?;
        let (fingerprint, answer) = body.split_first_chunk::<32>().ok_or(DamagedRow)?;
        Ok(Self { expires_at: u64::from_be_bytes(*expires), fingerprint, answer })
    }
}

fn seal(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut row = Vec::with_capacity(5 + length);
    let checksum = parts.iter().fold(Crc32::of(key), |sum, part| sum.and(part));
    row.push(FORMAT);
    row.extend_from_slice(&checksum.value().to_be_bytes());
    for part in parts {
        row.extend_from_slice(part);
    }
    row
}

fn unseal<'a>(key: &[u8], row: &'a [u8]) -> Result<&'a [u8], DamagedRow> {
    let (format, row) = row.split_first().ok_or(DamagedRow)?;
    let (checksum, body) = row.split_first_chunk::<4>().ok_or(DamagedRow)?;
    let held = Crc32::of(key).and(body).value() == u32::from_be_bytes(*checksum);
    if *format == FORMAT && held { Ok(body) } else { Err(DamagedRow) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_are_read_as_written_and_any_flipped_bit_is_noticed(
            key: Vec<u8>, value: Vec<u8>, version: u64, at in prop::option::of(0..NEVER),
            bit: prop::sample::Index,
        ) {
            let row = RecordRow { version, expires_at: at, value: &value };
            let mut bytes = row.encode(&key);
            prop_assert_eq!(RecordRow::decode(&key, &bytes), Ok(row));
            let claim = ClaimRow { expires_at: version, fingerprint: &[7; 32], answer: &value };
            let encoded = claim.encode(&key);
            prop_assert_eq!(ClaimRow::decode(&key, &encoded), Ok(claim));

            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(RecordRow::decode(&key, &bytes), Err(DamagedRow));
        }

        #[test]
        fn anything_else_is_damaged_and_nothing_panics(key: Vec<u8>, row: Vec<u8>) {
            prop_assert_eq!(RecordRow::decode(&key, &row), Err(DamagedRow));
            prop_assert_eq!(ClaimRow::decode(&key, &row), Err(DamagedRow));
        }

        #[test]
        fn a_row_is_only_good_under_its_key(key: Vec<u8>, other: Vec<u8>) {
            prop_assume!(key != other);
            let row = RecordRow { version: 1, expires_at: None, value: b"v" }.encode(&key);
            prop_assert_eq!(RecordRow::decode(&other, &row), Err(DamagedRow));
        }
    }
}
