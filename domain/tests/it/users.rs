//! The user directory: whom it knows, what a write has to look like, who sees what of it.

use std::sync::Arc;

use crier_domain::{
    Clock, Identity, Outlet, Person, Publish, Refusal, Role, UserId, UserType,
    event::describe,
    service::users::{NewProfile, Profile, Users},
    store::MemoryStore,
};
use serde_json::{Value, json};

/// 2026-01-01T00:00:00.000Z.
const START_MS: u64 = 1_767_225_600_000;

#[derive(Debug)]
struct NoOutlet;

impl Outlet for NoOutlet {
    fn publish(&self, event: Publish) {
        panic!("the directory tells nobody: {event:?}");
    }
}

struct Rig {
    users: Users,
    clock: Clock,
    store: Arc<MemoryStore>,
}

fn rig() -> Rig {
    let clock = Clock::standing_at(START_MS);
    let store = Arc::new(MemoryStore::new(Arc::new(NoOutlet), clock.clone()));
    Rig { users: Users::over(store.clone(), clock.clone()), clock, store }
}

impl Rig {
    async fn put(&self, user: &str, body: Value) -> Result<Profile, Refusal> {
        let new = parse(&body).map_err(|path| Refusal::Invalid { path, message: String::new() })?;
        self.users.put(&id(user), &new).await
    }
}

/// The body, or the path that its refusal names.
fn parse(body: &Value) -> Result<NewProfile, String> {
    let text = body.to_string();
    let mut reader = serde_json::Deserializer::from_str(&text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| describe(&error).0)
}

