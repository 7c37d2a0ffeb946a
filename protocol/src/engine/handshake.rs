//! Which requests are let in, and the packet that a session begins with.

use percent_encoding::percent_decode_str;
use smallvec::SmallVec;

use crate::{Limits, Sid};

/// How a session is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportName {
    /// HTTP long-polling: a held GET down, POSTs up.
    Polling,
    /// A websocket.
    WebSocket,
}

impl TransportName {
    /// The name in the query string and in `upgrades`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

/// What Engine.IO reads of a query string. Everything else in it is for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Whether `EIO` is exactly `4`, and there once: anything else means revision 3.
    pub is_v4: bool,
    /// `transport`; `None` if absent or unknown.
    pub transport: Option<TransportName>,
    /// `sid`.
    pub sid: SidParam,
    /// `b64` is there and not empty: the client cannot take binary websocket messages.
    pub b64: bool,
    /// `j` is there: the client asks for JSONP.
    pub jsonp: bool,
}

/// The `sid` of a query string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SidParam {
    /// Not there, or empty: a new session is asked for.
    #[default]
    Absent,
    /// Of a shape that no session has; the table of sessions is not asked.
    Malformed,
    /// Perhaps a session's.
    Sid(Sid),
}

impl Query {
    /// Reads a raw query string, without its `?`, in one pass and without memory of its own.
    ///
    /// Names and values are percent-decoded; a `+` stays, as no value that is looked for has a space.
    /// The first of several values counts, but two `EIO` are no revision and two `transport` no transport
    /// at all, as in the reference.
    pub fn parse(raw: &str) -> Self {
        let mut query = Self::default();
        let (mut eios, mut transports, mut sids) = (0_usize, 0_usize, 0_usize);
        for pair in raw.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match Name::parse(name) {
                None => {}
                Some(Name::Eio) => {
                    eios += 1;
                    query.is_v4 = eios == 1 && is(value, "4");
                }
                Some(Name::Transport) => {
                    transports += 1;
                    query.transport = [TransportName::Polling, TransportName::WebSocket]
                        .into_iter()
                        .find(|transport| transports == 1 && is(value, transport.as_str()));
                }
                Some(Name::Sid) => {
                    sids += 1;
                    if sids == 1 {
                        query.sid = SidParam::parse(value);
                    }
                }
                Some(Name::B64) => query.b64 |= !value.is_empty(),
                Some(Name::Jsonp) => query.jsonp = true,
            }
        }
        query
    }
}

impl SidParam {
    fn parse(value: &str) -> Self {
        if value.is_empty() {
            return Self::Absent;
        }
        // One byte more than a sid has is enough to see that this is none.
        let bytes: SmallVec<[u8; 32]> = percent_decode_str(value).take(Sid::LEN + 1).collect();
        std::str::from_utf8(&bytes).ok().and_then(Sid::parse).map_or(Self::Malformed, Self::Sid)
    }
}

/// A parameter that Engine.IO knows.
enum Name {
    Eio,
    Transport,
    Sid,
    B64,
    Jsonp,
}

impl Name {
    fn parse(name: &str) -> Option<Self> {
        [
            ("EIO", Self::Eio),
            ("transport", Self::Transport),
            ("sid", Self::Sid),
            ("b64", Self::B64),
            ("j", Self::Jsonp),
        ]
        .into_iter()
        .find_map(|(known, parsed)| is(name, known).then_some(parsed))
    }
}

/// Whether `raw`, percent-decoded, is `expected`; stops at the first byte that differs.
fn is(raw: &str, expected: &str) -> bool {
    percent_decode_str(raw).eq(expected.bytes())
}

/// A request on the Engine.IO path.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, in capitals as HTTP has it.
    pub method: &'a str,
    /// Its query.
    pub query: &'a Query,
    /// Whether it asks for a websocket.
    pub is_upgrade: bool,
    /// The `Origin` header as it came.
    pub origin: Option<&'a [u8]>,
    /// Whether pages of that origin may connect; true if there is no `Origin`.
    pub origin_allowed: bool,
    /// The transports that the server has on.
    pub transports: &'a [TransportName],
}

/// Where a request that was let in goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// A new session on this transport; authentication is still to be done.
    Handshake(TransportName),
    /// A GET of a polling session.
    Poll(Sid),
    /// A POST of a polling session.
    Post(Sid),
    /// A websocket for a polling session.
    Upgrade(Sid),
}

