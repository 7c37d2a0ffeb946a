//! The user directory by HTTP: who may write, what is refused, who sees what.

use std::time::Duration;

use crier_domain::{DEVELOPMENT_SECRET, Role, UserType, mint};
use http::Method;
use serde_json::{Value, json};

use crate::client::{API_KEY, Answer, Rig, bearer, call, get, post, rig};

async fn put(rig: &Rig, path: &str, authorization: &str, body: Value) -> Answer {
    let call = post(path, body).with_method(Method::PUT).without("authorization");
    call.header("authorization", authorization).send(rig).await
}

fn key() -> String {
    format!("Bearer {API_KEY}")
}

fn holder(user: &str, side: Option<UserType>) -> String {
    let minute = Duration::from_secs(60);
    format!("Bearer {}", mint(DEVELOPMENT_SECRET.as_bytes(), user, Role::User, side, minute))
}

async fn seen(rig: &Rig, path: &str, authorization: &str) -> Value {
    let answer = get(path).header("authorization", authorization).send(rig).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

fn vendor() -> Value {
    json!({
        "userType": "VENDOR", "firstName": "Ada", "lastName": "Vendor",
        "email": "vendor@example.com", "phoneNumber": "+10000000000",
        "store": [{ "name": "Wonderds", "storeId": 7 }]
    })
}

#[tokio::test]
async fn backends_write_profiles_and_users_do_not() {
    let rig = rig();
    for authorization in [key(), bearer(Role::Service), bearer(Role::Admin)] {
        let answer = put(&rig, "/api/users/4", &authorization, vendor()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["name"], "Ada Vendor");
    }
    let own = holder("4", Some(UserType::Vendor));
    put(&rig, "/api/users/4", &own, vendor()).await.expect_error(403, "FORBIDDEN");
    let nobody = post("/api/users/4", vendor()).with_method(Method::PUT).without("authorization");
    nobody.send(&rig).await.expect_error(401, "UNAUTHORIZED");
    call(Method::DELETE, "/api/users/4").send(&rig).await.expect_error(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn a_bad_field_is_named() {
    let rig = rig();
    for (path, body) in [
        ("firstName", json!({ "firstName": 5 })),
        ("userType", json!({ "userType": "ROBOT" })),
        ("userId", json!({ "userId": 5 })),
        ("email", json!({ "email": "nobody" })),
        ("nickname", json!({ "nickname": "A" })),
        ("store.0.name", json!({ "userType": "VENDOR", "store": [{ "storeId": 7 }] })),
    ] {
        let answer = put(&rig, "/api/users/4", &key(), body).await;
        assert_eq!(answer.expect_invalid(), path, "{}", answer.text);
    }
    let answer = put(&rig, "/api/users/%00", &key(), vendor()).await;
    assert_eq!(answer.expect_invalid(), "id");
    let missing = get("/api/users/4").header("authorization", &key()).send(&rig).await;
    assert_eq!(missing.expect_error(404, "NOT_FOUND"), "User not found");
}

#[tokio::test]
async fn contact_is_shown_to_the_user_and_to_the_shop_alone() {
    let rig = rig();
    put(&rig, "/api/users/4", &key(), vendor()).await;
    let vendor = Some(UserType::Vendor);
    for (who, sees) in [
        (key(), true),
        (bearer(Role::Service), true),
        (bearer(Role::Admin), true),
        (holder("4", vendor), true),
        (holder("4", Some(UserType::Customer)), false),
        (holder("4", None), false),
        (holder("5", vendor), false),
        (bearer(Role::Agent), false),
    ] {
        let profile = seen(&rig, "/api/users/4", &who).await;
        assert_eq!(profile.get("email").is_some(), sees, "{profile}");
        assert_eq!(profile.get("phoneNumber").is_some(), sees, "{profile}");
        assert_eq!(profile["name"], "Ada Vendor");
        assert_eq!(profile["userType"], "VENDOR");
        assert_eq!(profile["store"][0]["storeId"], 7);
    }
    get("/api/users/4").send(&rig).await.expect_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn customer_5_and_vendor_5_are_two() {
    let rig = rig();
    for (side, name) in [("CUSTOMER", "the customer"), ("VENDOR", "the vendor")] {
        let body = json!({ "userType": side, "name": name });
        assert_eq!(put(&rig, "/api/users/5", &key(), body).await.status, 200);
    }
    for (path, who, name) in [
        ("/api/users/5?userType=CUSTOMER", key(), "the customer"),
        ("/api/users/5?userType=VENDOR", key(), "the vendor"),
        ("/api/users/5", key(), "the customer"),
        ("/api/users/5", holder("5", Some(UserType::Vendor)), "the vendor"),
        ("/api/users/5", holder("6", Some(UserType::Vendor)), "the customer"),
    ] {
        assert_eq!(seen(&rig, path, &who).await["name"], name, "{path}");
    }
    let bad = get("/api/users/5?userType=x").header("authorization", &key()).send(&rig).await;
    assert_eq!(bad.expect_invalid(), "userType");
}
