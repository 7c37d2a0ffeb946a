//! Which requests are let in, and how a session begins.

use std::{cell::Cell, iter, time::Duration};

use crier_protocol::{
    Limits, Sid,
    engine::{Query, Request, RequestError, Route, SidParam, TransportName, open_packet, verify},
};

use crate::vectors::check;

const BOTH: &[TransportName] = &[TransportName::Polling, TransportName::WebSocket];

/// The sessions of the vectors: one on polling, one on a websocket, one on its way there.
fn find(sid: &Sid) -> Option<TransportName> {
    match sid.as_str().chars().next()? {
        'P' | 'U' => Some(TransportName::Polling),
        'W' => Some(TransportName::WebSocket),
        _ => None,
    }
}

fn request<'a>(method: &'a str, query: &'a Query) -> Request<'a> {
    Request {
        method: if method == "UPGRADE" { "GET" } else { method },
        query,
        is_upgrade: method == "UPGRADE",
        origin: None,
        origin_allowed: true,
        transports: BOTH,
    }
}

#[test]
fn handshake_vectors() {
    check("engine_handshake.txt", |input| {
        let line = std::str::from_utf8(input).unwrap();
        let (method, query) = line.split_once(' ').unwrap_or((line, ""));
        let query = Query::parse(query);
        vec![match verify(&request(method, &query), find) {
            Ok(Route::Handshake(transport)) => format!("handshake {}", transport.as_str()),
            Ok(Route::Poll(sid)) => format!("poll {}", sid.as_str()),
            Ok(Route::Post(sid)) => format!("post {}", sid.as_str()),
            Ok(Route::Upgrade(sid)) => format!("upgrade {}", sid.as_str()),
            Err(error) => format!("{} {}", error.status(), error.json()),
        }]
    });
}

#[test]
fn a_malformed_sid_is_refused_without_a_lookup() {
    for sid in ["A".repeat(1_000_000), "__proto__".into(), "%00".repeat(26)] {
        let query = Query::parse(&format!("EIO=4&transport=polling&sid={sid}"));
        assert_eq!(query.sid, SidParam::Malformed);
        let asked = Cell::new(false);
        let answer = verify(&request("GET", &query), |_| {
            asked.set(true);
            None
        });
        assert_eq!(answer, Err(RequestError::UnknownSid));
        assert!(!asked.get());
    }
}

#[test]
fn a_million_parameters_cost_one_pass() {
    let raw: String = iter::repeat_n("EIO=4&transport=polling&sid=__proto__&", 30_000).collect();
    let query = Query::parse(&raw);
    // Several of either are none.
    assert!(!query.is_v4);
    assert_eq!(query.transport, None);
}

#[test]
fn the_flag_for_clients_without_binary_is_kept() {
    assert!(Query::parse("b64=1").b64);
    assert!(!Query::parse("b64=").b64);
    assert!(!Query::parse("EIO=4").b64);
}

#[test]
fn a_transport_that_is_off_is_unknown() {
    let query = Query::parse("EIO=4&transport=polling");
    let request = Request { transports: &[TransportName::WebSocket], ..request("GET", &query) };
    assert_eq!(verify(&request, find), Err(RequestError::UnknownTransport));
}

#[test]
fn a_foreign_origin_is_forbidden_on_every_way_in() {
    let sid = "P".repeat(26);
    for (method, query) in [
        ("GET", "EIO=4&transport=polling".to_owned()),
        ("UPGRADE", "EIO=4&transport=websocket".to_owned()),
        ("GET", format!("EIO=4&transport=polling&sid={sid}")),
        ("POST", format!("EIO=4&transport=polling&sid={sid}")),
        ("UPGRADE", format!("EIO=4&transport=websocket&sid={sid}")),
    ] {
        let query = Query::parse(&query);
        let request = Request {
            origin: Some(b"https://evil.test"),
            origin_allowed: false,
            ..request(method, &query)
        };
        assert_eq!(verify(&request, find), Err(RequestError::Forbidden));
    }
}

#[test]
fn an_origin_with_control_characters_is_a_bad_request() {
    for origin in [&b"http://a\x7f"[..], b"\0", b"a\nb"] {
        let query = Query::parse("EIO=4&transport=polling");
        let request = Request { origin: Some(origin), ..request("POST", &query) };
        assert_eq!(verify(&request, find), Err(RequestError::BadRequest), "before the method");
    }
}

#[test]
fn faults_are_found_in_the_references_order() {
    // Each request has the fault of its line and all of those below it.
    let faulty = |query: &str, origin: Option<&'static [u8]>| {
        let query = Query::parse(query);
        let request = Request { origin, origin_allowed: false, ..request("PUT", &query) };
        verify(&request, find)
    };
    use RequestError::*;
    assert_eq!(faulty("EIO=3&transport=x&sid=x", Some(b"\0")), Err(UnknownTransport));
    assert_eq!(faulty("EIO=3&transport=polling&sid=x", Some(b"\0")), Err(BadRequest));
    assert_eq!(faulty("EIO=3&transport=polling&sid=x", None), Err(UnknownSid));
    assert_eq!(faulty("EIO=3&transport=polling", None), Err(BadMethod));
    let query = Query::parse("EIO=3&transport=polling");
    let foreign = Request { origin_allowed: false, ..request("GET", &query) };
    assert_eq!(verify(&foreign, find), Err(Forbidden));
    assert_eq!(verify(&request("GET", &query), find), Err(UnsupportedVersion));
}

#[test]
fn the_three_forms_of_an_error_agree() {
    for (number, error) in RequestError::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(error.code()), number);
        let json: serde_json::Value = serde_json::from_str(error.json()).unwrap();
        assert_eq!(json["code"], number);
        assert_eq!(json["message"], error.message());
    }
}

#[test]
fn the_open_packet_has_five_keys_in_this_order() {
    let sid = Sid::parse("abcdEFGHijklMNOPqrst0123-_").unwrap();
    assert_eq!(
        open_packet(&sid, &["websocket"], &Limits::default()),
        r#"0{"sid":"abcdEFGHijklMNOPqrst0123-_","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
    );
    let suite = Limits {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    assert_eq!(
        open_packet(&sid, &[], &suite),
        r#"0{"sid":"abcdEFGHijklMNOPqrst0123-_","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#
    );
}
