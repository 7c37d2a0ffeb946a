//! Recovery over every wire that a client may speak.

use crier_server::{Options, RecoveryOptions};
use serde_json::{Value, json};
use tests::raw::{Polling, Received, WAIT, WebSocket};

use super::client::{install, server};
use crate::server::Server;

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// What a CONNECT or an event on `/` carries.
fn payload(packet: &str) -> Value {
    let text = packet.strip_prefix("40").or_else(|| packet.strip_prefix("42"));
    value(text.expect(packet))
}

#[test]
fn polling() {
    let server = server(RecoveryOptions::default());
    let main = server.io.main();
    let first = Polling::open(server.address);
    first.post("40").expect_status(200);
    let mut got = first.poll().text();
    if !got.contains("connected") {
        got = format!("{got}\x1e{}", first.poll().text());
    }
    let (connect, connected) = got.split_once('\x1e').unwrap();
    let kept = payload(connect);
    let offset = payload(connected)[2].clone();
    // Row E15: the answer of this poll goes to nobody, though the server may write it.
    let mut held = first.start_poll();
    held.expect_silence(std::time::Duration::from_millis(50));
    held.reset();
    main.emit("flushed to nobody", &1).unwrap();
    main.emit("missed", &2).unwrap();
    first.abandon();
    let second = Polling::open(server.address);
    let auth = json!({ "pid": kept["pid"], "offset": offset });
    second.post(format!("40{auth}")).expect_status(200);
    let mut got = second.poll().text();
    while !got.contains("connected") {
        got = format!("{got}\x1e{}", second.poll().text());
    }
    let packets: Vec<&str> = got.split('\x1e').collect();
    assert_eq!(payload(packets[0]), kept);
    let events: Vec<Value> = packets[1..].iter().map(|p| payload(p)[0].clone()).collect();
    assert_eq!(events, ["flushed to nobody", "missed", "connected"]);
}

/// `{ type, nsp, data }` as the msgpack parser of the reference writes it.
fn connect(pairs: &[(&str, &str)]) -> Vec<u8> {
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend([0xd9, text.len() as u8]);
        out.extend(text.as_bytes());
    };
    let mut out = vec![0x83];
    text(&mut out, "type");
    out.push(0);
    text(&mut out, "nsp");
    text(&mut out, "/");
    text(&mut out, "data");
    out.push(0x80 | pairs.len() as u8);
    for (key, value) in pairs {
        text(&mut out, key);
        text(&mut out, value);
    }
    out
}

/// The text after a key, or the last text of all.
fn text_after<'a>(packet: &'a [u8], key: &str, len: usize) -> &'a str {
    let at = packet.windows(key.len()).position(|window| window == key.as_bytes()).unwrap();
    // One byte says how long it is, or two.
    let from = at + key.len();
    let skip = if packet[from] == 0xd9 { 2 } else { 1 };
    std::str::from_utf8(&packet[from + skip..from + skip + len]).unwrap()
}

#[test]
fn msgpack() {
    let server = server(RecoveryOptions::default());
    let main = server.io.main();
    let mut first = WebSocket::open(server.address);
    first.send_binary(connect(&[]));
    let answer = first.binary();
    let (sid, pid) = (text_after(&answer, "sid", 20), text_after(&answer, "pid", 22));
    let connected = first.binary();
    let tilde = connected.iter().position(|byte| *byte == b'~').unwrap();
    let offset = std::str::from_utf8(&connected[tilde - 16..]).unwrap().to_owned();
    first.reset();
    main.emit("missed", &1).unwrap();
    let mut second = WebSocket::open(server.address);
    second.send_binary(connect(&[("pid", pid), ("offset", &offset)]));
    let answer = second.binary();
    assert_eq!((text_after(&answer, "sid", 20), text_after(&answer, "pid", 22)), (sid, pid));
    for event in ["missed", "connected"] {
        let packet = second.binary();
        assert!(packet.windows(event.len()).any(|window| window == event.as_bytes()));
    }
}

#[test]
fn attachments() {
    let server = server(RecoveryOptions::default());
    let main = server.io.main();
    let mut first = super::client::Client::connect(&server, json!({}));
    let binary = crier_server::Binary(vec![1, 2, 3].into());
    main.emit("live", &binary).unwrap();
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    let text = first.wire.text();
    assert!(text.starts_with(&format!(r#"451-["live",{placeholder},""#)), "{text}");
    assert_eq!(first.wire.binary(), [1, 2, 3]);
    let kept = first.cut();
    main.emit("missed", &binary).unwrap();
    let mut second = super::client::Client::back(&server, json!({}), &kept).unwrap();
    for name in ["live", "missed"] {
        // What it did not keep the offset of is missed too.
        let text = second.wire.text();
        assert!(text.starts_with(&format!(r#"451-["{name}",{placeholder},""#)), "{text}");
        assert_eq!(second.wire.binary(), [1, 2, 3]);
    }
}

#[test]
fn events_with_an_ack_and_acks_carry_no_offset() {
    let server = server(RecoveryOptions::default());
    let main = server.io.main();
    let mut client = super::client::Client::connect(&server, json!({}));
    client.wire.send(r#"425["echo",1]"#);
    client.wire.expect("435[1]");
    let everyone = main.everyone();
    let asked = server.runtime.spawn(async move {
        let acks = everyone.emit_with_ack("ask", crier_server::Args::none(), WAIT).await;
        acks.unwrap().answers.len()
    });
    let ask = client.wire.text();
    let id = ask.strip_prefix("42").and_then(|ask| ask.strip_suffix(r#"["ask"]"#)).unwrap();
    client.wire.send(format!("43{id}[]"));
    assert_eq!(server.runtime.block_on(asked).unwrap(), 1);
}

#[test]
fn without_recovery_nothing_of_it_is_on_the_wire() {
    let server = Server::start(Options::default());
    install(&server.io, "/");
    let mut wire = WebSocket::open(server.address);
    wire.send(r#"40{"pid":"AAAAAAAAAAAAAAAAAAAAAA","offset":"x"}"#);
    assert!(!wire.text().contains("pid"));
    wire.expect(r#"42["connected","Fresh"]"#);
    server.io.main().emit("event", &1).unwrap();
    wire.expect(r#"42["event",1]"#);
}

/// A client that does not read is cut, and has lost nothing.
#[test]
fn a_slow_client_gets_from_the_log_what_its_outbox_could_not_hold() {
    let server = server(RecoveryOptions { replay_bytes_max: 64 << 20, ..Default::default() });
    let main = server.io.main();
    let mut slow = super::client::Client::connect(&server, json!({}));
    // More than its outbox and all buffers on the way hold.
    let text = "x".repeat(40_000);
    let total: u64 = 600;
    for n in 0..total {
        main.emit("event", &(n, &text)).unwrap();
    }
    let mut next = 0;
    let mut cuts = 0;
    while next < total {
        match slow.wire.receive(WAIT) {
            Some(Received::Text(text)) => {
                let Some(items) = text.strip_prefix("42") else { panic!("{text}") };
                let items = value(items);
                slow.kept.offset =
                    Some(items.as_array().unwrap().last().unwrap().as_str().unwrap().to_owned());
                if items[0] == "event" {
                    assert_eq!(items[1][0].as_u64(), Some(next));
                    next += 1;
                }
            }
            Some(_) => {
                cuts += 1;
                slow = super::client::Client::back(&server, json!({}), &slow.kept.clone()).unwrap();
            }
            None => panic!("{next} of {total} events, {cuts} cuts"),
        }
    }
    assert_eq!((cuts, slow.event().0.as_str()), (1, "connected"));
}
