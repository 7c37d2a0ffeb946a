//! The bodies of the fuzz targets: bytes in, an assertion fails if an invariant does not hold.
//!
//! They live here and not in `fuzz/` so that they compile with every build, and so that the tests can
//! replay the corpus without a fuzzer.

mod session_ops;

use bytes::Bytes;
use bytestring::ByteString;

use crate::{
    Limits, Message,
    engine::{Packet, payload},
};

pub use crate::{redis_adapter::fuzz::redis_adapter, socket::fuzz::sio_packet};
pub use session_ops::session_ops;

/// One Engine.IO packet: what can be read can be written, and is read again as the same.
pub fn eio_packet(data: &[u8]) {
    let binary = Message::Binary(Bytes::copy_from_slice(data));
    assert!(Packet::decode(binary).is_ok(), "a binary message is never wrong");

    let Ok(text) = ByteString::try_from(data) else {
        return;
    };
    let Ok(packet) = Packet::decode_text(text) else {
        return;
    };
    let mut record = Vec::new();
    packet.append_record(&mut record);
    assert!(record.len() <= data.len(), "nothing is made up");
    let again = ByteString::try_from(record).map(Packet::decode_text);
    assert_eq!(again.as_ref().ok(), Some(&Ok(packet.clone())));
    assert_eq!(Packet::decode(packet.clone().into_message()), Ok(packet));
}

/// One polling body: it ends with its first error, has no more packets than its budget, and no more
/// data than it had bytes.
pub fn eio_payload(data: &[u8]) {
    let limits = Limits { payload_packets_max: 64, ..Limits::default() };
    let Ok(mut records) = payload(Bytes::copy_from_slice(data), &limits) else {
        assert!(std::str::from_utf8(data).is_err());
        return;
    };
    let (mut packets, mut bytes, mut failed) = (0, 0, false);
    for packet in records.by_ref() {
        assert!(!failed, "an error is the end");
        match packet {
            Err(_) => failed = true,
            Ok(packet) => {
                packets += 1;
                let mut record = Vec::new();
                packet.append_record(&mut record);
                bytes += record.len();
            }
        }
    }
    assert!(records.next().is_none(), "the end is the end");
    assert!(packets <= limits.payload_packets_max);
    assert!(bytes <= data.len());
    assert!(packets > 0 || failed, "a body has a packet or an error");
}
