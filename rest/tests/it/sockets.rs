//! The sockets and rooms of the whole cluster.

use crier_domain::cluster::{Action, Order, RoomSize};
use crier_protocol::{Namespace, Room};
use serde_json::json;

use crate::{
    bus::lock,
    client::{API_KEY, get, post, rig},
};

fn authorised_get(path: &str) -> crate::client::Call {
    get(path).header("authorization", &format!("Bearer {API_KEY}"))
}

#[tokio::test]
async fn sockets_are_ordered_by_their_rooms() {
    let rig = rig();
    let main = || Namespace::MAIN;
    let chat = || Namespace::parse("/chat", 128).unwrap();
    for (path, body, namespace, action) in [
        (
            "/api/sockets/join",
            json!({ "in": ["a", "b"], "rooms": ["vip"] }),
            main(),
            Action::Join(vec![Room::from("vip")]),
        ),
        (
            "/api/sockets/leave",
            json!({ "namespace": "/chat", "in": ["a", "b"], "rooms": ["vip", "x/y"] }),
            chat(),
            Action::Leave(vec![Room::from("vip"), Room::from("x/y")]),
        ),
        (
            "/api/sockets/disconnect",
            json!({ "in": ["a", "b"] }),
            main(),
            Action::Disconnect { close: false, reason: "kicked" },
        ),
        (
            "/api/sockets/disconnect",
            json!({ "in": ["a", "b"], "close": true, "namespace": "/chat" }),
            chat(),
            Action::Disconnect { close: true, reason: "kicked" },
        ),
    ] {
        let answer = post(path, &body).send(&rig).await;
        answer.expect(202, &json!({ "matched": 2, "missing": ["r2"] }));
        let rooms = vec![Room::from("a"), Room::from("b")];
        let expected = Order { namespace, rooms, user: None, action };
        assert_eq!(lock(&rig.cluster.orders).pop(), Some(expected), "{path} {body}");
    }
}

#[tokio::test]
async fn an_order_without_sockets_or_rooms_is_refused() {
    let rig = rig();
    for (path, body, field) in [
        ("join", json!({ "in": [], "rooms": ["a"] }), "in"),
        ("join", json!({ "in": ["a"], "rooms": [] }), "rooms"),
        ("join", json!({ "in": ["a"] }), "rooms"),
        ("join", json!({ "rooms": ["a"] }), "in"),
        ("join", json!({ "in": ["a b"], "rooms": ["a"] }), "in.0"),
        ("join", json!({ "in": ["a"], "rooms": ["a"], "close": true }), "close"),
        ("leave", json!({ "in": ["a"], "rooms": vec!["r"; 257] }), "rooms"),
        ("disconnect", json!({ "in": ["a"], "close": "yes" }), "close"),
        ("disconnect", json!({ "in": ["a"], "namespace": "chat" }), "namespace"),
    ] {
        let answer = post(&format!("/api/sockets/{path}"), &body).send(&rig).await;
        assert_eq!(answer.expect_invalid(), field, "{path} {body:.60}");
    }
    assert!(lock(&rig.cluster.orders).is_empty());
}

#[tokio::test]
async fn rooms_are_listed_by_name_in_pages() {
    let rig = rig();
    *lock(&rig.cluster.rooms) =
        ["c", "a", "b"].map(|name| RoomSize { room: name.into(), sockets: name.len() }).to_vec();
    let answer = authorised_get("/api/rooms?limit=2").send(&rig).await;
    answer.expect(
        200,
        &json!({
            "rooms": [{ "room": "a", "sockets": 1 }, { "room": "b", "sockets": 1 }],
            "pagination": {
                "currentPage": 1, "nextPage": 2, "prevPage": null, "hasNext": true,
                "hasPrev": false, "totalPages": 2, "totalRecords": 3,
            },
        }),
    );
    for (query, field) in
        [("page=0", "page"), ("limit=101", "limit"), ("limit=x", "limit"), ("size=3", "size")]
    {
        let answer = authorised_get(&format!("/api/rooms?{query}")).send(&rig).await;
        assert_eq!(answer.expect_invalid(), field);
    }
}

#[tokio::test]
async fn a_room_a_user_and_the_whole_are_told() {
    let rig = rig();
    let room = authorised_get("/api/rooms/order%3Aa%2Fb").send(&rig).await;
    room.expect(200, &json!({ "room": "order:a/b", "sockets": 3, "users": ["u", 5] }));
    let bad = authorised_get("/api/rooms/a%20b").send(&rig).await;
    assert_eq!(bad.expect_invalid(), "room");
    let presence = authorised_get("/api/presence/a%20b").send(&rig).await;
    presence.expect(
        200,
        &json!({ "userId": "a b", "status": "offline", "lastSeen": null, "sockets": 0 }),
    );
    let stats = authorised_get("/api/stats").send(&rig).await;
    assert_eq!(stats.json()["replicas"], 1);
    let nobody = get("/api/stats").send(&rig).await;
    nobody.expect_error(401, "UNAUTHORIZED");
    let query = authorised_get("/api/stats?verbose=1").send(&rig).await;
    assert_eq!(query.expect_invalid(), "verbose");
}
