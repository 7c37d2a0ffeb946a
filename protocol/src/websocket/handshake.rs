//! The opening handshake, server side, on header values (RFC 6455, 4.2).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};

/// The one version of the protocol.
pub const VERSION: &str = "13";

/// What a request says about becoming a websocket.
///
/// ```
/// use crier_protocol::websocket::handshake::{Offer, check};
///
/// let mut offer = Offer::new("GET", true);
/// for (name, value) in [
///     ("Connection", "keep-alive, Upgrade"),
///     ("Upgrade", "websocket"),
///     ("Sec-WebSocket-Version", "13"),
///     ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
/// ] {
///     offer.header(name, value);
/// }
/// let accept = check(&offer).unwrap();
/// assert_eq!(accept.key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// The request's method.
    pub method: &'a str,
    /// Whether the request is HTTP/1.1; 1.0 cannot upgrade, 2 upgrades in another way.
    pub http_1_1: bool,
    /// Whether `Connection` names `upgrade`.
    pub connection_upgrade: bool,
    /// Whether `Upgrade` names `websocket`.
    pub upgrade_websocket: bool,
    /// `Sec-WebSocket-Version`.
    pub version: Option<&'a str>,
    /// `Sec-WebSocket-Key`.
    pub key: Option<&'a str>,
    /// Whether there is more than one key.
    pub second_key: bool,
    /// The first value of `Sec-WebSocket-Protocol`, a list of names.
    pub protocols: Option<&'a str>,
}

/// What the 101 answer says, besides `Upgrade: websocket` and `Connection: Upgrade`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    /// `Sec-WebSocket-Accept`.
    pub key: String,
    /// `Sec-WebSocket-Protocol`: the first that the client offers. Clients that offer some and get
    /// none give up; the reference's `ws` echoes the first too.
    pub protocol: Option<String>,
}

/// Why a request does not become a websocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The answer's status: 400, or 426, which also wants `Sec-WebSocket-Version:` [`VERSION`].
    pub status: u16,
    /// The answer's body.
    pub message: &'static str,
}

impl<'a> Offer<'a> {
    /// An offer of a request without headers so far.
    pub fn new(method: &'a str, http_1_1: bool) -> Self {
        Self {
            method,
            http_1_1,
            connection_upgrade: false,
            upgrade_websocket: false,
            version: None,
            key: None,
            second_key: false,
            protocols: None,
        }
    }

    /// Takes note of a header of the request, given in any case and order; most mean nothing here.
    ///
    /// A value that is not text is best left out: none that matters has any other characters.
    /// `Sec-WebSocket-Extensions` is not read at all: no extension is negotiated.
    pub fn header(&mut self, name: &str, value: &'a str) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("connection") {
            self.connection_upgrade |= has_token(value, "upgrade");
        } else if is("upgrade") {
            self.upgrade_websocket |= has_token(value, "websocket");
        } else if is("sec-websocket-version") {
            self.version.get_or_insert(value);
        } else if is("sec-websocket-key") {
            self.second_key |= self.key.is_some();
            self.key = Some(value);
        } else if is("sec-websocket-protocol") {
            self.protocols.get_or_insert(value);
        }
    }
}

/// Judges an offer.
///
/// # Errors
///
/// 426 for another version than 13, 400 for everything else.
pub fn check(offer: &Offer<'_>) -> Result<Accept, Refusal> {
    let refuse = |status, message| Err(Refusal { status, message });
    if offer.method != "GET" {
        return refuse(400, "a websocket is opened with GET");
    }
    if !offer.http_1_1 {
        return refuse(400, "a websocket is opened over HTTP/1.1");
    }
    if !offer.connection_upgrade || !offer.upgrade_websocket {
        return refuse(400, "not an upgrade to websocket");
    }
    if offer.version.map(trim) != Some(VERSION) {
        return refuse(426, "only version 13 of the websocket protocol is spoken");
    }
    let key = offer.key.map(trim).filter(|key| is_key(key) && !offer.second_key);
    let Some(key) = key else {
        return refuse(400, "Sec-WebSocket-Key is not 16 bytes in base64");
    };
    Ok(Accept { key: accept_key(key), protocol: offer.protocols.and_then(first_protocol) })
}

/// The value of `Sec-WebSocket-Accept` for a key: proof that the server speaks the protocol.
pub fn accept_key(key: &str) -> String {
    // The number is the RFC's (1.3); any other would do, if all took it.
    let proof = Sha1::new()
        .chain_update(key)
        .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        .finalize();
    STANDARD.encode(proof)
}

