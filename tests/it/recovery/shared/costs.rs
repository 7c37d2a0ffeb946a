//! What it costs Redis.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{super::client::Client, rig::Cluster};

/// Commands that clients send; what scripts do inside is counted by Redis under the same names, so
/// scripts themselves are counted.
fn sent(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let outside = ["evalsha", "publish", "xrange", "script|load"];
    let grown = |name: &str| {
        let count = |calls: &BTreeMap<String, u64>| calls.get(name).copied().unwrap_or(0);
        count(after) - count(before)
    };
    outside.iter().map(|name| ((*name).to_owned(), grown(name))).collect()
}

#[test]
fn a_client_that_comes_back_costs_a_handful_of_commands() {
    const CLIENTS: usize = 40;
    let cluster = Cluster::start();
    let clients: Vec<Client> = (0..CLIENTS)
        .map(|n| {
            let mut client = Client::connect(&cluster.replicas[0], json!({}));
            client.join("everyone");
            client.join(&format!("own-{n}"));
            client
        })
        .collect();
    let kept: Vec<_> = clients.into_iter().map(Client::cut).collect();
    cluster.empty(0);
    cluster.replicas[0].io.main().to("everyone").emit("missed", &1).unwrap();
    cluster.settle(1);
    let calls = || cluster.redis.calls().unwrap();
    let (before, began) = (calls(), std::time::Instant::now());
    let back: Vec<Client> = kept
        .iter()
        .map(|kept| {
            let mut client = Client::back(&cluster.replicas[1], json!({}), kept).unwrap();
            client.expect("missed", &json!(1));
            client.expect("connected", &json!("Recovered"));
            client
        })
        .collect();
    let (after, took) = (calls(), began.elapsed());
    let sent = sent(&before, &after);
    // Ticks of two replicas go on meanwhile, and are no client's.
    let ticks = 2 * (took.as_millis() as u64 / 200 + 2);
    let total: u64 = sent.values().sum();
    let each = total.saturating_sub(ticks) as f64 / CLIENTS as f64;
    println!(
        "commands of {CLIENTS} clients that came back: {sent:?}, {ticks} of them ticks; {each:.1} each"
    );
    assert!(each <= 6.0, "{each} commands for each client");
    assert_eq!(sent["xrange"] as usize, 0, "everything was in memory");
    for mut client in back {
        assert_eq!(client.ask("rooms", &Value::Null).as_array().unwrap().len(), 2);
    }
}
