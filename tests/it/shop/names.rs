//! Names shown to others come from the token, whatever a payload says.

use serde_json::json;

use super::crier::Crier;

#[test]
fn others_see_the_name_of_the_token() {
    let crier = Crier::start(&[]);
    let claims = json!({ "sub": "ann", "name": "Ann", "email": "a@b.c", "isVerified": true,
        "rooms": ["chat-7", "support_ticket:*"] });
    let mut ann = crier.with_claims(&claims);
    let mut agent = crier.with_claims(&json!({ "userId": 9, "role": "agent", "name": "Sue" }));
    crier.grant("chat-7", "9");
    let who = json!({ "userId": "ann", "role": "user", "email": "a@b.c", "isVerified": true });
    assert_eq!(ann.call("whoami", &json!(null)), who);
    for (client, user) in [(&mut ann, json!("ann")), (&mut agent, json!(9))] {
        let ticket = json!({ "ticketId": "t1", "userId": user });
        assert_eq!(client.call("join_ticket", &ticket)["ok"], json!(true));
        assert_eq!(client.call("join-chat-room", &json!("7"))["ok"], json!(true));
        assert_eq!(client.call("joinRoom", &json!("lobby"))["ok"], json!(true));
    }
    ann.news();
    let start = json!({ "chatId": 7, "userId": "ann", "userName": "Sue" });
    ann.call("typing-start", &start);
    let typing = json!({ "chatId": 7, "userId": "ann", "userName": "Ann", "isTyping": true });
    agent.expect("user-typing", "", &typing);
    ann.call("user_typing_start", &json!({ "ticketId": "t1", "userId": "ann" }));
    let typing = json!({ "ticketId": "t1", "userId": "ann", "userName": "Ann" });
    agent.expect("user_typing_start", "", &typing);
    ann.call("message", &json!({ "room": "lobby", "text": "x" }));
    let from = json!({ "id": "ann", "name": "Ann" });
    agent.expect("message", "ts", &json!({ "room": "lobby", "text": "x", "from": from }));
    // An id that is a number is shown as one, and compares by its text.
    agent.call("user_typing_start", &json!({ "ticketId": "t1", "userId": "9" }));
    let typing = json!({ "ticketId": "t1", "agentId": 9, "agentName": "Sue" });
    ann.expect("support_agent_typing_start", "", &typing);
}
