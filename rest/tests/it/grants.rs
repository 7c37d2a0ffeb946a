//! What a backend decides about users: who may join a room, whose tokens are refused.

use std::time::Duration;

use crier_domain::{DEVELOPMENT_SECRET, Role, RoomName, UserId, cluster::Action, mint};
use crier_protocol::Room;
use http::Method;
use serde_json::json;

use crate::{
    bus::lock,
    client::{API_KEY, Call, bearer, call, post, rig},
};

fn authorised(method: Method, path: &str) -> Call {
    call(method, path).header("authorization", &format!("Bearer {API_KEY}"))
}

#[tokio::test]
async fn a_grant_is_made_without_a_body_and_taken_back() {
    let rig = rig();
    let path = "/api/rooms/request-a%2Fb/members/user%20one";
    let granted = authorised(Method::PUT, path).send(&rig).await;
    assert_eq!(granted.status, 200, "{}", granted.text);
    assert_eq!(granted.json()["room"], "request-a/b");
    assert_eq!(granted.json()["userId"], "user one");
    let (room, user) =
        (RoomName::parse("request-a/b").unwrap(), UserId::parse("user one").unwrap());
    let grants = &rig.services.grants;
    assert_eq!(grants.is_granted(&room, &user).await, Ok(true));

    let taken = authorised(Method::DELETE, path).send(&rig).await;
    assert_eq!((taken.status.as_u16(), taken.text.as_str()), (204, ""));
    assert_eq!(grants.is_granted(&room, &user).await, Ok(false));
    let order = lock(&rig.cluster.orders).pop().unwrap();
    assert_eq!((order.user, order.action), (Some(user), Action::Leave(vec![Room::from(room)])));
    let again = authorised(Method::DELETE, path).send(&rig).await;
    assert_eq!(again.status, 204, "there is none, as asked");
}

#[tokio::test]
async fn a_grant_without_effect_is_refused_and_not_stored() {
    let rig = rig();
    let answer = authorised(Method::PUT, "/api/rooms/orders:5/members/6").send(&rig).await;
    assert_eq!(answer.status, 422);
    let message =
        "room: no grant lets anybody into orders:5, where the policy lets in owner, admin";
    assert_eq!(
        answer.json()["error"],
        json!({ "code": "VALIDATION_ERROR", "message": message, "details": { "path": "room" } })
    );
    let (room, user) = (RoomName::parse("orders:5").unwrap(), UserId::parse("6").unwrap());
    assert_eq!(rig.services.grants.is_granted(&room, &user).await, Ok(false));
}

#[tokio::test]
async fn a_grant_ends_when_it_says() {
    let rig = rig();
    let put = |body: &serde_json::Value| {
        post("/api/rooms/group:1/members/5", body).with_method(Method::PUT)
    };
    let time = "2999-01-01T00:00:00.000Z";
    let answer = put(&json!({ "expiresAt": time })).send(&rig).await;
    answer.expect(200, &json!({ "room": "group:1", "userId": "5", "expiresAt": time }));
    for (body, field) in [
        (json!({ "expiresAt": "2001-01-01T00:00:00.000Z" }), "expiresAt"),
        (json!({ "expiresAt": "tomorrow" }), "expiresAt"),
        (json!({ "expires": time }), "expires"),
        (json!([time]), ""),
    ] {
        assert_eq!(put(&body).send(&rig).await.expect_invalid(), field, "{body}");
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused_from_then_on() {
    let rig = rig();
    let secret = DEVELOPMENT_SECRET.as_bytes();
    let token = mint(secret, "mallory", Role::Admin, None, Duration::from_secs(60));
    let mallory =
        || call(Method::GET, "/api/stats").header("authorization", &format!("Bearer {token}"));
    assert_eq!(mallory().send(&rig).await.status, 200);
    let revoked = authorised(Method::POST, "/api/users/mallory/revoke").send(&rig).await;
    assert_eq!(revoked.status, 202);
    assert_eq!(revoked.json()["missing"], json!(["r2"]));
    let refused = mallory().send(&rig).await;
    refused.expect_error(401, "UNAUTHORIZED");
    let other = call(Method::GET, "/api/stats").header("authorization", &bearer(Role::Service));
    assert_eq!(other.send(&rig).await.status, 200, "others stay");
    let user = call(Method::POST, "/api/users/mallory/revoke")
        .header("authorization", &bearer(Role::User));
    user.send(&rig).await.expect_error(403, "FORBIDDEN");
}
