//! Wire vectors of packets and polling bodies.

use bytestring::ByteString;
use crier_protocol::{
    Limits, Message,
    engine::{DecodeError, Packet, payload},
};
use proptest::prelude::*;

use crate::vectors::check;

#[test]
fn packet_vectors() {
    check("engine_packet.txt", |input| {
        let text = ByteString::try_from(input).unwrap();
        vec![show(&Packet::decode_text(text))]
    });
}

#[test]
fn payload_vectors() {
    check("engine_payload.txt", |input| {
        let limits = Limits { payload_packets_max: 5, ..Limits::default() };
        match payload(bytes::Bytes::copy_from_slice(input), &limits) {
            Ok(records) => records.map(|packet| show(&packet)).collect(),
            Err(error) => vec![show(&Err(error))],
        }
    });
}

fn show(packet: &Result<Packet, DecodeError>) -> String {
    match packet {
        Ok(Packet::Open(data)) => format!("open {data:?}"),
        Ok(Packet::Close) => "close".into(),
        Ok(Packet::Ping(data)) => format!("ping {data:?}"),
        Ok(Packet::Pong(data)) => format!("pong {data:?}"),
        Ok(Packet::Message(Message::Text(text))) => format!("text {text:?}"),
        Ok(Packet::Message(Message::Binary(bytes))) => format!("binary {bytes:?}"),
        Ok(Packet::Upgrade) => "upgrade".into(),
        Ok(Packet::Noop) => "noop".into(),
        Err(error) => format!("error: {error}"),
    }
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let text = any::<String>().prop_map(ByteString::from);
    prop_oneof![
        text.clone().prop_map(Packet::Open),
        text.clone().prop_map(Packet::Ping),
        text.clone().prop_map(Packet::Pong),
        text.prop_map(|text| Packet::Message(Message::Text(text))),
        any::<Vec<u8>>().prop_map(|bytes| Packet::Message(Message::Binary(bytes.into()))),
        Just(Packet::Close),
        Just(Packet::Upgrade),
        Just(Packet::Noop),
    ]
}

proptest! {
    #[test]
    fn a_packet_survives_both_of_its_forms(packet in any_packet()) {
        let mut record = Vec::new();
        packet.append_record(&mut record);
        let record = ByteString::try_from(record).unwrap();
        prop_assert_eq!(Packet::decode_text(record), Ok(packet.clone()));
        prop_assert_eq!(Packet::decode(packet.clone().into_message()), Ok(packet));
    }
}
