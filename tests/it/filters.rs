//! Events that only some of the sockets in their rooms get.

use crier_domain::{App, Class, Filter, Publish, UserId};
use crier_server::{Badge, Options, Who, bus::LocalBus};
use serde::Deserialize;
use tests::raw::WebSocket;

use crate::server::Server;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Credentials {
    bits: u64,
    owner: Option<String>,
    room: Option<String>,
}

/// A server whose clients say themselves what they are.
fn server() -> Server {
    let server = Server::start(Options::default());
    server.io.main().use_middleware(|socket| async move {
        let Credentials { bits, owner, room } = socket.auth().get().unwrap();
        socket.set_badge(Badge { bits, owner: owner.map(Into::into) });
        if let Some(room) = room {
            socket.join(room).unwrap();
        }
        Ok(())
    });
    server
}

fn client(server: &Server, auth: &str) -> WebSocket {
    let mut client = WebSocket::open(server.address);
    client.send(format!("40{auth}"));
    assert!(client.text().starts_with("40{"));
    client
}

#[test]
fn a_filter_lets_some_of_a_room_have_an_event() {
    let server = server();
    let main = server.io.main();
    let mut nobody = client(&server, r#"{"room":"a"}"#);
    let mut ann = client(&server, r#"{"room":"a","bits":3,"owner":"ann"}"#);
    let mut elsewhere = client(&server, r#"{"bits":3,"owner":"ann"}"#);
    let who = |all, owners: &[&str]| Who {
        all,
        owners: owners.iter().map(|owner| Box::from(*owner)).collect(),
        ..Who::default()
    };
    main.to("a").only(who(2, &[])).emit("bits", &1).unwrap();
    main.to("a").only(who(0, &["ann", "bob"])).emit("owner", &1).unwrap();
    main.to("a").only(Who { none: 1, ..Who::default() }).emit("none", &1).unwrap();
    main.emit("all", &1).unwrap();
    for (client, expected) in [
        (&mut nobody, &["none", "all"][..]),
        (&mut ann, &["bits", "owner", "all"]),
        (&mut elsewhere, &["all"]),
    ] {
        for event in expected {
            client.expect(&format!(r#"42["{event}",1]"#));
        }
        client.expect_alive();
    }
}

#[test]
fn a_badge_may_change_while_its_socket_is_connected() {
    let server = server();
    let main = server.io.main();
    let mut ann = client(&server, r#"{"bits":1}"#);
    let only = || main.everyone().only(Who { all: 2, ..Who::default() });
    only().emit("before", &1).unwrap();
    let socket = main.everyone();
    let id = server.runtime.block_on(socket.fetch_sockets())[0].id;
    let socket = main.socket(&id).unwrap();
    assert_eq!(socket.badge(), Badge { bits: 1, owner: None });
    socket.set_badge(Badge { bits: 2, owner: None });
    only().emit("after", &1).unwrap();
    ann.expect(r#"42["after",1]"#);
}

fn event(name: &str) -> Publish {
    Publish {
        namespace: crier_protocol::Namespace::MAIN,
        event: name.to_owned(),
        args: crier_domain::Args::default(),
        rooms: vec!["a".into()],
        except: Vec::new(),
        class: Class::Ephemeral,
        key: None,
        volatile: false,
        filter: Filter::default(),
        everyone_up_to: None,
        settle: None,
        idempotency: None,
    }
}

#[test]
fn the_bus_sends_to_whom_the_product_means() {
    let server = server();
    let bus = LocalBus::new(server.io.clone());
    let publish = |event| server.runtime.block_on(async { bus.send(event) }).unwrap();
    let ann = UserId::parse("ann").unwrap();
    let mut in_room = client(&server, r#"{"room":"a","owner":"ann"}"#);
    let mut outside = client(&server, "{}");
    let filter = Filter { app: Some(App::Shop), users: vec![ann], ..Filter::default() };
    publish(Publish { filter: filter.clone(), ..event("to ann") });
    publish(Publish { filter: Filter { signed_in: true, ..filter }, ..event("signed in") });
    publish(Publish { everyone_up_to: Some(2), ..event("few") });
    publish(Publish { everyone_up_to: Some(1), ..event("many") });
    for (client, expected) in
        [(&mut in_room, &["to ann", "few", "many"][..]), (&mut outside, &["few"])]
    {
        for event in expected {
            client.expect(&format!(r#"42["{event}"]"#));
        }
        client.expect_alive();
    }
}

#[test]
fn of_a_state_that_flaps_the_newest_is_sent() {
    let server = server();
    let bus = LocalBus::new(server.io.clone());
    let mut client = client(&server, r#"{"room":"a"}"#);
    let publish = |name: &str| {
        let (key, settle) = (Some("s".to_owned()), Some(std::time::Duration::from_millis(50)));
        let event = Publish { key, settle, ..event(name) };
        server.runtime.block_on(async { bus.send(event) }).unwrap();
    };
    for name in ["offline", "online", "offline again"] {
        publish(name);
    }
    client.expect(r#"42["offline again"]"#);
    client.expect_alive();
}
