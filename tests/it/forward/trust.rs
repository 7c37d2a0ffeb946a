//! The way of other replicas is theirs alone: whatever else comes there is refused, and nothing is done.

use std::time::{Duration, SystemTime};

use crier_server::{Options, cluster::Seal};
use http::{Request, header::HeaderValue, request::Parts};
use tests::raw::{Polling, Response, WAIT, Wire, eventually};

use super::rig::{One, Proxy, SECRET, two};

/// A POST of `4` + an echo to a session, as another replica passes it on.
fn head(sid: &str) -> Parts {
    let target = format!("/forward/socket.io/?EIO=4&transport=polling&sid={sid}");
    let request = Request::post(target).header("host", "a").header("crier-client", "127.0.0.1");
    request.body(()).unwrap().into_parts().0
}

fn signed(mut head: Parts, secret: &[u8], age: i64) -> Parts {
    let age_of = Duration::from_secs(age.unsigned_abs());
    let now = SystemTime::now();
    let then = if age < 0 { now + age_of } else { now - age_of };
    Seal::new([secret]).sign(&mut head, then);
    head
}

fn send(replica: &One, head: &Parts) -> Response {
    let mut wire = Wire::connect(replica.internal);
    let mut text = format!("{} {} HTTP/1.1\r\n", head.method, head.uri);
    for (name, value) in &head.headers {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    wire.send(format!("{text}Content-Length: 12\r\n\r\n421[\"echo\",1"));
    wire.response()
}

#[test]
fn only_what_a_replica_signed_is_done() {
    let (one, _two) = two();
    let session = Polling::connect(one.sockets);
    let head = || head(&session.sid);
    let good = || signed(head(), SECRET, 0);
    let changed = |change: fn(&mut Parts)| {
        let mut head = good();
        change(&mut head);
        head
    };
    for (what, head) in [
        ("unsigned", head()),
        ("by another secret", signed(head(), b"some other secret that somebody has got", 0)),
        ("too old", signed(head(), SECRET, 32)),
        ("of the future", signed(head(), SECRET, -32)),
        ("another method", changed(|head| head.method = http::Method::PUT)),
        (
            "another session",
            changed(|head| {
                head.uri = head.uri.to_string().replace("sid=", "sid=A").parse().unwrap();
            }),
        ),
        (
            "another client",
            changed(|head| {
                head.headers.insert("crier-client", HeaderValue::from_static("127.0.0.2"));
            }),
        ),
        (
            "another page",
            changed(|head| {
                head.headers.insert("origin", HeaderValue::from_static("http://localhost"));
            }),
        ),
    ] {
        assert_eq!(send(&one, &head).expect_status(401).text(), "Unauthorized", "{what}");
        session.expect_alive();
    }
    // What is signed is done: this is no packet, and ends the session.
    send(&one, &good());
    session.expect_gone();
}

#[test]
fn what_was_overheard_is_not_done_again() {
    let (one, two) = two();
    let wire = Proxy::to(&[one.internal]);
    one.known_through(wire.address, &two);
    let session = Polling::connect(one.sockets);
    session.at(two.sockets).post("423[\"echo\",1]").expect_status(200);
    assert_eq!(session.poll().text(), "433[1]");
    let overheard = eventually(WAIT, || {
        let sent = wire.sent.lock().unwrap().concat();
        if sent.ends_with(b"[\"echo\",1]") { Ok(sent) } else { Err("not all there".into()) }
    });
    let mut again = Wire::connect(one.internal);
    again.send(&overheard);
    again.response().expect_status(401);
    // Were it done, this would come first.
    session.expect_alive();
}

#[test]
fn what_made_its_hop_is_not_passed_on() {
    let (one, two) = two();
    let session = Polling::connect(one.sockets);
    // To the second one, by a replica that mistakes it for the owner.
    send(&two, &signed(head(&session.sid), SECRET, 0)).expect_refusal(1);
    // A list that leads in a circle.
    one.replicas.set([two.entry(one.internal)]);
    let target = format!("{}{}", two.tag.as_str(), "A".repeat(22));
    let mut wire = Wire::connect(one.sockets);
    wire.send(format!(
        "GET /socket.io/?EIO=4&transport=polling&sid={target} HTTP/1.1\r\nHost: a\r\n\r\n"
    ));
    wire.response().expect_refusal(1);
    session.expect_alive();
}

#[test]
fn nobody_names_a_client_but_the_replica_that_saw_it() {
    let (one, two) = two();
    let wire = Proxy::to(&[one.internal]);
    one.known_through(wire.address, &two);
    let session = Polling::connect(one.sockets);
    let there = session.at(two.sockets);
    let lies = "Crier-Client: 6.6.6.6\r\nCrier-Seal: 1.2.3\r\nConnection: crier-client\r\n";
    there.post_with(lies, "423[\"echo\",1]").expect_status(200);
    let sent = String::from_utf8(wire.sent.lock().unwrap().concat()).unwrap();
    assert!(sent.contains("crier-client: 127.0.0.2\r\n"), "{sent}");
    assert!(!sent.contains("6.6.6.6") && !sent.contains("1.2.3\r\n"), "{sent}");
}

#[test]
fn replicas_with_other_secrets_do_not_work_together() {
    let one = One::start(1, SECRET, Options::default());
    let two = One::start(2, b"the secret of another cluster, by mistake", Options::default());
    let all = [one.entry(one.internal), two.entry(two.internal)];
    two.replicas.set(all);
    let session = Polling::connect(one.sockets);
    let there = session.at(two.sockets);
    there.post("421[\"echo\",1]").expect_refusal(1);
    there.start_poll().response().expect_refusal(1);
    session.expect_alive();
}

#[test]
fn a_server_alone_has_no_such_way() {
    let (one, _two) = two();
    let head = signed(head(&"A".repeat(26)), SECRET, 0);
    send(&one, &head).expect_refusal(1);
    // Nothing but sessions is there.
    for (path, status) in [
        ("/forward/metrics", 404),
        ("/forward/socket.io", 404),
        // Not on that way, so that Host counts.
        ("/forward", 421),
        ("/forwards", 421),
    ] {
        let mut head = head.clone();
        head.uri = path.parse().unwrap();
        head.method = http::Method::GET;
        let head = signed(head, SECRET, 0);
        assert_eq!(send(&one, &head).status, status, "{path}");
    }
    let alone = One::run(0, Options::default(), |_, _| None);
    send(&alone, &signed(head, SECRET, 0)).expect_status(401);
}
