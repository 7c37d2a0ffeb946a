//! Section 6: text is UTF-8. The tables 6.5 to 6.23 go back to Markus Kuhn's decoder test.

use super::{Case, Cut, End, case, continuation, echo, in_frames, text};
use crate::websocket_wire::{Frame, TEXT};

const GREEK: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
const INVALID: End = End::Failed(1007);

pub(super) fn utf8() -> Vec<Case> {
    let mut cases = whole_and_in_fragments();
    cases.extend(as_early_as_certain());
    for (section, (valid, payloads)) in (5..).zip(tables()) {
        for (number, payload) in (1..).zip(payloads) {
            let id = format!("6.{section}.{number}");
            let valid = valid.unwrap_or_else(|| std::str::from_utf8(&payload).is_ok());
            let frames = vec![text(payload.clone())];
            cases.push(if valid {
                case(id, frames, vec![echo(payload)], End::Clean)
            } else {
                case(id, frames, vec![], INVALID)
            });
        }
    }
    cases
}

fn whole_and_in_fragments() -> Vec<Case> {
    let hello = "Hello-µ@ßöäüàá-UTF-8!!";
    let (head, tail) = hello.split_at(hello.find('ü').unwrap());
    let bad = [GREEK, b"\xed\xa0\x80edited"].concat();
    let middle = "middle frame payload";
    let three = |middle: &str| vec![text("").more(), continuation(middle).more(), continuation("")];
    vec![
        case("6.1.1", vec![text("")], vec![echo("")], End::Clean),
        case("6.1.2", three(""), vec![echo("")], End::Clean),
        case("6.1.3", three(middle), vec![echo(middle)], End::Clean),
        case("6.2.1", vec![text(hello)], vec![echo(hello)], End::Clean),
        case("6.2.2", vec![text(head).more(), continuation(tail)], vec![echo(hello)], End::Clean),
        case("6.2.3", in_frames(TEXT, hello.as_bytes(), 1), vec![echo(hello)], End::Clean),
        case("6.2.4", in_frames(TEXT, GREEK, 1), vec![echo(GREEK)], End::Clean),
        case("6.3.1", vec![text(bad.clone())], vec![], INVALID),
        // The 13th byte is the one: 11 Greek ones, ED, and A0 makes a surrogate.
        case("6.3.2", in_frames(TEXT, &bad, 1), vec![], End::FailedIn(1007, 12)),
    ]
}

/// The peer must not wait for the end of the message, nor of the frame.
fn as_early_as_certain() -> Vec<Case> {
    // Above U+10FFFF, certain with 90.
    let bad = [GREEK, b"\xf4\x90\x80\x80edited"].concat();
    let by_code_point = [GREEK, b"\xf4\x90\x80\x80", b"edited"];
    let by_byte = [&bad[..12], &bad[12..13], &bad[13..]];
    let frames = |parts: [&[u8]; 3]| {
        let [a, b, c] = parts;
        vec![text(a).more(), continuation(b).more(), continuation(c)]
    };
    let chops = |parts: [&[u8]; 3]| {
        vec![Frame { parts: parts.iter().map(|part| part.to_vec()).collect(), ..text("") }]
    };
    let in_the_second = End::FailedIn(1007, 1);
    vec![
        case("6.4.1", frames(by_code_point), vec![], in_the_second).cut(Cut::Parts),
        case("6.4.2", frames(by_byte), vec![], in_the_second).cut(Cut::Parts),
        case("6.4.3", chops(by_code_point), vec![], in_the_second).cut(Cut::Parts),
        case("6.4.4", chops(by_byte), vec![], in_the_second).cut(Cut::Parts),
    ]
}

