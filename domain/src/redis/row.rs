//! How records and claims lie in Redis.
//!
//! ```text
//! record  1 <version> <expires> <checksum> <value>          in a hash, under the record's key
//! claim   1 <expires> <checksum> <fingerprint 32><answer>   a key of its own
//! ```
//!
//! Numbers are decimal, since the script reads them; `expires` is milliseconds since 1970, `-` = never.
//! The checksum, CRC-32 in 8 hex digits, covers the key and everything but the version, which the script
//! gives and which is only ever compared. The script looks at the shape alone, so a value that is damaged
//! within is noticed where it is read.

use bytes::Bytes;

use crate::store::{Claim, Record, checksum::Crc32};

/// A row that is not as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DamagedRow;

/// Expiry as it is written.
pub(super) fn expires_text(expires_at: Option<u64>) -> String {
    expires_at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

/// Of a record, without its version.
pub(super) fn checksum(key: &[u8], expires: &str, body: &[u8]) -> String {
    let sum = Crc32::of(key).and(b" ").and(expires.as_bytes()).and(b" ").and(body);
    format!("{:08x}", sum.value())
}

/// Reads a record; `None` where it has expired.
pub(super) fn record(key: &[u8], row: &Bytes, now: u64) -> Result<Option<Record>, DamagedRow> {
    let rest = row.strip_prefix(b"1 ").ok_or(DamagedRow)?;
    let (version, rest) = word(rest)?;
    let (expires, value) = sealed(key, rest)?;
    let version = version.parse().map_err(|_| DamagedRow)?;
    let expires_at = match expires {
        "-" => None,
        digits => Some(digits.parse::<u64>().map_err(|_| DamagedRow)?),
    };
    let live = expires_at.is_none_or(|at| at > now);
    Ok(live.then(|| Record { version, value: row.slice_ref(value) }))
}

/// A claim as it is stored.
pub(super) fn claim(claim: &Claim) -> Vec<u8> {
    let expires = claim.expires_at.to_string();
    let mut body = claim.fingerprint.to_vec();
    body.extend_from_slice(&claim.answer);
    let sum = checksum(claim.key.as_bytes(), &expires, &body);
    let mut row = format!("1 {expires} {sum} ").into_bytes();
    row.extend_from_slice(&body);
    row
}

/// A claim as it was stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) expires_at: u64,
    pub(super) fingerprint: [u8; 32],
    pub(super) answer: Bytes,
}

/// Reads a claim.
pub(super) fn held(key: &str, row: &Bytes) -> Result<Held, DamagedRow> {
    let rest = row.strip_prefix(b"1 ").ok_or(DamagedRow)?;
    let (expires, body) = sealed(key.as_bytes(), rest)?;
    let (fingerprint, answer) = body.split_first_chunk::<32>().ok_or(DamagedRow)?;
    Ok(Held {
        expires_at: expires.parse().map_err(|_| DamagedRow)?,
        fingerprint: *fingerprint,
        answer: row.slice_ref(answer),
    })
}

/// `<expires> <checksum> <body>`.
fn sealed<'a>(key: &[u8], rest: &'a [u8]) -> Result<(&'a str, &'a [u8]), DamagedRow> {
    let (expires, rest) = word(rest)?;
    let (sum, body) = word(rest)?;
    if checksum(key, expires, body) == sum { Ok((expires, body)) } else { Err(DamagedRow) }
}

/// The text up to the next space. Those that are looked for have at most 20 bytes.
fn word(rest: &[u8]) -> Result<(&str, &[u8]), DamagedRow> {
    let end = rest.iter().take(21).position(|byte| *byte == b' ').ok_or(DamagedRow)?;
    let (word, rest) = rest.split_at_checked(end).ok_or(DamagedRow)?;
    let rest = rest.get(1..).ok_or(DamagedRow)?;
    Ok((std::str::from_utf8(word).map_err(|_| DamagedRow)?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(key: &[u8], version: u64, expires_at: Option<u64>, value: &[u8]) -> Vec<u8> {
        let expires = expires_text(expires_at);
        let sum = checksum(key, &expires, value);
        [format!("1 {version} {expires} {sum} ").as_bytes(), value].concat()
    }

    proptest! {
        #[test]
        fn rows_are_read_as_written_and_any_flipped_bit_behind_the_version_is_noticed(
            key: Vec<u8>, value: Vec<u8>, version: u64, at in prop::option::of(1..u64::MAX),
            name in ".{1,40}", bit: prop::sample::Index,
        ) {
            let bytes = row(&key, version, at, &value);
            let record_now = |bytes: Vec<u8>, now| record(&key, &Bytes::from(bytes), now);
            let expected = Record { version, value: value.clone().into() };
            prop_assert_eq!(record_now(bytes.clone(), 0), Ok(Some(expected)));
            if let Some(at) = at {
                prop_assert_eq!(record_now(bytes.clone(), at), Ok(None));
            }
            let behind = 3 + version.to_string().len();
            let mut flipped = bytes.clone();
            let bit = bit.index((bytes.len() - behind) * 8);
            flipped[behind + bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(record_now(flipped, 0), Err(DamagedRow));

            let made = Claim {
                key: name,
                fingerprint: [7; 32],
                answer: value.into(),
                expires_at: version,
            };
            let stored = Bytes::from(claim(&made));
            let read = Held { expires_at: version, fingerprint: [7; 32], answer: made.answer };
            prop_assert_eq!(held(&made.key, &stored), Ok(read));
            prop_assert_eq!(held("another", &stored).is_err(), made.key != "another");
        }

        #[test]
        fn anything_else_is_damaged_and_nothing_panics(key: Vec<u8>, bytes: Vec<u8>) {
            let mut bytes = bytes;
            prop_assert_eq!(record(&key, &Bytes::from(bytes.clone()), 0), Err(DamagedRow));
            bytes.splice(0..0, *b"1 12 ");
            prop_assert_eq!(record(&key, &Bytes::from(bytes.clone()), 0), Err(DamagedRow));
            prop_assert_eq!(held("x", &Bytes::from(bytes)), Err(DamagedRow));
        }
    }
}
