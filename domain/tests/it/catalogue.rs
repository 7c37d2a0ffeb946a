//! Events of the catalogue: shapes, receivers, suggestions.

use std::collections::HashSet;

use crier_domain::{
    App, Catalogue, CatalogueError, Class, Direction, Params, Prepared, RoomName, Timestamp,
    event::{Audience, RESERVED, Sender},
};
use crier_protocol::Namespace;
use serde_json::{Value, json, value::to_raw_value};

fn validate(event: &str, data: &Value, params: Value) -> Result<Prepared, CatalogueError> {
    let params: Params = serde_json::from_value(params).unwrap();
    Catalogue::new(App::ALL).validate(event, &to_raw_value(data).unwrap(), &params, None)
}

/// The one argument that clients get.
fn payload(prepared: &Prepared) -> Value {
    serde_json::from_str(prepared.args.elements()).unwrap()
}

fn rooms(prepared: &Prepared) -> Vec<&str> {
    prepared.rooms.iter().map(|room| room.as_str()).collect()
}

fn status() -> Value {
    json!({
        "orderId": "o1", "orderNumber": "A-1", "status": "out_for_delivery",
        "timestamp": "2026-01-31T09:30:00.000Z", "message": "On its way",
    })
}

fn location() -> Value {
    json!({
        "orderId": "o1", "location": { "latitude": 52.5, "longitude": 13, "address": "Street 1" },
        "driverName": "D", "driverPhone": "+49", "timestamp": "2026-01-31T09:30:00.000Z",
    })
}

fn cancelled() -> Value {
    json!({
        "orderId": "o1", "reason": "late", "cancelledBy": "store", "refundAmount": 12.5,
        "refundStatus": "pending",
    })
}

#[test]
fn each_order_event_reaches_its_rooms_with_its_payload() {
    let eta = json!({ "orderId": "o1", "eta": "2026-01-31T09:30:00.000Z", "minutes": 5 });
    let delivered = json!({ "orderId": "o1", "deliveredAt": "2026-01-31T09:30:00.000Z", "signature": "https://s" });
    let two = ["order:o1", "orders:u1"];
    let three = ["order:o1", "orders:u1", "user:u1"];
    for (event, data, to, key) in [
        ("order_status_update", status(), &two[..], None),
        ("order_location_update", location(), &two[..], Some("order_location_update:o1")),
        ("order_eta_update", eta, &two[..], Some("order_eta_update:o1")),
        ("order_delivered", delivered, &three[..], None),
        ("order_cancelled", cancelled(), &three[..], None),
    ] {
        let prepared = validate(event, &data, json!({ "userId": "u1" })).unwrap();
        assert_eq!(prepared.event, event);
        assert_eq!(prepared.namespace, Namespace::MAIN);
        assert_eq!(prepared.filter.app, Some(App::Storefront));
        assert_eq!(prepared.class, Class::Recoverable);
        assert_eq!(rooms(&prepared), to, "{event}");
        assert_eq!(prepared.key.as_deref(), key, "{event}");
        assert_eq!(payload(&prepared), data, "{event}");
    }
}

#[test]
fn without_a_user_the_order_alone_receives() {
    let prepared = validate("order_cancelled", &cancelled(), json!({})).unwrap();
    assert_eq!(rooms(&prepared), ["order:o1"]);
}

#[test]
fn a_time_that_is_left_out_is_added() {
    for (event, mut data) in
        [("order_status_update", status()), ("order_location_update", location())]
    {
        data.as_object_mut().unwrap().remove("timestamp");
        let prepared = validate(event, &data, json!({})).unwrap();
        let sent = payload(&prepared);
        let time = sent["timestamp"].as_str().unwrap();
        assert!(Timestamp::parse(time).is_some() && time.len() == 24, "{time}");
    }
}

