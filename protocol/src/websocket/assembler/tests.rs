//! The assembler's rules, one by one.

use super::*;
use crate::websocket::{CloseCode, append_frame, append_masked_frame};

/// A moment; tests go on from there by themselves.
#[expect(clippy::disallowed_methods, reason = "there is no other way to get a first instant")]
pub(in crate::websocket) fn start() -> Instant {
    Instant::now()
}

/// Everything that comes out of `bytes`, in reads of `cut` bytes.
fn read_all(
    assembler: &mut Assembler,
    bytes: &[u8],
    cut: usize,
    now: Instant,
) -> (Vec<Event>, Option<Violation>) {
    let mut events = Vec::new();
    for piece in bytes.to_vec().chunks_mut(cut.max(1)) {
        let mut input = piece;
        loop {
            match assembler.read(&mut input, now) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(violation) => return (events, Some(violation)),
            }
        }
    }
    (events, None)
}

/// Reads `bytes` as a client (which sends no masks to test with), in every cut.
fn check(bytes: &[u8], events: &[Event], violation: Option<Violation>) {
    let now = start();
    for cut in 1..=bytes.len().max(1) {
        let mut assembler = Assembler::new(Role::Client, &Limits::default());
        let read = read_all(&mut assembler, bytes, cut, now);
        assert_eq!(read, (events.to_vec(), violation), "reads of {cut} bytes");
    }
}

fn text(text: &'static str) -> Event {
    Event::Message(Message::Text(text.into()))
}

fn binary(bytes: &'static [u8]) -> Event {
    Event::Message(Message::Binary(Bytes::from_static(bytes)))
}

fn ping(payload: &'static [u8]) -> Event {
    Event::Ping(Bytes::from_static(payload))
}

#[test]
fn whole_messages() {
    check(
        b"\x81\x05Hello\x82\x02\x00\xff\x81\x00",
        &[text("Hello"), binary(b"\x00\xff"), text("")],
        None,
    );
}

#[test]
fn fragments_with_a_ping_between_them() {
    check(
        b"\x01\x03Hel\x89\x01!\x80\x02lo\x8a\x00",
        &[ping(b"!"), text("Hello"), Event::Pong],
        None,
    );
    check(b"\x02\x00\x00\x00\x80\x00", &[binary(b"")], None);
}

#[test]
fn broken_rules_of_the_header() {
    use Violation as V;
    check(b"\xc1\x00", &[], Some(V::ReservedBits { bits: 0b100 }));
    check(b"\x91\x00", &[], Some(V::ReservedBits { bits: 0b001 }));
    check(b"\x83\x00", &[], Some(V::ReservedOpcode { opcode: 3 }));
    check(b"\x8f\x00", &[], Some(V::ReservedOpcode { opcode: 15 }));
    check(b"\x09\x00", &[], Some(V::FragmentedControl { opcode: Opcode::Ping }));
    check(b"\x89\x7e\x00\x7e", &[], Some(V::LongControl { opcode: Opcode::Ping }));
    check(b"\x80\x00", &[], Some(V::NothingToContinue));
    check(b"\x01\x01a\x81\x00", &[], Some(V::MessageInsideMessage { opcode: Opcode::Text }));
    check(b"\x81\x80\0\0\0\0", &[], Some(V::WrongMask { role: Role::Client }));
    check(b"\x81\x7e\x00\x7d", &[], Some(V::LongLength { len: 125 }));
    check(b"\x81\x7f\0\0\0\0\0\0\xff\xff", &[], Some(V::LongLength { len: 65_535 }));
    check(
        b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
        &[],
        Some(V::NegativeLength { len: u64::MAX }),
    );
    check(
        b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
        &[],
        Some(V::MessageTooLarge { got: u64::MAX >> 1, max: 1_000_000 }),
    );
}

#[test]
fn a_server_demands_masks() {
    let mut server = Assembler::new(Role::Server, &Limits::default());
    let mut bytes = Vec::new();
    append_masked_frame(&mut bytes, Opcode::Text, b"Hello", [9, 8, 7, 6]);
    append_frame(&mut bytes, Opcode::Text, b"Hello");
    let read = read_all(&mut server, &bytes, 64, start());
    let unmasked = Violation::WrongMask { role: Role::Server };
    assert_eq!(read, (vec![text("Hello")], Some(unmasked)));
}

#[test]
fn text_fails_before_the_frame_ends() {
    let mut client = Assembler::new(Role::Client, &Limits::default());
    // 100 bytes are declared; the second byte of a surrogate settles it.
    let read = read_all(&mut client, b"\x01\x64ok\xed\xa0", 1, start());
    assert_eq!(read, (vec![], Some(Violation::TextNotUtf8)));
    check(b"\x01\x01\xe2\x00\x02\x82\xac\x80\x01\xce", &[], Some(Violation::TextNotUtf8));
    check(b"\x01\x01\xe2\x00\x02\x82\xac\x80\x00", &[text("€")], None);
}

#[test]
fn after_a_close_nothing_counts() {
    let frame = CloseFrame { code: Some(CloseCode::NORMAL), reason: "bye".into() };
    check(b"\x88\x05\x03\xe8bye\xff\xff\xff", &[Event::Close(frame)], None);
    check(b"\x88\x00\x81\x01a", &[Event::Close(CloseFrame::default())], None);
    check(b"\x88\x01\x03", &[], Some(Violation::CloseTooShort));
}

