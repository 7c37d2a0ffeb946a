//! Section 7: closing.

use super::{Case, End, case, close, continuation, echo, ping, repeated, text};
use crate::websocket_wire::{CLOSE, Frame};

pub(super) fn closing() -> Vec<Case> {
    let hello = "Hello World!";
    let normal = End::Answered(Some(1000));
    let long = repeated(b"BAsd7&jh23", 256 << 10);
    let bye = || close(1000, "");
    let mut cases = vec![
        case("7.1.1", vec![text(hello)], vec![echo(hello)], End::Clean),
        case("7.1.2", vec![bye(), Frame::new(CLOSE, "")], vec![], normal),
        case("7.1.3", vec![bye(), ping("")], vec![], normal),
        case("7.1.4", vec![bye(), text(hello)], vec![], normal),
        case(
            "7.1.5",
            vec![text("fragment1").more(), bye(), continuation("fragment2")],
            vec![],
            normal,
        ),
        case(
            "7.1.6",
            vec![text(long.clone()), text(hello), bye(), ping("")],
            vec![echo(long), echo(hello)],
            normal,
        ),
        case("7.3.1", vec![Frame::new(CLOSE, "")], vec![], End::Answered(None)),
        case("7.3.2", vec![Frame::new(CLOSE, "a")], vec![], End::Failed(1002)),
        case("7.3.3", vec![bye()], vec![], normal),
        case("7.3.4", vec![close(1000, hello)], vec![], normal),
        case("7.3.5", vec![close(1000, [b'*'; 123])], vec![], normal),
        case("7.3.6", vec![close(1000, [b'*'; 124])], vec![], End::Failed(1002)),
        case(
            "7.5.1",
            vec![close(1000, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited")],
            vec![],
            End::Failed(1007),
        ),
    ];
    let legal = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    for (number, code) in (1..).zip(legal) {
        let id = format!("7.7.{number}");
        cases.push(case(id, vec![close(code, "")], vec![], End::Answered(Some(code))));
    }
    let illegal = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    for (number, code) in (1..).zip(illegal) {
        let id = format!("7.9.{number}");
        cases.push(case(id, vec![close(code, "")], vec![], End::Failed(1002)));
    }
    for (number, code) in (1..).zip([5000, 65_535]) {
        let id = format!("7.13.{number}");
        cases.push(case(id, vec![close(code, "")], vec![], End::Failed(1002)));
    }
    cases
}
