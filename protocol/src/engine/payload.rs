//! A polling body: packets joined by [`SEPARATOR`].

use bytes::Bytes;
use bytestring::ByteString;

use super::{DecodeError, Packet, SEPARATOR};
use crate::Limits;

/// Starts to read the body of a POST. The caller has held it to
/// [`Limits::max_payload`](crate::Limits::max_payload) while it came in.
///
/// # Errors
///
/// [`DecodeError::NotUtf8`]. Node would put U+FFFD in the place of what is wrong; a message with
/// such holes is not what anybody sent.
pub fn payload(body: Bytes, limits: &Limits) -> Result<Records, DecodeError> {
    let text = ByteString::try_from(body).map_err(|_| DecodeError::NotUtf8)?;
    Ok(Records { rest: Some(text), taken: 0, max: limits.payload_packets_max })
}

/// The packets of a polling body, one at a time; it ends for good with the first error.
///
/// Nothing is split ahead: a body of a million separators costs one look at its first byte. Text
/// packets are slices of the body. That is cheap while they are handled, but a five-byte message
/// that is kept keeps the whole body: who stores a [`Message`](crate::Message) copies it first.
#[derive(Debug)]
pub struct Records {
    /// What has not been looked at; `None` after the last record or an error.
    rest: Option<ByteString>,
    taken: usize,
    max: usize,
}

impl Iterator for Records {
    type Item = Result<Packet, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        if self.taken == self.max {
            return Some(Err(DecodeError::TooManyPackets { max: self.max }));
        }
        self.taken += 1;

        let (record, rest) = match rest.split_once(char::from(SEPARATOR)) {
            None => (rest, None),
            Some((record, after)) => (rest.slice_ref(record), Some(rest.slice_ref(after))),
        };
        let packet = Packet::decode_text(record);
        self.rest = rest.filter(|_| packet.is_ok());
        Some(packet)
    }
}

impl std::iter::FusedIterator for Records {}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many packets come out, and the error at the end.
    fn read(body: Vec<u8>) -> (usize, Option<DecodeError>) {
        let mut records = payload(body.into(), &Limits::default()).unwrap();
        let mut good = 0;
        let error =
            records.by_ref().inspect(|r| good += usize::from(r.is_ok())).find_map(Result::err);
        assert!(records.next().is_none(), "an error is the end");
        (good, error)
    }

    #[test]
    fn a_body_of_separators_ends_at_its_first_byte() {
        let body = vec![SEPARATOR; 1_000_000];
        assert_eq!(read(body), (0, Some(DecodeError::Empty)));
    }

    #[test]
    fn a_body_of_pongs_ends_at_the_budget() {
        let max = Limits::default().payload_packets_max;
        let body = b"3\x1e".repeat(500_000);
        assert_eq!(read(body), (max, Some(DecodeError::TooManyPackets { max })));
    }

    #[test]
    fn the_budget_is_the_last_legal_count() {
        let max = Limits::default().payload_packets_max;
        let mut body = b"3\x1e".repeat(max - 1);
        body.push(b'3');
        assert_eq!(read(body.clone()), (max, None));
        body.extend(b"\x1e3");
        let error = DecodeError::TooManyPackets { max };
        assert_eq!(read(body), (max, Some(error)));
    }
}