fn id(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn person(text: &str) -> Person {
    Person::parse(text).unwrap()
}

fn holder(user: &str, side: Option<UserType>) -> Identity {
    Identity {
        user: id(user),
        role: Role::User,
        email: None,
        name: None,
        avatar: None,
        is_verified: false,
        user_type: side,
        rooms: Vec::new(),
        expires_at: None,
        issued_at: None,
    }
}

fn vendor() -> Value {
    json!({
        "userType": "VENDOR", "userId": 4, "firstName": "Ada", "lastName": "Vendor",
        "profilePictureUrl": null, "email": "vendor@example.com", "phoneNumber": "+10000000000",
        "store": [{ "name": "Wonderds", "storeId": 7, "storeLogoUrl": null }]
    })
}

#[tokio::test]
async fn a_profile_is_what_the_backend_wrote_and_what_follows_from_it() {
    let rig = rig();
    let profile = rig.put("4", vendor()).await.unwrap();
    let at = "2026-01-01T00:00:00.000Z";
    let store_id = &profile.store[0].id;
    assert_eq!(
        serde_json::to_value(&profile).unwrap(),
        json!({
            "id": profile.id, "userId": 4, "userType": "VENDOR", "role": null,
            "firstName": "Ada", "lastName": "Vendor", "name": "Ada Vendor",
            "profilePictureUrl": null, "avatar": null,
            "email": "vendor@example.com", "phoneNumber": "+10000000000",
            "verified": false, "active": true, "createdAt": at, "updatedAt": at,
            "store": [{
                "id": store_id, "name": "Wonderds", "vendorId": 4, "storeId": 7,
                "storeLogoUrl": null, "createdAt": at, "updatedAt": at
            }]
        })
    );
    for id in [&profile.id, store_id] {
        assert!(id.len() == 24 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    }
    assert_eq!(rig.users.profile(&id("4")).await.unwrap(), Some(profile));
}

#[tokio::test]
async fn a_second_write_replaces_all_but_what_names_it() {
    let rig = rig();
    let first = rig.put("4", vendor()).await.unwrap();
    rig.clock.advance(1_000);
    let store = json!([{ "name": "New name", "storeId": "7" }, { "name": "Second", "storeId": 8 }]);
    let body = json!({ "userType": "VENDOR", "firstName": "Eve", "store": store });
    let second = rig.put("4", body).await.unwrap();
    assert_eq!(second.id, first.id);
    assert_eq!(second.created_at, first.created_at);
    assert_eq!(second.updated_at.as_str(), "2026-01-01T00:00:01.000Z");
    assert_eq!((second.name.as_deref(), second.last_name, second.email), (Some("Eve"), None, None));
    assert_eq!(second.store[0].id, first.store[0].id, "`7` and `\"7\"` are one store");
    assert_eq!(second.store[0].created_at, first.store[0].created_at);
    assert_ne!(second.store[1].id, first.store[0].id);
}

#[tokio::test]
async fn what_was_read_can_be_written_back() {
    let rig = rig();
    let first = rig.put("4", vendor()).await.unwrap();
    let again = rig.put("4", serde_json::to_value(&first).unwrap()).await.unwrap();
    assert_eq!(again, first);
}

#[tokio::test]
async fn ids_of_the_two_sides_and_the_id_as_such_do_not_mix() {
    let rig = rig();
    let users = &rig.users;
    rig.put("5", json!({ "userType": "VENDOR", "name": "the vendor" })).await.unwrap();
    let name = |profile: Option<Profile>| profile.and_then(|profile| profile.name);
    let vendor = async || name(users.person(&person("VENDOR:5")).await.unwrap());
    let customer = async || name(users.person(&person("CUSTOMER:5")).await.unwrap());
    let any = async || name(users.profile(&id("5")).await.unwrap());
    assert_eq!((vendor().await.as_deref(), customer().await), (Some("the vendor"), None));
    assert_eq!(any().await.as_deref(), Some("the vendor"));
    rig.put("5", json!({ "name": "the id" })).await.unwrap();
    assert_eq!(any().await.as_deref(), Some("the id"));
    assert_eq!(customer().await.as_deref(), Some("the id"), "stands in for a side without its own");
    assert_eq!(vendor().await.as_deref(), Some("the vendor"));
    rig.put("5", json!({ "userType": "CUSTOMER", "name": "the customer" })).await.unwrap();
    assert_eq!(customer().await.as_deref(), Some("the customer"));
    assert_eq!(users.profile(&id("55")).await.unwrap(), None);
    let exactly = users.exactly(&id("5"), Some(UserType::Vendor)).await.unwrap();
    assert_eq!(name(exactly).as_deref(), Some("the vendor"));
}

#[tokio::test]
async fn an_empty_directory_knows_nothing_and_refuses_nobody() {
    let rig = rig();
    assert!(!rig.users.is_filled().await.unwrap());
    assert!(rig.users.may_exist(&id("5")).await.unwrap());
    rig.put("4", vendor()).await.unwrap();
    assert!(rig.users.is_filled().await.unwrap());
    assert!(rig.users.may_exist(&id("4")).await.unwrap());
    assert!(!rig.users.may_exist(&id("5")).await.unwrap());
    // A directory opened over the same store finds itself filled.
    let opened = Users::over(rig.store, rig.clock);
    assert!(opened.is_filled().await.unwrap());
}

#[tokio::test]
async fn a_bad_field_is_named_and_nothing_is_written() {
    let rig = rig();
    let long = "x".repeat(201);
    let store = |change: Value| {
        let mut store = json!({ "name": "S", "storeId": 7 });
        store.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({ "userType": "VENDOR", "store": [store] })
    };
    let stores: Vec<Value> = (0..33).map(|n| json!({ "name": "S", "storeId": n })).collect();
    for (path, body) in [
        ("", json!("text")),
        ("", json!(null)),
        ("nickname", json!({ "nickname": "A" })),
        ("firstName", json!({ "firstName": 5 })),
        ("firstName", json!({ "firstName": "" })),
        ("lastName", json!({ "lastName": "a\u{0}b" })),
        ("name", json!({ "name": long })),
        ("userType", json!({ "userType": "customer" })),
        ("role", json!({ "role": "root" })),
        ("id", json!({ "id": "5" })),
        ("userId", json!({ "userId": "other" })),
        ("email", json!({ "email": "nobody" })),
        ("email", json!({ "email": "a b@c" })),
        ("phoneNumber", json!({ "phoneNumber": "call me" })),
        ("phoneNumber", json!({ "phoneNumber": 491_234 })),
        ("profilePictureUrl", json!({ "profilePictureUrl": "javascript:alert(1)" })),
        ("avatar", json!({ "avatar": "/a.png" })),
        ("verified", json!({ "verified": "yes" })),
        ("active", json!({ "active": 1 })),
        ("createdAt", json!({ "createdAt": "yesterday" })),
        ("store", json!({ "store": [{ "name": "S", "storeId": 7 }] })),
        ("store", json!({ "userType": "CUSTOMER", "store": [{ "name": "S", "storeId": 7 }] })),
        ("store", json!({ "userType": "VENDOR", "store": {} })),
        ("store", json!({ "userType": "VENDOR", "store": stores })),
        ("store.0.name", json!({ "userType": "VENDOR", "store": [{ "storeId": 7 }] })),
        ("store.0.storeId", json!({ "userType": "VENDOR", "store": [{ "name": "S" }] })),
        ("store.0.name", store(json!({ "name": null }))),
        ("store.0.storeId", store(json!({ "storeId": 1.5 }))),
        ("store.0.vendorId", store(json!({ "vendorId": 9 }))),
        ("store.0.storeLogoUrl", store(json!({ "storeLogoUrl": "ftp://a" }))),
        ("store.0.id", store(json!({ "id": "zz" }))),
        ("store.0.colour", store(json!({ "colour": "red" }))),
        (
            "store.1.storeId",
            json!({ "userType": "VENDOR", "store": [
                { "name": "A", "storeId": 7 }, { "name": "B", "storeId": "7" }
            ] }),
        ),
    ] {
        match rig.put("4", body.clone()).await {
            Err(Refusal::Invalid { path: named, .. }) => assert_eq!(named, path, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    assert!(!rig.users.is_filled().await.unwrap());
}

#[tokio::test]
async fn others_see_name_avatar_type_and_stores() {
    let rig = rig();
    let profile = rig.put("4", vendor()).await.unwrap();
    let shown = serde_json::to_value(profile.for_others()).unwrap();
    let mut fields: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "avatar",
            "firstName",
            "id",
            "lastName",
            "name",
            "profilePictureUrl",
            "store",
            "userId",
            "userType"
        ]
    );
    for (user, side, own) in [
        ("4", Some(UserType::Vendor), true),
        ("4", Some(UserType::Customer), false),
        ("4", None, false),
        ("5", Some(UserType::Vendor), false),
    ] {
        assert_eq!(profile.is_of(&holder(user, side)), own, "{user} {side:?}");
    }
    let plain = rig.put("9", json!({ "name": "N" })).await.unwrap();
    assert!(plain.is_of(&holder("9", None)) && plain.is_of(&holder("9", Some(UserType::Vendor))));
}