/// Decides on a request, in the reference's order (`engine.io` 6.6.11 `lib/server.ts`: `verify`, then
/// `handshake`), so that a request with several faults gets the same code.
///
/// `find` looks a session's transport up; it is called at most once, and only with a sid of the right shape.
///
/// A websocket for a session that has or is getting one is let in and closed after its 101, as in the
/// reference: before it, a client would see a failure where it expects a close.
///
/// It departs from Node so: a websocket with `transport=polling` is refused before the 101; methods
/// other than GET and POST are code 2 with a sid too (Node: 500); JSONP is not served.
///
/// # Errors
///
/// What to answer with: [`RequestError::status`] and [`RequestError::json`], or, where a websocket was
/// asked for, 400 and [`RequestError::message`] as text.
pub fn verify(
    request: &Request<'_>,
    find: impl FnOnce(&Sid) -> Option<TransportName>,
) -> Result<Route, RequestError> {
    let query = request.query;
    let transport = query
        .transport
        .filter(|transport| request.transports.contains(transport))
        .ok_or(RequestError::UnknownTransport)?;
    if request.origin.is_some_and(|origin| origin.iter().any(is_illegal_in_header)) {
        return Err(RequestError::BadRequest);
    }

    let route = match query.sid {
        SidParam::Absent => new_session(request, transport)?,
        SidParam::Malformed => return Err(RequestError::UnknownSid),
        SidParam::Sid(sid) => {
            let current = find(&sid).ok_or(RequestError::UnknownSid)?;
            known_session(request, transport, sid, current)?
        }
    };
    if !request.origin_allowed {
        return Err(RequestError::Forbidden);
    }
    if !query.is_v4 {
        return Err(RequestError::UnsupportedVersion);
    }
    if query.jsonp && transport == TransportName::Polling {
        return Err(RequestError::BadRequest);
    }
    Ok(route)
}

fn new_session(request: &Request<'_>, transport: TransportName) -> Result<Route, RequestError> {
    if request.method != "GET" {
        return Err(RequestError::BadMethod);
    }
    if request.is_upgrade != (transport == TransportName::WebSocket) {
        return Err(RequestError::BadRequest);
    }
    Ok(Route::Handshake(transport))
}

fn known_session(
    request: &Request<'_>,
    transport: TransportName,
    sid: Sid,
    current: TransportName,
) -> Result<Route, RequestError> {
    let websocket = transport == TransportName::WebSocket;
    if request.is_upgrade != websocket
        // A websocket session has nothing to poll.
        || !websocket && current != TransportName::Polling
        // All of a session speaks one revision: mixing them was the end of the process in engine.io
        // 6.6.9.
        || !request.query.is_v4
    {
        return Err(RequestError::BadRequest);
    }
    match (request.method, websocket) {
        ("GET", true) => Ok(Route::Upgrade(sid)),
        ("GET", false) => Ok(Route::Poll(sid)),
        ("POST", false) => Ok(Route::Post(sid)),
        _ => Err(RequestError::BadMethod),
    }
}

/// Node's `checkInvalidHeaderChar`.
fn is_illegal_in_header(byte: &u8) -> bool {
    !matches!(byte, b'\t' | 0x20..=0x7e | 0x80..)
}

/// Why a request is refused. The numbers and words are the reference's (`engine.io` 6.6.11
/// `lib/server.ts`, `errorMessages`), and clients compare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestError {
    /// No such transport, or it is off.
    UnknownTransport = 0,
    /// No such session, or no more.
    UnknownSid = 1,
    /// A method that the request cannot have.
    BadMethod = 2,
    /// The request does not fit the session or itself.
    BadRequest = 3,
    /// The origin, or whoever asks, may not connect.
    Forbidden = 4,
    /// Not revision 4.
    UnsupportedVersion = 5,
}

impl RequestError {
    /// Every error, for tables and metrics.
    pub const ALL: [Self; 6] = [
        Self::UnknownTransport,
        Self::UnknownSid,
        Self::BadMethod,
        Self::BadRequest,
        Self::Forbidden,
        Self::UnsupportedVersion,
    ];

    /// The number in the answer.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The words in the answer.
    pub fn message(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSid => "Session ID unknown",
            Self::BadMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedVersion => "Unsupported protocol version",
        }
    }

    /// The HTTP status of the answer.
    pub fn status(self) -> u16 {
        if self == Self::Forbidden { 403 } else { 400 }
    }

    /// The body of the answer, `application/json`, byte for byte as Node has it.
    pub fn json(self) -> &'static str {
        match self {
            Self::UnknownTransport => r#"{"code":0,"message":"Transport unknown"}"#,
            Self::UnknownSid => r#"{"code":1,"message":"Session ID unknown"}"#,
            Self::BadMethod => r#"{"code":2,"message":"Bad handshake method"}"#,
            Self::BadRequest => r#"{"code":3,"message":"Bad request"}"#,
            Self::Forbidden => r#"{"code":4,"message":"Forbidden"}"#,
            Self::UnsupportedVersion => r#"{"code":5,"message":"Unsupported protocol version"}"#,
        }
    }
}

impl std::fmt::Display for RequestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for RequestError {}

/// The packet that a session begins with: `0` and its settings, these five in this order.
///
/// `upgrades` are the names of the transports that the client may move to: `["websocket"]` on
/// polling, nothing on a websocket.
pub fn open_packet(sid: &Sid, upgrades: &[&str], limits: &Limits) -> String {
    let upgrades: Vec<String> = upgrades.iter().map(|name| format!("\"{name}\"")).collect();
    format!(
        r#"0{{"sid":"{sid}","upgrades":[{upgrades}],"pingInterval":{interval},"pingTimeout":{timeout},"maxPayload":{max}}}"#,
        sid = sid.as_str(),
        upgrades = upgrades.join(","),
        interval = limits.ping_interval.as_millis(),
        timeout = limits.ping_timeout.as_millis(),
        max = limits.max_payload,
    )
}