/// Whether `key` is base64 of 16 bytes. Four bits of the 22nd character carry nothing and may be
/// anything, as in the reference's `ws`.
fn is_key(key: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    key.len() == 24 && key.strip_suffix("==").is_some_and(|digits| digits.bytes().all(legal))
}

/// The first name in a list, if it is a legal one. What comes after it is not looked at.
fn first_protocol(list: &str) -> Option<String> {
    let first = list.split(',').map(trim).find(|name| !name.is_empty())?;
    first.bytes().all(is_token_byte).then(|| first.into())
}

/// Whether a comma-separated list names `token`, in any case.
fn has_token(list: &str, token: &str) -> bool {
    list.split(',').any(|item| trim(item).eq_ignore_ascii_case(token))
}

/// What may stand in a token (RFC 9110, 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Without the white space that may stand around a header's value.
fn trim(value: &str) -> &str {
    value.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    /// A good request, with headers taken out, replaced or added.
    fn check_with(changes: &[(&str, &str)]) -> Result<Accept, u16> {
        let good = [
            ("host", "example.com"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
            ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
        ];
        let mut offer = Offer::new("GET", true);
        let kept =
            good.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        for (name, value) in kept.chain(changes) {
            if !value.is_empty() {
                offer.header(name, value);
            }
        }
        super::check(&offer).map_err(|refusal| refusal.status)
    }

    fn check(changes: &[(&str, &str)], expected: Result<(), u16>) {
        assert_eq!(check_with(changes).map(|_| ()), expected, "{changes:?}");
    }

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(accept_key(KEY), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_makes_a_websocket() {
        check(&[], Ok(()));
        check(&[("connection", "keep-alive, \tupGRADE")], Ok(()));
        check(&[("connection", "keep-alive"), ("Connection", "Upgrade")], Ok(()));
        check(&[("upgrade", "h2c, WebSocket")], Ok(()));
        check(&[("connection", "")], Err(400));
        check(&[("connection", "upgraded")], Err(400));
        check(&[("upgrade", "")], Err(400));
        check(&[("upgrade", "websockets")], Err(400));
        check(&[("sec-websocket-version", "")], Err(426));
        check(&[("sec-websocket-version", "8")], Err(426));
        check(&[("sec-websocket-version", "13, 8")], Err(426));
        check(&[("sec-websocket-version", "013")], Err(426));
        check(&[("sec-websocket-extensions", "constructor; x=99")], Ok(()));
    }

    #[test]
    fn method_and_http_version() {
        for (method, http_1_1) in [("POST", true), ("get", true), ("GET", false)] {
            let offer = Offer {
                method,
                http_1_1,
                connection_upgrade: true,
                upgrade_websocket: true,
                version: Some("13"),
                key: Some(KEY),
                second_key: false,
                protocols: None,
            };
            let refusal = super::check(&offer).unwrap_err();
            assert_eq!(refusal.status, 400, "{method}");
        }
    }

    #[test]
    fn the_key_is_16_bytes_in_base64() {
        let padded = format!("  {KEY}\t");
        check(&[("sec-websocket-key", &padded)], Ok(()));
        for key in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQA=",
            "dGhlIHNhbXBsZSBub25jZ===",
            "dGhlIHNhbXBsZSBub25j_Q==",
            "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
            "ééééééééééé==",
        ] {
            check(&[("sec-websocket-key", key)], Err(400));
        }
        check(&[("Sec-WebSocket-Key", KEY), ("sec-websocket-key", KEY)], Err(400));
    }

    #[test]
    fn the_first_subprotocol_is_echoed_if_it_is_a_name() {
        let echo = |value: &str| check_with(&[("sec-websocket-protocol", value)]).unwrap().protocol;
        assert_eq!(echo("chat"), Some("chat".into()));
        assert_eq!(echo(" v1.chat , v2.chat"), Some("v1.chat".into()));
        assert_eq!(echo(", ,chat"), Some("chat".into()));
        assert_eq!(echo("a b, chat"), None);
        assert_eq!(echo(", "), None);
        // ws CVE-2021-32640 was quadratic here; there is one pass, and none past the first name.
        assert_eq!(echo(&format!("b{}x", " ".repeat(32_768))), None);
        let names: Vec<String> = (0..1000).map(|n| format!("p{n}")).collect();
        assert_eq!(echo(&names.join(",")), Some("p0".into()));
    }
}
