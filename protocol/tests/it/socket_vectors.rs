//! Runs the dialogues in `testdata/socket_*.txt`.
//!
//! A case is what a client sends, a line of `----`, and what the session makes of it, line by line;
//! an empty line ends it and `#` begins a comment. Text is given with its Engine.IO `4`; `hex` and
//! digits is a binary message. The client is in the main namespace already unless the first line is
//! `fresh`.

use super::socket_peer::Peer;

#[test]
fn text_packets() {
    check(include_str!("../../testdata/socket_text.txt"));
}

#[test]
fn attachments() {
    check(include_str!("../../testdata/socket_binary.txt"));
}

#[test]
fn msgpack_packets() {
    check(include_str!("../../testdata/socket_msgpack.txt"));
}

fn check(vectors: &str) {
    let mut wrong = String::new();
    let mut count = 0;
    for case in vectors.split("\n\n") {
        let lines = case.lines().filter(|line| !line.starts_with('#'));
        let case = lines.collect::<Vec<_>>().join("\n");
        let Some((input, expected)) = case.split_once("\n----\n") else {
            assert!(case.trim().is_empty(), "not a case: {case}");
            continue;
        };
        count += 1;
        let got = run(input);
        if got != expected.trim_end() {
            wrong += &format!("{input}\n----\n{got}\n(expected {expected})\n\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(count > 5, "only {count} cases");
}

fn run(input: &str) -> String {
    let (mut peer, input) = match input.strip_prefix("fresh\n") {
        Some(input) => (Peer::fresh(), input),
        None => (Peer::joined(), input),
    };
    let mut said = Vec::new();
    for line in input.lines() {
        let answer = match line.strip_prefix("hex") {
            Some(digits) => peer.send_binary(&unhex(digits)),
            None => peer.send(line),
        };
        let closed = answer.contains("close: ");
        said.push(answer);
        if closed {
            break;
        }
    }
    said.join("\n")
}

pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("ASCII");
        u8::from_str_radix(pair, 16).expect("two hexadecimal digits")
    };
    digits.chunks(2).map(byte).collect()
}
