//! The endpoint of the sessions: handshakes, GETs, POSTs and websockets, each handed to its session.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use crier_protocol::{
    Sid,
    engine::{self, PostAnswer, Query, RequestError, Route, SidParam, TransportName},
    websocket::{
        Opcode, append_frame,
        handshake::{self as upgrade, Offer},
    },
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version, header, request::Parts};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use tokio::{net::TcpStream, sync::oneshot};

use super::{
    Response,
    clock::TimedStream,
    closing,
    cors::Cors,
    empty,
    forward::{self, Received},
    full,
    post::{self, BadBody},
};
use crate::{
    io::IoInner,
    metrics,
    session::{
        Handshake, PostOutcome, SessionHandle,
        link::{ConnectionPermit, Link},
        mailbox::Command,
    },
};

/// The connection is cut without an answer: its session ended in the middle of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session ended before the request was answered")]
pub struct Cut;

/// Time that a websocket's 101 has to get through. Default of the write timeout.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(30);

const POLL_TYPE: &str = "text/plain; charset=UTF-8";

pub(crate) async fn handle(
    io: &Arc<IoInner>,
    mut request: Request<Incoming>,
    peer: IpAddr,
) -> Result<Response, Cut> {
    let cors = Cors::judge(&*io.options().origins, request.headers());
    let headers = request.headers();
    let wants = wanted_upgrade(headers);
    if request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        return Ok(cors.preflight());
    }
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    let verdict = if wants == Wanted::Other {
        Err(RequestError::BadRequest)
    } else {
        engine::verify(
            &engine::Request {
                method: request.method().as_str(),
                query: &query,
                is_upgrade: wants == Wanted::WebSocket,
                origin,
                origin_allowed: cors.allowed,
                transports: &io.options().transports,
            },
            |sid| io.session(sid).map(|session| session.transport()),
        )
    };
    if verdict == Err(RequestError::UnknownSid)
        && let SidParam::Sid(sid) = query.sid
        && let Some(forwarder) = io.forwarder().filter(|_| is_elsewhere(io, &request, &sid))
    {
        let upgrade = wants == Wanted::WebSocket;
        let passed = forward::pass(io, forwarder, request, peer, sid.replica());
        // On the heap: most requests are for sessions here, and need not carry it.
        return match Box::pin(passed).await? {
            Some(response) => Ok(response),
            None => Ok(cors.apply(forward::nobody(upgrade))),
        };
    }
    let upgrade = (wants != Wanted::Nothing).then(|| hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    let response = match (verdict, upgrade) {
        (Err(error), None) => Ok(refuse(error, error.json())),
        (Err(error), Some(_)) => Ok(refuse_upgrade(error.status(), error.message())),
        (Ok(Route::Handshake(TransportName::Polling)), _) => {
            Ok(open_polling(io, &parts, peer, query.b64).await)
        }
        (Ok(Route::Handshake(TransportName::WebSocket)), Some(upgrade)) => {
            Ok(open_websocket(io, &parts, peer, query.b64, upgrade).await)
        }
        (Ok(Route::Upgrade(sid)), Some(upgrade)) => Ok(upgrade_session(io, &parts, sid, upgrade)),
        (Ok(Route::Poll(sid)), _) => Ok(poll(io, sid).await),
        (Ok(Route::Post(sid)), _) => post(io, &parts, sid, body).await,
        // `verify` lets a websocket in only where one was asked for.
        (Ok(_), None) => Ok(refuse(RequestError::BadRequest, RequestError::BadRequest.json())),
    };
    response.map(|response| cors.apply(response))
}

/// Whether a session that is unknown here may be another replica's. What came from one is not passed
/// on to a third.
fn is_elsewhere(io: &IoInner, request: &Request<Incoming>, sid: &Sid) -> bool {
    sid.replica() != io.tag()
        && request.extensions().get::<Received>().is_none()
        && matches!(*request.method(), Method::GET | Method::POST)
}

/// What a request wants its connection to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Nothing,
    WebSocket,
    /// Something that is not served: h2c, or a websocket without the word in `Connection`.
    Other,
}

pub(super) fn wants_websocket(headers: &HeaderMap) -> bool {
    wanted_upgrade(headers) == Wanted::WebSocket
}

fn wanted_upgrade(headers: &HeaderMap) -> Wanted {
    let Some(upgrade) = headers.get(header::UPGRADE) else {
        return Wanted::Nothing;
    };
    if upgrade.as_bytes().eq_ignore_ascii_case(b"websocket") {
        Wanted::WebSocket
    } else {
        Wanted::Other
    }
}

fn refuse(error: RequestError, json: impl Into<Bytes>) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    metrics::refused(status);
    full(status, "application/json", json)
}

