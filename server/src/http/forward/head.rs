//! The heads of requests and answers on their way: what is meant for the other end goes along, what is
//! between two neighbours does not (RFC 9110, 7.6.1).

use std::net::IpAddr;

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri, Version,
    header::{
        CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
        TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
    request, response,
};

use super::PATH;

/// The address of the client.
pub(super) const CLIENT: HeaderName = HeaderName::from_static("crier-client");

/// Names that only replicas may use.
const OURS: &str = "crier-";

/// Between neighbours, besides what `Connection` names.
const BETWEEN_NEIGHBOURS: [HeaderName; 11] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    // The body's length is said anew, and who passes it on has asked for it already.
    CONTENT_LENGTH,
    EXPECT,
];

/// A client's request as its owner gets it; `None` if its target cannot be one behind our prefix.
pub(super) fn outgoing(
    parts: &request::Parts,
    client: IpAddr,
    upgrade: bool,
) -> Option<request::Parts> {
    let target = parts.uri.path_and_query()?.as_str();
    let uri: Uri = format!("{PATH}{target}").parse().ok()?;
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = parts.method.clone();
    head.uri = uri;
    head.version = Version::HTTP_11;
    head.headers = parts.headers.clone();
    strip(&mut head.headers);
    let ours = head.headers.keys().filter(|name| name.as_str().starts_with(OURS));
    for name in ours.cloned().collect::<Vec<_>>() {
        head.headers.remove(name);
    }
    if upgrade {
        upgrades(&mut head.headers);
    }
    // Only HTTP/1.0 goes without; one of ours in its place would be of another meaning.
    head.headers.entry(HOST).or_insert(HeaderValue::from_static(""));
    head.headers.insert(CLIENT, HeaderValue::try_from(client.to_string()).ok()?);
    Some(head)
}

/// An owner's answer as the client gets it.
pub(super) fn to_client(head: &mut response::Parts, upgrade: bool) {
    let ends = tokens(&head.headers).any(|token| token.eq_ignore_ascii_case("close"));
    let length = head.headers.get(CONTENT_LENGTH).cloned();
    strip(&mut head.headers);
    head.version = Version::HTTP_11;
    head.extensions.clear();
    if upgrade {
        upgrades(&mut head.headers);
        return;
    }
    if let Some(length) = length {
        head.headers.insert(CONTENT_LENGTH, length);
    }
    if ends {
        // The owner did not read the request to its end, so what follows of it is no new one.
        head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

fn upgrades(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = tokens(headers).filter_map(|token| token.parse().ok()).collect();
    // A client that calls Host or Origin its own does not get rid of them.
    for name in named.iter().filter(|name| !is_end_to_end(name)).chain(&BETWEEN_NEIGHBOURS) {
        headers.remove(name);
    }
}

fn is_end_to_end(name: &HeaderName) -> bool {
    use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, ORIGIN};
    [HOST, ORIGIN, AUTHORIZATION, COOKIE, CONTENT_TYPE, CONTENT_ENCODING].contains(name)
        || name.as_str().starts_with("sec-websocket-")
}

fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[(&'static str, &'static str)], upgrade: bool) -> Vec<String> {
        let mut request = http::Request::get("http://a/socket.io/?sid=1&t=%20#x");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let head = outgoing(&parts, "::1".parse().unwrap(), upgrade).unwrap();
        assert_eq!(head.uri, "/forward/socket.io/?sid=1&t=%20");
        let line = |(n, v): (&HeaderName, &HeaderValue)| format!("{n}: {}", v.to_str().unwrap());
        let mut lines: Vec<_> = head.headers.iter().map(line).collect();
        lines.sort();
        lines
    }

    #[test]
    fn what_is_for_the_owner_goes_along() {
        let client = "crier-client: ::1";
        for (lines, expected) in [
            (&[][..], &[client, "host: "][..]),
            (&[("host", "h"), ("origin", "o")], &[client, "host: h", "origin: o"]),
            (&[("x", "1"), ("x", "2"), ("host", "h")], &[client, "host: h", "x: 1", "x: 2"]),
            (
                &[("crier-client", "6.6.6.6"), ("crier-seal", "s"), ("host", "")],
                &[client, "host: "],
            ),
            (&[("connection", "x, close"), ("x", "1"), ("y", "2")], &[client, "host: ", "y: 2"]),
            (
                &[("connection", "origin, host"), ("origin", "o"), ("host", "h")],
                &[client, "host: h", "origin: o"],
            ),
            (
                &[("te", "x"), ("content-length", "5"), ("expect", "100-continue")],
                &[client, "host: "],
            ),
            (&[("transfer-encoding", "chunked"), ("upgrade", "h2c")], &[client, "host: "]),
        ] {
            assert_eq!(sent(lines, false), expected, "{lines:?}");
        }
        assert_eq!(
            sent(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")], true),
            ["connection: Upgrade", client, "host: ", "upgrade: websocket"]
        );
    }

    #[test]
    fn the_end_of_a_connection_is_passed_on() {
        for (connection, expected) in [("keep-alive", None), ("x, Close", Some("close"))] {
            let response = http::Response::builder().header("connection", connection);
            let response = response.header("content-length", "2").header("vary", "Origin");
            let (mut head, ()) = response.body(()).unwrap().into_parts();
            to_client(&mut head, false);
            let got = head.headers.get(CONNECTION).map(|value| value.to_str().unwrap());
            assert_eq!((got, head.headers.len()), (expected, 2 + usize::from(expected.is_some())));
        }
    }
}