/// 6.5 to 6.23: whether the payloads are valid (`None`: some are), and the payloads.
fn tables() -> Vec<(Option<bool>, Vec<Vec<u8>>)> {
    let (valid, invalid, mixed) = (Some(true), Some(false), None);
    let list = |payloads: &[&[u8]]| payloads.iter().map(|p| p.to_vec()).collect::<Vec<_>>();
    let cut_short: &[&[u8]] = &[
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ];
    let lonely = |from: u8, to: u8| (from..to).flat_map(|byte| [byte, b' ']).collect::<Vec<u8>>();
    vec![
        // 6.5 some valid text
        (
            valid,
            list(&[
                b"hello$world",
                b"hello\xc2\xa2world",
                b"hello\xe2\x82\xacworld",
                b"hello\xf0\xa4\xad\xa2world",
                GREEK,
            ]),
        ),
        // 6.6 every prefix of text
        (mixed, (1..=GREEK.len()).map(|len| GREEK[..len].to_vec()).collect()),
        // 6.7 the first of each length
        (valid, list(&[b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"])),
        // 6.8 the first of length 5 and 6, which are none
        (invalid, list(&[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"])),
        // 6.9 the last of each length
        (valid, list(&[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"])),
        // 6.10 the last of length 4, 5 and 6, were there more code points
        (
            invalid,
            list(&[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]),
        ),
        // 6.11 beside the surrogates, and at the end
        (
            mixed,
            list(&[
                b"\xed\x9f\xbf",
                b"\xee\x80\x80",
                b"\xef\xbf\xbd",
                b"\xf4\x8f\xbf\xbf",
                b"\xf4\x90\x80\x80",
            ]),
        ),
        // 6.12 continuation bytes without a start
        (invalid, {
            let mut payloads = list(&[b"\x80", b"\xbf"]);
            payloads.extend((2..=6).map(|len| super::repeated(b"\x80\xbf", len)));
            payloads.push((0x80..0xbf).collect());
            payloads
        }),
        // 6.13 starts without continuation
        (
            invalid,
            vec![
                lonely(0xc0, 0xdf),
                lonely(0xe0, 0xef),
                lonely(0xf0, 0xf7),
                lonely(0xf8, 0xfb),
                lonely(0xfc, 0xfd),
            ],
        ),
        // 6.14 the last byte is missing
        (invalid, list(cut_short)),
        // 6.15 all of these in a row
        (invalid, vec![cut_short.concat()]),
        // 6.16 bytes that never occur
        (invalid, list(&[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"])),
        // 6.17 an overlong slash
        (
            invalid,
            list(&[
                b"\xc0\xaf",
                b"\xe0\x80\xaf",
                b"\xf0\x80\x80\xaf",
                b"\xf8\x80\x80\x80\xaf",
                b"\xfc\x80\x80\x80\x80\xaf",
            ]),
        ),
        // 6.18 the largest overlong ones
        (
            invalid,
            list(&[
                b"\xc1\xbf",
                b"\xe0\x9f\xbf",
                b"\xf0\x8f\xbf\xbf",
                b"\xf8\x87\xbf\xbf\xbf",
                b"\xfc\x83\xbf\xbf\xbf\xbf",
            ]),
        ),
        // 6.19 an overlong NUL
        (
            invalid,
            list(&[
                b"\xc0\x80",
                b"\xe0\x80\x80",
                b"\xf0\x80\x80\x80",
                b"\xf8\x80\x80\x80\x80",
                b"\xfc\x80\x80\x80\x80\x80",
            ]),
        ),
        // 6.20 single surrogates
        (
            invalid,
            list(&[
                b"\xed\xa0\x80",
                b"\xed\xad\xbf",
                b"\xed\xae\x80",
                b"\xed\xaf\xbf",
                b"\xed\xb0\x80",
                b"\xed\xbe\x80",
                b"\xed\xbf\xbf",
            ]),
        ),
        // 6.21 paired surrogates
        (invalid, {
            let high: [&[u8]; 4] =
                [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf"];
            let low: [&[u8]; 2] = [b"\xed\xb0\x80", b"\xed\xbf\xbf"];
            high.iter().flat_map(|high| low.map(|low| [high, low].concat())).collect()
        }),
        // 6.22 code points that are no characters, the last two of each plane: valid all the same
        (
            valid,
            (0x0_u32..=0x10)
                .flat_map(|plane| {
                    [0xfffe, 0xffff].map(|low| {
                        char::from_u32(plane << 16 | low).unwrap().to_string().into_bytes()
                    })
                })
                .collect(),
        ),
        // 6.23 specials
        (valid, ('\u{fff9}'..='\u{ffff}').map(|c| c.to_string().into_bytes()).collect()),
    ]
}