/// A refused websocket gets its message as text, and its connection ends: what the client sent behind
/// its request must not be taken for another one.
pub(super) fn refuse_upgrade(status: u16, message: &'static str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    metrics::refused(status);
    closing(full(status, "text/html", message))
}

/// Everything that has to agree before a session is made; `Err` is the answer to the request.
async fn admit(io: &IoInner, parts: &Parts, peer: IpAddr) -> Result<HeaderMap, Box<Response>> {
    // A replica that does not hear the others has nothing for a client, and does not know what it missed.
    if io.is_draining() || !io.is_reached_in_time().await {
        return Err(Box::new(busy(StatusCode::SERVICE_UNAVAILABLE)));
    }
    let added = match &io.options().allow_request {
        None => HeaderMap::new(),
        Some(allow) => allow(parts, peer).await.map_err(|message| {
            let body = serde_json::json!({ "code": 4, "message": message }).to_string();
            Box::new(refuse(RequestError::Forbidden, body))
        })?,
    };
    if !io.admit(peer) {
        return Err(Box::new(busy(StatusCode::TOO_MANY_REQUESTS)));
    }
    Ok(added)
}

/// Come back in a moment; the client's own back-off does the rest.
fn busy(status: StatusCode) -> Response {
    metrics::refused(status);
    let mut response = closing(empty(status));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

async fn open_polling(io: &Arc<IoInner>, parts: &Parts, peer: IpAddr, base64: bool) -> Response {
    let added = match admit(io, parts, peer).await {
        Ok(added) => added,
        Err(response) => return *response,
    };
    let options = io.options();
    let websocket = options.transports.contains(&TransportName::WebSocket);
    let upgrades: &[&str] = if websocket && options.allow_upgrades { &["websocket"] } else { &[] };
    let sid = io.new_sid();
    let open = engine::open_packet(&sid, upgrades, &options.limits);
    io.open(sid, Handshake::new(parts, peer), TransportName::Polling, base64, None);
    let mut response = no_store(full(StatusCode::OK, POLL_TYPE, open));
    for (name, value) in &added {
        response.headers_mut().append(name.clone(), value.clone());
    }
    response
}

async fn open_websocket(
    io: &Arc<IoInner>,
    parts: &Parts,
    peer: IpAddr,
    base64: bool,
    on_upgrade: OnUpgrade,
) -> Response {
    let accept = match check(parts) {
        Ok(accept) => accept,
        Err(response) => return *response,
    };
    let added = match admit(io, parts, peer).await {
        Ok(added) => added,
        Err(response) => return closing(*response),
    };
    let handshake = Handshake::new(parts, peer);
    let permit = parts.extensions.get::<ConnectionPermit>().cloned();
    let server = Arc::clone(io);
    io.tasks().spawn(async move {
        let Some((stream, early)) = upgraded(on_upgrade).await else {
            server.known(peer);
            return;
        };
        let sid = server.new_sid();
        let limits = &server.options().limits;
        let mut link = Link::new(stream, &early, limits).with_permit(permit);
        let open = engine::open_packet(&sid, &[], limits);
        let mut frames = Vec::new();
        append_frame(&mut frames, Opcode::Text, open.as_bytes());
        link.queue(&frames);
        server.open(sid, handshake, TransportName::WebSocket, base64, Some(link));
    });
    let mut response = switching(accept);
    response.headers_mut().extend(added);
    response
}

fn upgrade_session(io: &Arc<IoInner>, parts: &Parts, sid: Sid, on_upgrade: OnUpgrade) -> Response {
    let accept = match check(parts) {
        Ok(accept) => accept,
        Err(response) => return *response,
    };
    let Some(session) = io.session(&sid) else {
        return refuse_upgrade(400, RequestError::UnknownSid.message());
    };
    let permit = parts.extensions.get::<ConnectionPermit>().cloned();
    let server = Arc::clone(io);
    io.tasks().spawn(async move {
        if let Some((stream, early)) = upgraded(on_upgrade).await {
            let link = Link::new(stream, &early, &server.options().limits).with_permit(permit);
            session.command(Command::Upgrade(Box::new(link)));
        }
    });
    switching(accept)
}

pub(super) fn check(parts: &Parts) -> Result<upgrade::Accept, Box<Response>> {
    let mut offer = Offer::new(parts.method.as_str(), parts.version == Version::HTTP_11);
    for (name, value) in &parts.headers {
        // A value that is no text is none that a handshake can have.
        if let Ok(value) = value.to_str() {
            offer.header(name.as_str(), value);
        }
    }
    upgrade::check(&offer).map_err(|refusal| {
        let mut response = refuse_upgrade(refusal.status, refusal.message);
        if refusal.status == 426 {
            let version = HeaderValue::from_static("13");
            response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, version);
        }
        Box::new(response)
    })
}

