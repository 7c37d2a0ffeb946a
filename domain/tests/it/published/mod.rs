//! What backends publish: for each event a good payload with its receivers, and what is refused.

mod marketplace;
mod refused;
mod special;
mod storefront;
mod system;

use std::collections::BTreeSet;

use crier_domain::{
    App, Catalogue, CatalogueError, Params, Prepared, Publish,
    event::{CatalogueOptions, Sender},
};
use serde_json::{Value, json, value::to_raw_value};

/// A publishing as the contract has it, and where it goes.
struct Case {
    event: &'static str,
    data: Value,
    params: Value,
    /// Empty = everyone.
    rooms: Vec<&'static str>,
    key: Option<&'static str>,
}

fn case(
    event: &'static str,
    data: Value,
    params: Value,
    rooms: impl Into<Vec<&'static str>>,
) -> Case {
    Case { event, data, params, rooms: rooms.into(), key: None }
}

impl Case {
    fn key(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
    }
}

fn all() -> Vec<Case> {
    [system::cases(), marketplace::cases(), storefront::cases()].into_iter().flatten().collect()
}

/// A good payload of an event.
fn good(event: &str) -> Value {
    all().into_iter().find(|case| case.event == event).unwrap().data
}

fn publish_with(
    options: CatalogueOptions,
    event: &str,
    data: &Value,
    params: &Value,
) -> Result<Prepared, CatalogueError> {
    let params: Params = serde_json::from_value(params.clone()).unwrap();
    let catalogue = Catalogue::new(App::ALL).with(options);
    catalogue.validate(event, &to_raw_value(data).unwrap(), &params, None)
}

fn publish(event: &str, data: &Value, params: &Value) -> Result<Prepared, CatalogueError> {
    publish_with(CatalogueOptions::default(), event, data, params)
}

fn rooms(prepared: &Prepared) -> Vec<&str> {
    prepared.rooms.iter().map(|room| room.as_str()).collect()
}

fn payload(publish: &Publish) -> Value {
    serde_json::from_str(publish.args.elements()).unwrap()
}

#[test]
fn every_publishable_event_is_tried_here() {
    let tried: BTreeSet<&str> = all().iter().map(|case| case.event).collect();
    let catalogue = Catalogue::new(App::ALL);
    let rows = catalogue.rows().filter(|row| row.sender == Sender::Backend);
    assert_eq!(tried, rows.map(|row| row.name).collect());
}

#[test]
fn each_event_goes_to_its_rooms_as_it_was_given() {
    let catalogue = Catalogue::new(App::ALL);
    for Case { event, data, params, rooms: to, key } in all() {
        let prepared = publish(event, &data, &params).unwrap_or_else(|e| panic!("{event}: {e}"));
        assert_eq!(rooms(&prepared), to, "{event}");
        assert_eq!(prepared.filter.app, catalogue.to_client(event).unwrap().app, "{event}");
        assert_eq!(prepared.class, catalogue.to_client(event).unwrap().class, "{event}");
        let sent = prepared.into_publish(None);
        if sent.settle.is_none() {
            assert_eq!(sent.key.as_deref(), key, "{event}");
        }
        assert_eq!((sent.event.as_str(), sent.namespace.as_str()), (event, "/"));
        let mut wanted = data;
        // Either of the two words is sent as both.
        if event == "purchase-request-update" {
            wanted["eventType"] = wanted["type"].clone();
        }
        assert_eq!(payload(&sent), wanted, "{event}");
    }
}

#[test]
fn a_time_that_is_left_out_is_put_in() {
    let mut found = 0;
    for Case { event, mut data, params, .. } in all() {
        for time in ["timestamp", "ts"] {
            if data.as_object_mut().unwrap().remove(time).is_none() {
                continue;
            }
            found += 1;
            let sent = publish(event, &data, &params).unwrap().into_publish(None);
            let put_in = payload(&sent)[time].as_str().unwrap().to_owned();
            assert!(crier_domain::Timestamp::parse(&put_in).is_some(), "{event}: {put_in}");
        }
    }
    assert_eq!(found, 7, "order status and location, agent and ticket status, two of stores, shop");
}

#[test]
fn what_may_be_left_out_stays_out() {
    let without = json!({ "productId": "p", "oldPrice": 2, "newPrice": 1.5 });
    for discount in [None, Some(Value::Null)] {
        let mut data = without.clone();
        if let Some(null) = discount {
            data["discount"] = null;
        }
        let sent = publish("price_update", &data, &json!({})).unwrap().into_publish(None);
        assert_eq!(payload(&sent), without);
    }
}
