//! The body of the fuzz target.

use super::{
    Bounds, Malformed, Response,
    classic::{Broadcast, Request},
    sharded::Envelope,
};
use crate::Namespace;

/// Payloads of all channels: what can be read can be written, and what is written is read as the same.
///
/// Only once: where JSON had to be made of binary data, the second form is larger, so it may be refused
/// for its size, and for nothing else.
pub fn redis_adapter(data: &[u8]) {
    let bounds = Bounds::default();
    settles(data, |payload| Broadcast::decode(payload, &bounds).map(|read| read.encode()));
    settles(data, |payload| {
        let main = Namespace::MAIN;
        Request::decode(payload, &main, &bounds).map(|read| read.encode(&main))
    });
    settles(data, |payload| {
        Response::decode_classic(payload, &bounds).map(|read| read.encode_classic())
    });
    settles(data, |payload| {
        Envelope::decode(payload, &bounds).map(|read| read.encode().unwrap_or_default())
    });
}

fn settles(data: &[u8], recode: impl Fn(&[u8]) -> Result<Vec<u8>, Malformed>) {
    let Ok(first) = recode(data) else { return };
    if first.is_empty() {
        return;
    }
    match recode(&first) {
        Ok(second) => assert_eq!(first, second),
        Err(error) => {
            assert!(matches!(error, Malformed::TooMuch | Malformed::TooLarge { .. }), "{error}");
        }
    }
}
