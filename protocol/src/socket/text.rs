//! Packets of the default parser: `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.
//!
//! Compared with `socket.io-parser` 4.2.7 on the 109 dialogues of `testdata/socket_{text,binary}.txt`;
//! 79 read the same. The others, none of which the reference's clients produce:
//!
//! | input | reference | here |
//! |---|---|---|
//! | `40{"token":1,"token":2}` | the last counts | closes |
//! | ack id above 2^53-1, or with leading zeros | another number is acked | closes |
//! | `42 ["a"]` | the space is the ack id 0 | no ack id |
//! | `42` | an event without a name | closes |
//! | `42[5]` | an event that no handler has | ignored |
//! | `"\ud83d"`, `1e400` as an argument | read | relayed as they are, an error if read |
//! | `451e0-`, `45 1 -`, `450x1-`, `45+1-`, `4501-` | counts | closes |
//! | `num` that is no index | closes after the attachments | closes at the header |
//! | `num` twice, or not at all | the event, with holes | closes at the header |
//! | `451-`, `461-5` | waits for attachments | closes |
//! | header for a namespace not joined | closes after the attachments | closes at the header |

use bytestring::ByteString;
use memchr::memchr;

use super::{
    Args, Auth, DecodeError, EventName, Packet,
    json::{self, Bounds, Scan},
    placeholder,
};
use crate::{AckId, Limits, Namespace};

/// Reads one packet; also says how many binary messages belong to it and must follow.
///
/// Its arguments hold no attachments yet, but their placeholders are checked already.
pub(super) fn decode(text: &ByteString, limits: &Limits) -> Result<(Packet, usize), DecodeError> {
    let kind = *text.as_bytes().as_ref().first().ok_or(DecodeError::Empty)?;
    let mut rest = Rest {
        text,
        // A byte above 7f is no type, and behind any other a character begins.
        rest: text.get(1..).ok_or(DecodeError::UnknownType(kind))?,
        limits,
    };
    let attachments = match kind {
        b'0'..=b'3' => 0,
        b'4' => return Err(DecodeError::NotFromClient),
        b'5' | b'6' => rest.attachments()?,
        _ => return Err(DecodeError::UnknownType(kind)),
    };
    let namespace = rest.namespace()?;
    let id = rest.ack_id()?;
    let payload = (!rest.rest.is_empty()).then(|| text.slice_ref(rest.rest));
    let packet = match (kind, payload) {
        (b'0', payload) => {
            Packet::Connect { namespace, auth: payload.map(|text| auth(text, limits)).transpose()? }
        }
        (b'1', None) => Packet::Disconnect { namespace },
        (b'1', Some(_)) => return Err(DecodeError::UnexpectedPayload),
        (b'2' | b'5', None) => return Err(DecodeError::MissingPayload),
        (b'2' | b'5', Some(payload)) => {
            let (name, args) = event(&payload, attachments, limits)?;
            Packet::Event { namespace, id, name, args }
        }
        (_, None) if attachments > 0 => return Err(DecodeError::MissingPayload),
        (_, payload) => {
            let args = payload.map(|payload| {
                let scan = scan_array(&payload, limits.args_max, limits)?;
                items(&payload, &scan, 0, attachments)
            });
            Packet::Ack { namespace, id, args: args.transpose()? }
        }
    };
    Ok((packet, attachments))
}

/// What of a packet's head is not read yet.
struct Rest<'a> {
    text: &'a ByteString,
    rest: &'a str,
    limits: &'a Limits,
}

impl<'a> Rest<'a> {
    /// Plain digits, 1 or more without a leading zero, then `-`.
    ///
    /// The reference takes whatever `Number()` takes (`1e0`, ` 1 `); no client writes that.
    fn attachments(&mut self) -> Result<usize, DecodeError> {
        let digits = self.digits();
        let rest = self.rest.strip_prefix('-');
        self.rest = rest.ok_or(DecodeError::AttachmentCount)?;
        if digits.is_empty() || digits.starts_with('0') {
            return Err(DecodeError::AttachmentCount);
        }
        let max = self.limits.attachments_max;
        match digits.parse() {
            Ok(count) if count <= max => Ok(count),
            _ => Err(DecodeError::TooManyAttachments { max }),
        }
    }

