//! What is taken back while somebody is on the way in holds all the same.

use std::sync::Arc;

use crier_domain::{
    Identity, Role, RoomName, UserId,
    dialect::marketplace::{Links, Marketplace},
    service::{
        chat::{Actor, Kind, NewChat},
        once::Outcome,
    },
};
use serde_json::json;

use super::rig::{Live, Setup};

#[derive(Debug)]
struct Bare;

impl Links for Bare {
    fn signed(&self, path: String) -> String {
        path
    }
}

fn user(name: &str) -> Actor {
    Actor::user(&Identity {
        user: UserId::parse(name).unwrap(),
        role: Role::User,
        email: None,
        name: None,
        avatar: None,
        is_verified: false,
        user_type: None,
        rooms: Vec::new(),
        expires_at: None,
        issued_at: None,
    })
}

#[test]
fn a_grant_that_is_withdrawn_while_the_room_is_joined() {
    let live = Live::start(Setup::default());
    let (room, ann) = (RoomName::parse("group:5").unwrap(), UserId::parse("ann").unwrap());
    let services = Arc::clone(&live.context.services);
    live.runtime.block_on(services.grants.put(&room, &ann, None)).unwrap();
    let mut client = live.user("ann");
    live.meanwhile("group:5", async move {
        services.grants.delete(&room, &ann).await.unwrap();
    });
    let answer = client.call("subscribe", &json!({ "channel": "group_5" }));
    assert_eq!(answer, json!({ "error": "Access denied" }));
    assert!(!live.has_room("group:5"));
}

#[test]
fn a_participant_who_is_removed_while_the_room_is_joined() {
    let live = Live::start(Setup::default());
    let (ann, ben) = (user("ann"), user("ben"));
    let services = Arc::clone(&live.context.services);
    let voice = Marketplace::new(Arc::new(Bare));
    let members = vec![ann.party.clone(), ben.party.clone()];
    let new = NewChat { kind: Kind::Group, members, title: None, metadata: None, about: None };
    let opened = live.runtime.block_on(services.chat.open(&voice, &ann, new, None, None)).unwrap();
    let Outcome::Done(opened) = opened else { panic!("it is new") };
    let chat = opened.chat.id;
    let mut client = live.user("ben");
    live.meanwhile(&chat.to_string(), async move {
        services.chat.remove(&voice, &ann, chat, &ben.party).await.unwrap();
    });
    let answer = client.call("join-chat-room", &json!(chat.to_string()));
    assert_eq!(answer, json!({ "error": "Access denied" }));
    assert!(!live.has_room(&format!("chat-{chat}")));
}

#[test]
fn a_grant_that_is_withdrawn_while_the_user_comes_back() {
    let live = Live::start(Setup::default());
    let (five, six) = (RoomName::parse("group:5").unwrap(), RoomName::parse("group:6").unwrap());
    let ann = UserId::parse("ann").unwrap();
    let services = Arc::clone(&live.context.services);
    for room in [&five, &six] {
        live.runtime.block_on(services.grants.put(room, &ann, None)).unwrap();
    }
    let mut client = live.user("ann");
    for channel in ["group_5", "group_6"] {
        let answer = client.call("subscribe", &json!({ "channel": channel }));
        assert_eq!(answer["ok"], json!(true));
    }
    drop(client);
    // Both are restored; one is taken back when it has been joined, and before the socket is let in.
    live.meanwhile("group:6", async move {
        services.grants.delete(&five, &ann).await.unwrap();
    });
    let mut client = live.user("ann");
    // Answered once its connect handlers are done.
    client.events();
    assert!(live.has_room("group:6") && !live.has_room("group:5"));
}
