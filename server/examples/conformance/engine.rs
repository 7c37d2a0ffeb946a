//! Plain Engine.IO: the official suite wants an echo, the client's own tests a little more.

use std::{sync::Arc, time::SystemTime};

use crier_server::{EngineHandler, EngineSocket, Io, Limits, Message, Options};
use http::{HeaderMap, HeaderValue, header::SET_COOKIE};

pub(crate) fn suite() -> Io {
    let options = Options { path: "/engine.io/".to_owned(), ..crate::options(300, 200) };
    Io::engine(options, Echo)
}

struct Echo;

impl EngineHandler for Echo {
    fn on_open(&self, _socket: &EngineSocket) {}

    fn on_message(&self, socket: &EngineSocket, message: Message, _post: Option<&HeaderMap>) {
        socket.send(message);
    }
}

pub(crate) fn client_suite() -> Io {
    let mut options = Options { path: "/engine.io/".to_owned(), ..crate::options(500, 20_000) };
    options.limits = Arc::new(Limits { max_payload: 100, ..(*options.limits).clone() });
    options.allow_request = Some(Arc::new(|parts, _peer| {
        let denied = parts.uri.query().is_some_and(|query| query.contains("deny"));
        let verdict = if denied { Err("Forbidden".to_owned()) } else { Ok(cookies()) };
        Box::pin(std::future::ready(verdict))
    }));
    Io::engine(options, Answers)
}

/// The four kinds of cookie that the client's cookie jar is tested with.
fn cookies() -> HeaderMap {
    let now = httpdate::fmt_http_date(SystemTime::now());
    let expired = format!("4=4; Expires={now}");
    let all = [
        "1=1; Max-Age=86400",
        "2=2; Path=/; HttpOnly; Secure; SameSite=Strict",
        "3=3; Max-Age=0",
        &expired,
    ];
    all.iter()
        .filter_map(|cookie| Some((SET_COOKIE, HeaderValue::try_from(*cookie).ok()?)))
        .collect()
}

struct Answers;

impl EngineHandler for Answers {
    fn on_open(&self, socket: &EngineSocket) {
        socket.send(Message::Text("hi".into()));
    }

    fn on_message(&self, socket: &EngineSocket, message: Message, post: Option<&HeaderMap>) {
        let answer = match &message {
            Message::Text(text) if text == "give binary" => {
                Message::Binary(vec![0, 1, 2, 3, 4].into())
            }
            Message::Text(text) if text == "give utf8" => {
                Message::Text("пойду спать всем спокойной ночи".into())
            }
            Message::Text(text) if text == "sendHeaders" => Message::Text(headers(post).into()),
            _ => message,
        };
        socket.send(answer);
    }
}

fn headers(post: Option<&HeaderMap>) -> String {
    let all = post.into_iter().flatten();
    let json: serde_json::Map<String, serde_json::Value> = all
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.into())))
        .collect();
    serde_json::Value::Object(json).to_string()
}
