//! Typing of a client that goes on over another connection.

use crier_domain::Role;
use crier_server::RecoveryOptions;
use serde_json::json;

use super::rig::{Live, Setup, token};

#[test]
fn a_client_that_goes_on_has_not_stopped_typing() {
    let recovery = Some(RecoveryOptions::default());
    let live = Live::start(Setup { any_user_is_granted: true, recovery, ..Setup::default() });
    let (ended, ends) = std::sync::mpsc::channel();
    // Behind the handlers of the apps, which run one after the other.
    live.io.main().on_disconnect(move |_, _| {
        ended.send(()).unwrap();
        std::future::ready(())
    });
    let auth = json!({ "token": token("ann", Role::User, 60) });
    let (mut ann, mut ben) = (live.client(&auth), live.user("ben"));
    for client in [&mut ann, &mut ben] {
        assert_eq!(client.call("join-chat-room", &json!("7"))["ok"], json!(true));
    }
    let typing = json!({ "chatId": "7", "userId": "ann" });
    assert_eq!(ann.call("typing-start", &typing)["ok"], json!(true));
    assert_eq!(ben.event("user-typing")["isTyping"], json!(true));
    // The server has not seen the end of the former connection yet, and ends it.
    let mut back = live.back(ann.session(), &auth);
    assert_eq!(back.event("connected")["recovered"], json!(true));
    ends.recv_timeout(tests::raw::WAIT).unwrap();
    assert_eq!(ben.count(&["user-typing"]), 0);
    // Leaving says so.
    assert_eq!(back.call("leave-chat-room", &json!("7"))["ok"], json!(true));
    assert_eq!(ben.event("user-typing")["isTyping"], json!(false));
    assert_eq!(ben.count(&["user-typing"]), 0);
}