/// The 101.
fn switching(accept: upgrade::Accept) -> Response {
    let mut response = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(key) = HeaderValue::try_from(accept.key) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    }
    if let Some(Ok(protocol)) = accept.protocol.map(HeaderValue::try_from) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

/// The bare stream behind a 101, and what the client sent early.
pub(super) async fn upgraded(on_upgrade: OnUpgrade) -> Option<(TcpStream, Bytes)> {
    let upgraded = tokio::time::timeout(UPGRADE_TIMEOUT, on_upgrade).await.ok()?.ok()?;
    let parts = upgraded.downcast::<TimedStream>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf))
}

async fn poll(io: &IoInner, sid: Sid) -> Response {
    let Some(session) = io.session(&sid) else {
        return unknown();
    };
    let (reply, answer) = oneshot::channel();
    session.command(Command::Poll(reply));
    match answer.await {
        Ok(Ok(body)) => no_store(full(StatusCode::OK, POLL_TYPE, body)),
        Ok(Err(_)) => {
            metrics::refused(StatusCode::BAD_REQUEST);
            empty(StatusCode::BAD_REQUEST)
        }
        // The session ended before it took the GET.
        Err(_) => unknown(),
    }
}

pub(super) fn unknown() -> Response {
    refuse(RequestError::UnknownSid, RequestError::UnknownSid.json())
}

async fn post(io: &IoInner, parts: &Parts, sid: Sid, body: Incoming) -> Result<Response, Cut> {
    let Some(session) = io.session(&sid) else {
        return Ok(unknown());
    };
    if parts.headers.get(header::CONTENT_ENCODING).is_some_and(|e| e.as_bytes() != b"identity") {
        // Nothing is inflated here; the session is not touched.
        metrics::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        return Ok(closing(empty(StatusCode::UNSUPPORTED_MEDIA_TYPE)));
    }
    let (reply, answer) = oneshot::channel();
    let head = io.wants_post_heads().then(|| parts.headers.clone());
    session.command(Command::PostOpened(reply, head));
    // From here the session waits for a body: if the client goes, it has to be told.
    let guard = OpenPost(Some(session));
    match answer.await {
        Ok(PostOutcome::Proceed) => {}
        Ok(PostOutcome::Answer(answer)) => {
            guard.disarm();
            return post_answer(answer);
        }
        Err(_) => {
            guard.disarm();
            return Ok(unknown());
        }
    }
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    if content_type.is_some_and(|kind| kind.as_bytes() == b"application/octet-stream") {
        guard.end(Command::PostIllegal);
        metrics::refused(StatusCode::BAD_REQUEST);
        return Ok(closing(empty(StatusCode::BAD_REQUEST)));
    }
    match post::read(body, io.options().limits.max_payload, io.options().body_timeout).await {
        Ok(body) => {
            let (reply, answer) = oneshot::channel();
            guard.end(Command::PostBody(body, reply));
            match answer.await {
                Ok(PostOutcome::Answer(answer)) => post_answer(answer),
                // The session ended while the body was on its way.
                Ok(PostOutcome::Proceed) | Err(_) => Err(Cut),
            }
        }
        Err(BadBody::TooLarge) => {
            guard.end(Command::PostRefused);
            metrics::refused(StatusCode::PAYLOAD_TOO_LARGE);
            Ok(closing(empty(StatusCode::PAYLOAD_TOO_LARGE)))
        }
        Err(BadBody::Aborted) => Err(Cut),
        Err(BadBody::TooSlow) => {
            metrics::refused(StatusCode::REQUEST_TIMEOUT);
            Ok(closing(empty(StatusCode::REQUEST_TIMEOUT)))
        }
    }
}

fn post_answer(answer: PostAnswer) -> Result<Response, Cut> {
    match answer {
        PostAnswer::Ok => Ok(no_store(full(StatusCode::OK, "text/html", "ok"))),
        PostAnswer::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            metrics::refused(status);
            Ok(empty(status))
        }
        PostAnswer::Cut => Err(Cut),
    }
}

/// A POST whose body is on its way: dropped before its end, the client went away.
struct OpenPost(Option<SessionHandle>);

impl OpenPost {
    /// The session refused it, or has ended.
    fn disarm(mut self) {
        self.0 = None;
    }

    fn end(mut self, command: Command) {
        if let Some(session) = self.0.take() {
            session.command(command);
        }
    }
}

impl Drop for OpenPost {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            session.command(Command::PostAborted);
        }
    }
}

fn no_store(mut response: Response) -> Response {
    let value = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, value);
    response
}