#[test]
fn after_a_violation_nothing_counts() {
    let mut client = Assembler::new(Role::Client, &Limits::default());
    let now = start();
    assert!(read_all(&mut client, b"\x01\x01a\x83", 64, now).1.is_some());
    assert_eq!(read_all(&mut client, b"\x81\x01a\x83", 64, now), (vec![], None));
    assert_eq!((client.poll_timeout(), client.allocated()), (None, 0));
}

#[test]
fn a_message_of_exactly_the_limit_is_fine_over_any_frames() {
    let limits = Limits { max_payload: 4, ..Limits::default() };
    let too_large = |got| Some(Violation::MessageTooLarge { got, max: 4 });
    for (bytes, expected) in [
        (&b"\x82\x04abcd"[..], None),
        (b"\x82\x05", too_large(5)),
        (b"\x02\x03abc\x80\x01d", None),
        (b"\x02\x03abc\x80\x02", too_large(5)),
        (b"\x01\x04abcd\x80\x01", too_large(5)),
        // The limit is of messages; a ping has its own.
        (b"\x89\x05abcde", None),
    ] {
        let mut client = Assembler::new(Role::Client, &limits);
        let (events, violation) = read_all(&mut client, bytes, 1, start());
        assert_eq!(violation, expected, "{bytes:x?}");
        assert_eq!(events.len(), usize::from(expected.is_none()), "{bytes:x?}");
    }
}

#[test]
fn a_message_has_at_most_so_many_frames() {
    let limits = Limits { fragments_max: 3, ..Limits::default() };
    let mut client = Assembler::new(Role::Client, &limits);
    let read = read_all(&mut client, b"\x01\x01a\x00\x00\x80\x01b", 64, start());
    assert_eq!(read, (vec![text("ab")], None));
    let read = read_all(&mut client, b"\x01\x01a\x00\x00\x00\x00\x80", 64, start());
    assert_eq!(read, (vec![], Some(Violation::TooManyFragments { max: 3 })));
}

#[test]
fn pings_and_pongs_have_a_rate() {
    let mut client = Assembler::new(Role::Client, &Limits::default());
    let mut now = start();
    let (events, violation) = read_all(&mut client, &b"\x89\x00\x8a\x00".repeat(10), 64, now);
    assert_eq!((events.len(), violation), (20, None));
    now += Duration::from_millis(100);
    assert_eq!(read_all(&mut client, b"\x89\x00", 64, now).0, [ping(b"")]);
    let too_many = Violation::TooManyControlFrames { per_second: 10 };
    assert_eq!(read_all(&mut client, b"\x8a\x00", 64, now).1, Some(too_many));
}

#[test]
fn what_is_begun_has_a_deadline() {
    let timeout = Limits::default().message_timeout;
    for begun in [
        &b"\x81"[..],
        b"\x89\x02a",
        b"\x82\x7e",
        b"\x01\x00",
        b"\x01\x02a",
        b"\x01\x00\x89\x00\x80",
    ] {
        let mut client = Assembler::new(Role::Client, &Limits::default());
        let now = start();
        assert_eq!(client.poll_timeout(), None);
        read_all(&mut client, begun, 1, now);
        assert_eq!(client.poll_timeout(), Some(now + timeout), "{begun:x?}");
        // What comes later does not move it.
        let later = now + timeout - Duration::from_nanos(1);
        assert_eq!(client.handle_timeout(later), Ok(()));
        let over = Violation::MessageTimeout { timeout };
        assert_eq!(client.handle_timeout(now + timeout), Err(over));
        assert_eq!(client.poll_timeout(), None);
    }
}

#[test]
fn a_peer_that_drips_does_not_outrun_the_timer() {
    let mut client = Assembler::new(Role::Client, &Limits::default());
    let mut now = start();
    let mut reads = 0;
    let mut violation = read_all(&mut client, b"\x01\x00", 2, now).1;
    while violation.is_none() {
        now += Duration::from_secs(1);
        reads += 1;
        violation = read_all(&mut client, b"\x00\x01x", 3, now).1;
    }
    assert_eq!(reads, 10);
}

#[test]
fn idle_it_owns_nothing() {
    let mut client = Assembler::new(Role::Client, &Limits::default());
    let now = start();
    for (bytes, idle) in [
        (&b"\x81\x01"[..], false),
        (b"a", true),
        (b"\x01\x00", false),
        (b"\x89", false),
        (b"\x00\x80", false),
        (b"\x00\x89\x01", false),
        (b"!\x8a\x00", true),
    ] {
        assert_eq!(read_all(&mut client, bytes, 64, now).1, None);
        assert_eq!(client.allocated() == 0, idle, "{bytes:x?}");
        assert_eq!(client.poll_timeout().is_none(), idle, "{bytes:x?}");
    }
}

#[test]
fn a_declared_length_allocates_nothing() {
    let mut client = Assembler::new(Role::Client, &Limits::default());
    let now = start();
    read_all(&mut client, b"\x82\x7f\0\0\0\0\0\x0d\xbb\xa0", 64, now);
    let empty = client.allocated();
    assert!(empty < 512, "{empty}");
    for arrived in 1..=900_000 / 1000 {
        read_all(&mut client, &[7; 1000], 1000, now);
        let held = client.allocated();
        assert!(held <= empty + 2 * 1000 * arrived, "{held} for {arrived} KB");
        assert!(held <= empty + 900_000);
    }
    assert_eq!(client.allocated(), 0);
}