#[test]
fn a2_a_wrong_payload_is_refused_by_its_path() {
    let cases = [
        ("order_status_update", status(), "/status", json!("lost"), "status"),
        ("order_status_update", status(), "/orderNumber", Value::Null, "orderNumber"),
        ("order_status_update", status(), "/orderId", json!(5), "orderId"),
        ("order_status_update", status(), "/timestamp", json!("yesterday"), "timestamp"),
        ("order_status_update", status(), "/extra", json!(1), "extra"),
        (
            "order_location_update",
            location(),
            "/location/latitude",
            json!(90.1),
            "location.latitude",
        ),
        (
            "order_location_update",
            location(),
            "/location/latitude",
            json!("52"),
            "location.latitude",
        ),
        ("order_location_update", location(), "/location/height", json!(1), "location.height"),
        ("order_location_update", location(), "/location", json!([]), "location"),
        ("order_cancelled", cancelled(), "/refundAmount", json!(-1), "refundAmount"),
        ("order_cancelled", cancelled(), "/refundAmount", json!(1e300), "refundAmount"),
        ("order_cancelled", cancelled(), "/cancelledBy", json!("courier"), "cancelledBy"),
    ];
    for (event, mut data, at, value, expected) in cases {
        let (parent, name) = at.rsplit_once('/').unwrap();
        let object = data.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        object.insert(name.into(), value);
        match validate(event, &data, json!({})) {
            Err(CatalogueError::Invalid { path, message }) => {
                assert_eq!(path, expected, "{message}");
                assert!(!message.contains(" at line "), "{message}");
            }
            other => panic!("{event} {at}: {other:?}"),
        }
    }
}

#[test]
fn a_missing_field_is_named_where_it_is_missing() {
    for (at, expected) in
        [("/orderNumber", "orderNumber"), ("/location/address", "location.address")]
    {
        let mut data = if at.starts_with("/location") { location() } else { status() };
        let (parent, name) = at.rsplit_once('/').unwrap();
        data.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        let event = if at.starts_with("/location") {
            "order_location_update"
        } else {
            "order_status_update"
        };
        let expected =
            CatalogueError::Invalid { path: expected.into(), message: "missing field".into() };
        assert_eq!(validate(event, &data, json!({})), Err(expected));
    }
}