    /// From a `/` to the first comma or the end; `/` where there is none.
    fn namespace(&mut self) -> Result<Namespace, DecodeError> {
        if !self.rest.starts_with('/') {
            return Ok(Namespace::MAIN);
        }
        let (name, rest) = match memchr(b',', self.rest.as_bytes()) {
            Some(comma) => (self.rest.get(..comma), self.rest.get(comma + 1..)),
            None => (Some(self.rest), Some("")),
        };
        self.rest = rest.unwrap_or_default();
        let (name, max) = (name.unwrap_or_default(), self.limits.namespace_max);
        Namespace::parse(self.text.slice_ref(name), max).ok_or(DecodeError::Namespace { max })
    }

    /// Digits as JavaScript prints a safe integer: the reply must name the same number, and the
    /// reference would answer `431e+21`.
    fn ack_id(&mut self) -> Result<Option<AckId>, DecodeError> {
        let digits = self.digits();
        if digits.is_empty() {
            return Ok(None);
        }
        // 2^53-1 has 16 digits.
        let plain = digits.len() <= 16 && (digits.len() == 1 || !digits.starts_with('0'));
        let id = digits.parse().ok().filter(|_| plain).and_then(AckId::new);
        id.map(Some).ok_or(DecodeError::AckId)
    }

    fn digits(&mut self) -> &'a str {
        let count = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at_checked(count).unwrap_or(("", self.rest));
        self.rest = rest;
        digits
    }
}

fn auth(text: ByteString, limits: &Limits) -> Result<Auth, DecodeError> {
    let depth = limits.depth_max;
    let bounds = Bounds { depth, items: usize::MAX };
    json::scan(&text, b'{', bounds)?;
    json::validate(&text)?;
    if !json::keys_are_unique(&text, depth + 1) {
        return Err(DecodeError::DuplicateKey);
    }
    Ok(Auth::from_json(text))
}

fn event(
    payload: &ByteString,
    attachments: usize,
    limits: &Limits,
) -> Result<(EventName, Args), DecodeError> {
    let scan = scan_array(payload, limits.args_max + 1, limits)?;
    let first = scan.commas.first().and_then(|at| usize::try_from(*at).ok());
    let token = payload.get(scan.start..first.unwrap_or(scan.end));
    let token = token.unwrap_or_default().trim();
    let name = match token.as_bytes().first() {
        Some(b'"') => {
            // An escape takes 6 bytes at most for one; a longer name is not decoded at all.
            if token.len() > limits.event_name_max * 6 + 2 {
                let max = limits.event_name_max;
                return Err(DecodeError::EventNameTooLong { max });
            }
            let name = match json::plain(token) {
                Some(name) => payload.slice_ref(name),
                None => json::unquote_lossy(token).into_owned().into(),
            };
            EventName::string(name, limits)?
        }
        Some(b'-' | b'0'..=b'9') => EventName::number(payload.slice_ref(token)),
        _ => return Err(DecodeError::EventName),
    };
    Ok((name, items(payload, &scan, 1, attachments)?))
}

/// Bounds before anything is parsed, then syntax.
fn scan_array(payload: &str, items: usize, limits: &Limits) -> Result<Scan, DecodeError> {
    let bounds = Bounds { depth: limits.depth_max, items };
    let scan = json::scan(payload, b'[', bounds).map_err(|error| match error {
        DecodeError::TooManyArgs { .. } => DecodeError::TooManyArgs { max: limits.args_max },
        error => error,
    })?;
    json::validate(payload)?;
    Ok(scan)
}

fn items(
    payload: &ByteString,
    scan: &Scan,
    from: usize,
    attachments: usize,
) -> Result<Args, DecodeError> {
    let (text, ends) = scan.items_from(payload, from);
    if attachments > 0 {
        placeholder::check(&text, attachments)?;
    }
    Ok(Args::from_json_items(text, ends))
}
