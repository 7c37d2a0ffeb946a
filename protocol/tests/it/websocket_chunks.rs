//! Properties of the assembler: reads may be cut anywhere, messages come through as they were, and
//! no bytes make it panic or keep more than the limits allow.

use crier_protocol::{
    Limits, Message,
    websocket::{Assembler, Event, Role, Violation},
};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::websocket_wire::{BINARY, Frame, TEXT, start};

/// What an assembler keeps beside content, at most: its box.
const OVERHEAD: usize = 512;

fn limits() -> Limits {
    Limits { max_payload: 400, fragments_max: 6, control_frames_per_second: 5, ..Limits::default() }
}

/// Reads everything, in pieces of the given sizes over and over, and watches the memory.
fn read_in(role: Role, bytes: &[u8], sizes: &[usize]) -> (Vec<Event>, Option<Violation>) {
    let mut assembler = Assembler::new(role, &limits());
    let now = start();
    let mut bytes = bytes.to_vec();
    let mut rest = bytes.as_mut_slice();
    let mut sizes = sizes.iter().cycle();
    let (mut events, mut violation, mut arrived) = (Vec::new(), None, 0);
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| *size.min(&rest.len()));
        let mut input = rest.split_off_mut(..size).unwrap();
        arrived += size;
        loop {
            match assembler.read(&mut input, now) {
                Ok(Some(event)) => {
                    assert!(violation.is_none(), "{event:?} after {violation:?}");
                    events.push(event);
                }
                Ok(None) => break,
                Err(error) => {
                    assert!(violation.is_none(), "{error} after {violation:?}");
                    violation = Some(error);
                }
            }
        }
        assert!(input.is_empty(), "input was left");
        let held = assembler.allocated();
        assert!(held <= OVERHEAD + 400.min(2 * arrived), "{held} bytes held, {arrived} arrived");
        assert_eq!(held == 0, assembler.poll_timeout().is_none(), "memory has a deadline");
    }
    (events, violation)
}

/// Frames that are often, but not always, legal where they stand.
fn any_frame() -> impl Strategy<Value = Frame> {
    let opcode = prop_oneof![
        6 => Just(0_u8),
        4 => Just(TEXT),
        3 => Just(BINARY),
        3 => 8..=10_u8,
        1 => 0..16_u8,
    ];
    let payload = prop_oneof![
        ".{0,20}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..10),
        (0..600_usize).prop_map(|len| std::vec![b'x'; len]),
    ];
    let rarely = || proptest::bool::weighted(0.02);
    (opcode, payload, any::<bool>(), rarely(), rarely()).prop_map(
        |(opcode, payload, fin, reserved, wrong_mask)| Frame {
            fin: fin || opcode >= 8,
            rsv: u8::from(reserved),
            wrong_mask,
            ..Frame::new(opcode, payload)
        },
    )
}

fn any_role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Server), Just(Role::Client)]
}

fn any_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        "[\\PC\n]{0,60}".prop_map(|text| Message::Text(text.into())),
        vec(any::<u8>(), 0..300).prop_map(|bytes| Message::Binary(bytes.into())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_cut_of_any_frames_gives_the_same_events(
        role in any_role(),
        frames in vec(any_frame(), 0..8),
        key: [u8; 4],
        sizes in vec(1..40_usize, 1..6),
    ) {
        let bytes = frames.iter().flat_map(|frame| frame.encode(role, key)).collect::<Vec<_>>().concat();
        let whole = read_in(role, &bytes, &[]);
        prop_assert_eq!(&read_in(role, &bytes, &sizes), &whole);
        prop_assert_eq!(&read_in(role, &bytes, &[1]), &whole);
    }

    #[test]
    fn any_bytes_are_survived(
        role in any_role(),
        bytes in vec(any::<u8>(), 0..200),
        first in prop_oneof![Just(None), (0..16_u8, 0..128_u8).prop_map(Some)],
        sizes in vec(1..20_usize, 1..6),
    ) {
        // Every other time the first frame is allowed to begin well.
        let mask = if role == Role::Server { 0x80 } else { 0 };
        let head = first.map_or(vec![], |(opcode, len)| vec![0x80 | opcode, mask | len]);
        let bytes = [head, bytes].concat();
        prop_assert_eq!(read_in(role, &bytes, &sizes), read_in(role, &bytes, &[]));
    }

    #[test]
    fn messages_come_through_however_they_are_fragmented(
        role in any_role(),
        messages in vec((any_message(), vec(any::<Index>(), 0..5)), 1..5),
        key: [u8; 4],
        sizes in vec(1..100_usize, 1..6),
    ) {
        let mut bytes = Vec::new();
        for (message, cuts) in &messages {
            let (opcode, content) = match message {
                Message::Text(text) => (TEXT, text.as_bytes()),
                Message::Binary(bytes) => (BINARY, bytes),
            };
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(content.len() + 1)).collect();
            at.sort_unstable();
            at.push(content.len());
            let mut from = 0;
            for (number, to) in at.iter().enumerate() {
                let opcode = if number == 0 { opcode } else { 0 };
                let frame = Frame { fin: number + 1 == at.len(), ..Frame::new(opcode, &content[from..*to]) };
                bytes.extend(frame.encode(role, key).concat());
                from = *to;
            }
        }
        let expected: Vec<Event> = messages.into_iter().map(|(message, _)| Event::Message(message)).collect();
        prop_assert_eq!(read_in(role, &bytes, &sizes), (expected.clone(), None));
        prop_assert_eq!(read_in(role, &bytes, &[]), (expected, None));
    }
}
