//! The storefront's support tickets.

use crier_domain::Role;
use serde_json::json;

use super::crier::Crier;

#[test]
fn a_ticket_is_joined_by_the_one_policy() {
    let crier = Crier::start(&[]);
    let (mut ann, mut agent) = (crier.user("ann"), crier.with_role("sue", Role::Agent));
    let of = |user: &str| json!({ "ticketId": "t 1", "userId": user });
    let denied = json!({ "error": "Access denied" });
    assert_eq!(ann.call("join_ticket", &of("ann")), denied);
    assert_eq!(ann.call("join_ticket", &of("sue")), denied);
    let ok = json!({ "ok": true, "room": "support_ticket:t%201" });
    assert_eq!(agent.call("join_ticket", &of("sue")), ok);
    crier.grant("support_ticket:t%25201", "ann");
    assert_eq!(ann.call("join_ticket", &of("ann")), ok);
    assert_eq!(ann.call("leave_ticket", &of("ann")), ok);
    assert_eq!(agent.call("leave_ticket", &of("ann")), denied);
    for (payload, error) in [
        (json!({ "ticketId": "t 1" }), "userId: missing field"),
        (json!({ "userId": "ann" }), "ticketId: missing field"),
        (
            json!({ "ticketId": "", "userId": "ann" }),
            "ticketId: expected a text of 1 to 256 bytes without control characters",
        ),
        (
            json!({ "ticketId": "x".repeat(200), "userId": "ann" }),
            "ticketId: is too long for the name of a room",
        ),
    ] {
        assert_eq!(ann.call("join_ticket", &payload), json!({ "error": error }), "{payload}");
    }
    let mut nobody = crier.anonymous();
    assert_eq!(nobody.call("join_ticket", &of("x")), json!({ "error": "Unauthorized" }));
}

#[test]
fn agents_and_others_type_in_their_own_words() {
    let crier = Crier::start(&[]);
    crier.grant("support_ticket:t1", "ann");
    let (mut ann, mut agent) = (crier.user("ann"), crier.with_role("sue", Role::Agent));
    let mut eve = crier.user("eve");
    let of = |user: &str| json!({ "ticketId": "t1", "userId": user });
    let denied = json!({ "error": "Access denied" });
    for event in ["user_typing_start", "user_typing_stop"] {
        assert_eq!(ann.call(event, &of("ann")), denied, "{event}, not joined");
    }
    ann.call("join_ticket", &of("ann"));
    agent.call("join_ticket", &of("sue"));
    for event in ["user_typing_start", "user_typing_stop"] {
        assert_eq!(ann.call(event, &of("sue")), denied, "{event}, as another");
        assert_eq!(ann.call(event, &of("ann")), json!({ "ok": true }));
        agent.expect(event, "", &of("ann"));
    }
    agent.call("user_typing_start", &of("sue"));
    // The token has no name, and the field is not optional.
    let start = json!({ "ticketId": "t1", "agentId": "sue", "agentName": "sue" });
    ann.expect("support_agent_typing_start", "", &start);
    agent.call("user_typing_stop", &of("sue"));
    ann.expect("support_agent_typing_stop", "", &json!({ "ticketId": "t1", "agentId": "sue" }));
    for client in [&mut ann, &mut agent, &mut eve] {
        client.expect_nothing();
    }
}

#[test]
fn reading_is_told_to_the_ticket() {
    let crier = Crier::start(&[]);
    crier.grant("support_ticket:t1", "ann");
    let (mut ann, mut agent) = (crier.user("ann"), crier.with_role("sue", Role::Agent));
    let mut eve = crier.user("eve");
    let read = |user: &str| json!({ "ticketId": "t1", "messageId": "m1", "userId": user });
    let denied = json!({ "error": "Access denied" });
    assert_eq!(ann.call("message_read", &read("ann")), denied);
    for (client, user) in [(&mut ann, "ann"), (&mut agent, "sue")] {
        client.call("join_ticket", &json!({ "ticketId": "t1", "userId": user }));
    }
    assert_eq!(ann.call("message_read", &read("sue")), denied);
    assert_eq!(ann.call("message_read", &read("ann")), json!({ "ok": true }));
    for client in [&mut ann, &mut agent] {
        let expected = json!({ "messageId": "m1", "readBy": "ann" });
        client.expect("support_message_read", "readAt", &expected);
    }
    eve.expect_nothing();
}
