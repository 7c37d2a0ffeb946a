//! The numbered event that everything sends: a JSON object of 128 bytes.

use std::fmt::Write as _;

/// Bytes of the object.
pub const SIZE: usize = 128;

/// `{"n":17,"pad":"…"}`.
pub fn object(number: u64) -> String {
    const FRAME: usize = r#"{"n":,"pad":""}"#.len();
    let mut text = format!(r#"{{"n":{number},"pad":""#);
    let digits = text.len() + r#""}"#.len() - FRAME;
    let pad = SIZE - FRAME - digits;
    // A string is written to without end.
    let _ = write!(text, "{:.<pad$}\"}}", "");
    text
}

/// The number of such an object in a packet, wherever in it the server put the key; `None` if the
/// packet is about something else.
pub fn number(packet: &str) -> Option<u64> {
    const KEY: &str = r#""n":"#;
    let at = packet.find(KEY)?;
    let rest = packet.get(at + KEY.len()..)?.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_takes_the_same_room() {
        for n in [0, 9, 10, 123_456, u64::MAX] {
            let text = object(n);
            assert_eq!(text.len(), SIZE, "{text}");
            let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(parsed["n"], n);
            assert_eq!(number(&format!(r#"2["msg",{text}]"#)), Some(n));
        }
    }

    #[test]
    fn a_server_may_write_the_object_in_its_own_way() {
        assert_eq!(number(r#"2["msg",{"pad": "..", "n": 12}]"#), Some(12));
        assert_eq!(number(r#"2["other",{"pad":""}]"#), None);
        assert_eq!(number(r#"2["msg",{"n":"12"}]"#), None);
    }
}