#[test]
fn texts_that_would_break_clients_are_refused() {
    let catalogue = Catalogue::new(App::ALL);
    let check = |data: &str| {
        let raw: &serde_json::value::RawValue = serde_json::from_str(data).unwrap();
        let result = catalogue.validate("order_cancelled", raw, &Params::default(), None);
        result.unwrap_err().to_string()
    };
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let deep = format!(r#"{{"orderId":{deep}}}"#);
    assert!(check(&deep).contains("nested deeper than 64"), "{}", check(&deep));
    assert!(check(r#"{"reason":"\ud800"}"#).contains("surrogate"));
    assert!(check(r#"{"orderId":"a","orderId":"b"}"#).contains("duplicate field"));
    let large = format!(r#"{{"reason":"{}"}}"#, "x".repeat(64 * 1024));
    assert_eq!(check(&large), CatalogueError::TooLarge { max: 64 << 10 }.to_string());
    let quoted = check(&format!(r#"{{"cancelledBy":"{}"}}"#, "é".repeat(10_000)));
    assert!(quoted.len() < 300, "a message quotes no long input: {}", quoted.len());
}

#[test]
fn parameters_that_the_event_cannot_use_are_refused() {
    let refused = validate("order_status_update", &status(), json!({ "userID": "u1" }));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "params.userID is unknown, expected one of orderId, userId"
    );
}

#[test]
fn an_id_too_long_for_a_room_is_refused_by_its_name() {
    let mut data = cancelled();
    data["orderId"] = "x".repeat(123).into();
    let refused = validate("order_cancelled", &data, json!({})).unwrap_err();
    assert_eq!(refused.to_string(), "orderId: is too long for the name of a room");
    data["orderId"] = "".into();
    assert!(validate("order_cancelled", &data, json!({ "userId": "u" })).is_err());
}

#[test]
fn rooms_that_are_named_replace_the_template() {
    let catalogue = Catalogue::new(App::ALL);
    let data = to_raw_value(&cancelled()).unwrap();
    let named = vec![RoomName::parse("lobby").unwrap()];
    let prepared = catalogue.validate("order_cancelled", &data, &Params::default(), Some(named));
    assert_eq!(rooms(&prepared.unwrap()), ["lobby"]);
}

#[test]
fn an_unknown_event_is_answered_with_the_nearest_name() {
    for (name, nearest) in [
        ("order_status_updated", Some("order_status_update")),
        ("order-status-update", Some("order_status_update")),
        ("orderEtaUpdate", Some("order_eta_update")),
        ("ORDER_CANCELLED", Some("order_cancelled")),
        ("order_canceled", Some("order_cancelled")),
        ("zebra", None),
        ("", None),
        (&"order_eta_update".repeat(100), None),
    ] {
        let refused = validate(name, &json!({}), json!({}));
        assert_eq!(refused, Err(CatalogueError::Unknown { nearest }), "{name:.40}");
    }
}

#[test]
fn system_events_are_there_without_apps_and_storefront_ones_are_not() {
    let plain = Catalogue::new([]);
    assert!(plain.to_client("order_cancelled").is_none());
    assert!(plain.to_client("force_update").is_some());
    assert!(plain.to_server("/", "subscribe").is_some());
    assert!(plain.to_client("subscribe").is_none());
    let both = [plain.to_server("/", "token_refresh"), plain.to_client("token_refresh")];
    assert_eq!(both.map(|row| row.unwrap().sender), [Sender::User, Sender::Backend]);
}

#[test]
fn what_only_crier_sends_cannot_be_published() {
    for event in ["connected", "disconnected", "error", "heartbeat_ack", "session_expiring"] {
        let refused = validate(event, &json!({}), json!({}));
        assert_eq!(refused, Err(CatalogueError::NotPublishable), "{event}");
    }
}

#[test]
fn a_new_token_goes_to_its_user_and_is_not_kept() {
    let data = json!({ "newToken": "t", "expiresIn": 3600 });
    let prepared = validate("token_refresh", &data, json!({ "userId": 5 })).unwrap();
    assert_eq!(rooms(&prepared), ["user:5"]);
    assert_eq!(prepared.class, Class::Ephemeral);
    let nobody = validate("token_refresh", &data, json!({})).unwrap_err();
    assert_eq!(nobody.to_string(), "params.userId is required");
}

#[test]
fn global_events_have_no_rooms_and_are_kept() {
    let data = json!({
        "scheduledAt": "2026-01-31T09:30:00.000Z", "duration": 30, "message": "m", "affectedServices": ["orders"],
    });
    let prepared = validate("system_maintenance", &data, json!({})).unwrap();
    assert_eq!(rooms(&prepared), [""; 0]);
    assert_eq!((prepared.class, prepared.filter.app), (Class::Recoverable, None));
    let refused = validate("system_maintenance", &data, json!({ "userId": "u" })).unwrap_err();
    assert_eq!(refused.to_string(), "params.userId is unknown; the event takes none");
}

#[test]
fn the_rows_keep_their_own_rules() {
    let catalogue = Catalogue::new(App::ALL);
    let mut names = HashSet::new();
    for row in catalogue.rows() {
        let twice = format!("{} occurs twice", row.name);
        assert!(names.insert((row.direction, row.namespace, row.name)), "{twice}");
        assert!(!RESERVED.contains(&row.name), "{}", row.name);
        assert!(Namespace::parse(row.namespace, 128).is_some(), "{}", row.name);
        let to_client = row.direction == Direction::ToClient;
        let by_us = matches!(row.sender, Sender::Backend | Sender::Crier);
        assert_eq!(to_client, by_us, "{}", row.name);
        assert!(row.ack.is_none() || !to_client, "{}", row.name);
        let backend_has_receivers =
            row.sender != Sender::Backend || row.audience != Audience::Direct;
        assert!(backend_has_receivers, "{}", row.name);
        let mut generator = schemars::SchemaGenerator::default();
        let schema = row.payload.schema(&mut generator);
        assert!(schema.as_object().is_some_and(|s| !s.is_empty()), "{}", row.name);
    }
}
