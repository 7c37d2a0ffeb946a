//! What the tester page offers: one button an event, with arguments to start from.

use serde::Serialize;
use serde_json::value::RawValue;

/// One button.
#[derive(Clone, Copy, Debug)]
pub struct TesterEvent {
    /// The heading that it stands under.
    pub group: &'static str,
    /// Where it is sent.
    pub namespace: &'static str,
    /// The event's name.
    pub name: &'static str,
    /// A JSON array of arguments. `"{{now}}"` becomes the time in ms, `{{userId}}` the token's user,
    /// `{{uuid}}` a new id, `{{token}}` the token in the form.
    pub args: &'static str,
    /// Whether it is sent with an ack by default.
    pub ack: bool,
    /// What happens, in a few words.
    pub about: &'static str,
}

const fn event(
    group: &'static str,
    namespace: &'static str,
    name: &'static str,
    args: &'static str,
    about: &'static str,
) -> TesterEvent {
    TesterEvent { group, namespace, name, args, ack: true, about }
}

/// The buttons, in the order in which they are shown.
#[rustfmt::skip] // One event a line reads as a table.
pub const EVENTS: &[TesterEvent] = &[
    event("System", "/", "heartbeat", r#"[{"timestamp":"{{now}}"}]"#, "Answered by heartbeat_ack"),
    event("System", "/", "subscribe", r#"[{"channel":"orders"}]"#, "Your orders, from now on and after reconnects"),
    event("System", "/", "unsubscribe", r#"[{"channel":"orders"}]"#, "No more of your orders"),
    event("System", "/", "token_refresh", r#"[{"token":"{{token}}"}]"#, "Swap the token without reconnecting"),

    event("Shop", "/", "whoami", "[]", "Who the server takes you for"),
    event("Shop", "/", "joinRoom", r#"["lobby"]"#, "Join a room"),
    event("Shop", "/", "leaveRoom", r#"["lobby"]"#, "Leave it"),
    event("Shop", "/", "message", r#"[{"room":"lobby","text":"Hello","clientId":"{{uuid}}"}]"#, "To the others in a room that you joined"),
    event("Shop", "/", "typing", r#"[{"toUserId":"{{userId}}"}]"#, "Tell a user that you type"),
    event("Shop", "/", "notification:send", r#"[{"toUserId":"{{userId}}","type":"info","title":"Hello","body":"From the tester","clientId":"{{uuid}}"}]"#, "Stored, then delivered"),
    event("Shop", "/", "order:create", r#"[{"items":[{"product":"64a1b2c3d4e5f67890123456","quantity":1,"price":100}],"total":100,"clientId":"{{uuid}}"}]"#, "Checked, reserved, stored"),
    event("Shop", "/", "order:updateStatus", r#"[{"orderId":"","status":"cancelled"}]"#, "Owner or admin"),

    event("Marketplace", "/", "user-online", r#"["{{userId}}"]"#, "Joins your own room"),
    event("Marketplace", "/", "join-user-room", r#"["{{userId}}"]"#, "user-{userId}"),
    event("Marketplace", "/", "join-request-room", r#"["request-1"]"#, "request-{requestId}"),
    event("Marketplace", "/", "join-buyer-room", r#"["{{userId}}"]"#, "buyer-{userId} and buyers"),
    event("Marketplace", "/", "join-seller-room", r#"["{{userId}}"]"#, "seller-{userId} and sellers"),
    event("Marketplace", "/", "join-chat-room", r#"["chat-1"]"#, "chat-{chatId}, for its participants"),
    event("Marketplace", "/", "typing-start", r#"[{"chatId":"chat-1","userId":"{{userId}}","userName":"Me"}]"#, "To the others of the chat"),
    event("Marketplace", "/", "typing-stop", r#"[{"chatId":"chat-1","userId":"{{userId}}"}]"#, "To the others of the chat"),

    event("Storefront", "/", "join_ticket", r#"[{"ticketId":"ticket-1","userId":"{{userId}}"}]"#, "support_ticket:{ticketId}"),
    event("Storefront", "/", "leave_ticket", r#"[{"ticketId":"ticket-1","userId":"{{userId}}"}]"#, "Leave it"),
    event("Storefront", "/", "user_typing_start", r#"[{"ticketId":"ticket-1","userId":"{{userId}}"}]"#, "To the others of the ticket"),
    event("Storefront", "/", "user_typing_stop", r#"[{"ticketId":"ticket-1","userId":"{{userId}}"}]"#, "To the others of the ticket"),
    event("Storefront", "/", "message_read", r#"[{"ticketId":"ticket-1","messageId":"message-1","userId":"{{userId}}"}]"#, "support_message_read to the ticket"),

    event("Vendor chat", "/chat", "sendMessage", r#"[{"productId":"1","recipientId":"vendor-1","text":"Hello","clientId":"{{uuid}}"}]"#, "Connect /presence first, then /chat"),
    event("Vendor chat", "/chat", "joinChat", r#"[{"productId":"1","recipientId":"vendor-1"}]"#, "Answered by loadMessages"),
    event("Vendor chat", "/chat", "joinRooms", "[]", "All your chats"),
    event("Vendor chat", "/chat", "getUserChats", r#"[{"page":1,"limit":20}]"#, "Answered by userChats"),
    event("Vendor chat", "/chat", "markAsRead", r#"[{"productId":"1","recipientId":"vendor-1"}]"#, "updateReadReceipts to both"),
    event("Vendor chat", "/chat", "typing", r#"[{"productId":"1","recipientId":"vendor-1"}]"#, "userTyping to the recipient"),
    event("Vendor chat", "/chat", "stoppedTyping", r#"[{"productId":"1","recipientId":"vendor-1"}]"#, "stoppedTyping to the recipient"),
];

/// `/ws-tester.js`: one script, so that the page loads it at once and in order.
pub(super) const SCRIPT: &str = concat!(
    include_str!("log.js"),
    include_str!("token.js"),
    include_str!("connection.js"),
    include_str!("emit.js"),
    include_str!("start.js"),
);

/// `/ws-tester.json`: the buttons, and what the page has to know of this server.
///
/// `development`: `POST /dev/token` answers, so the page offers to mint. `socket_path` ends with a
/// slash.
#[must_use]
pub fn tester_json(events: &[TesterEvent], socket_path: &str, development: bool) -> String {
    let buttons = events.iter().map(|event| Button {
        group: event.group,
        namespace: event.namespace,
        name: event.name,
        // A row that is no JSON is caught by a test; the page then starts from no arguments.
        args: serde_json::from_str(event.args).unwrap_or(RawValue::NULL),
        ack: event.ack,
        about: event.about,
    });
    let page = TesterPage { path: socket_path, development, events: buttons.collect() };
    serde_json::to_string(&page).unwrap_or_default()
}

#[derive(Serialize)]
struct TesterPage<'a> {
    path: &'a str,
    development: bool,
    events: Vec<Button<'a>>,
}

#[derive(Serialize)]
struct Button<'a> {
    group: &'a str,
    namespace: &'a str,
    name: &'a str,
    args: &'a RawValue,
    ack: bool,
    about: &'a str,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn every_button_has_arguments_that_are_a_json_array() {
        let json = tester_json(EVENTS, "/socket.io/", true);
        let page: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(page["path"], "/socket.io/");
        assert_eq!(page["development"], true);
        let events = page["events"].as_array().unwrap();
        assert_eq!(events.len(), EVENTS.len());
        for event in events {
            assert!(event["args"].is_array(), "{event}");
        }
    }

    #[test]
    fn no_button_stands_twice() {
        let names: BTreeSet<_> = EVENTS.iter().map(|event| (event.namespace, event.name)).collect();
        assert_eq!(names.len(), EVENTS.len());
    }

    #[test]
    fn only_placeholders_that_the_page_fills() {
        for event in EVENTS {
            let mut rest = event.args;
            while let Some((_, after)) = rest.split_once("{{") {
                let (name, after) = after.split_once("}}").expect("a placeholder ends");
                assert!(
                    ["now", "userId", "uuid", "token"].contains(&name),
                    "{}: {name}",
                    event.name
                );
                assert!(SCRIPT.contains(&format!("{{{{{name}}}}}")), "{name}");
                rest = after;
            }
        }
    }
}
