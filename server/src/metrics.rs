//! Every metric: its name, its labels, its unit. No label has a value that a peer can choose.

use std::sync::OnceLock;

use crier_domain::event::system::NotRecovered;
use crier_protocol::{CloseReason, engine::TransportName};

use crate::recovery::Recovery;
use metrics::{Counter, counter, describe_counter, describe_gauge, gauge};

/// Gauges that are counted when they are read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) sessions: usize,
    pub(crate) sockets: usize,
    pub(crate) rooms: usize,
    pub(crate) namespaces: usize,
    pub(crate) tasks: usize,
    pub(crate) outbox_bytes: usize,
    pub(crate) log_entries: usize,
    pub(crate) log_bytes: usize,
    pub(crate) recoverable: usize,
}

pub(crate) fn describe() {
    describe_gauge!("crier_sessions", "Engine.IO sessions");
    describe_gauge!("crier_sockets", "Sockets in all namespaces");
    describe_gauge!("crier_rooms", "Rooms with members, sockets' own rooms apart");
    describe_gauge!("crier_namespaces", "Namespaces");
    describe_gauge!("crier_tasks", "Tasks of sessions");
    describe_gauge!("crier_outbox_bytes", "Bytes that wait for clients");
    describe_gauge!("crier_log_entries", "Events kept for clients that come back");
    describe_gauge!("crier_log_bytes", "Bytes of these events");
    describe_gauge!("crier_recoverable_sessions", "Sockets, and those whose client may come back");
    describe_gauge!("crier_http_connections", "Open TCP connections that speak HTTP");
    describe_counter!("crier_sessions_opened_total", "Sessions begun, by their first transport");
    describe_counter!("crier_sessions_closed_total", "Sessions ended, by reason");
    describe_counter!("crier_large_events_total", "Events over 10 KB that came in");
    describe_counter!("crier_upgrades_total", "Polling sessions that became websockets");
    describe_counter!("crier_packets_in_total", "Messages from clients");
    describe_counter!("crier_deliveries_total", "Events handed to sockets by broadcasts");
    describe_counter!("crier_entries_total", "Sockets let in, by what became of their recovery");
    describe_counter!("crier_replayed_total", "Events sent again to clients that came back");
    describe_gauge!(
        "crier_log_followed",
        "1 where events of the cluster come through, 0 where not"
    );
    describe_counter!(
        "crier_log_gaps_total",
        "Times that events of the cluster's log were missing here, by how that was noticed; of `lost` they stay so"
    );
    describe_counter!(
        "crier_log_filled_total",
        "Events read from the cluster's log since they were missing"
    );
    describe_counter!(
        "crier_log_foreign_total",
        "Messages on the cluster's channel, and events in its log, that are none of ours"
    );
    describe_counter!(
        "crier_undistributed_total",
        "Events that reached this replica alone, while the cluster could not be reached"
    );
    describe_counter!(
        "crier_sessions_saved_total",
        "Sessions written for recovery, by what became of it"
    );
    describe_counter!("crier_panics_total", "Handlers that panicked");
    describe_counter!(
        "crier_slow_consumers_total",
        "Sessions closed because their outbox was full"
    );
    describe_counter!("crier_violations_total", "Peers that broke a protocol, by layer");
    describe_counter!("crier_unknown_acks_total", "Acknowledgements that nobody waits for");
    describe_counter!("crier_dropped_asks_total", "Messages of other replicas not taken, by why");
    describe_counter!("crier_refused_requests_total", "Requests refused, by status");
    describe_counter!("crier_forwarded_total", "Requests for sessions of other replicas, by kind");
    describe_counter!(
        "crier_forward_failures_total",
        "Forwarded requests that no replica answered, by reason"
    );
    describe_counter!(
        "crier_forward_refused_total",
        "Requests on the way of other replicas that none of them signed, by reason"
    );
    describe_gauge!("crier_tunnels", "Websockets that pass through to other replicas");
}

pub(crate) fn gauges(now: &Gauges) {
    for (name, value) in [
        ("crier_sessions", now.sessions),
        ("crier_sockets", now.sockets),
        ("crier_rooms", now.rooms),
        ("crier_namespaces", now.namespaces),
        ("crier_tasks", now.tasks),
        ("crier_outbox_bytes", now.outbox_bytes),
        ("crier_log_entries", now.log_entries),
        ("crier_log_bytes", now.log_bytes),
        ("crier_recoverable_sessions", now.recoverable),
    ] {
        gauge!(name).set(f64::from(u32::try_from(value).unwrap_or(u32::MAX)));
    }
}

/// Whether events of the cluster come through.
pub(crate) fn log_followed(follows: bool) {
    gauge!("crier_log_followed").set(f64::from(u8::from(follows)));
}

/// Events of the log were missing.
pub(crate) fn gap(noticed: &'static str) {
    counter!("crier_log_gaps_total", "noticed" => noticed).increment(1);
}

/// Events that were missing were read.
pub(crate) fn filled(events: usize) {
    counter!("crier_log_filled_total").increment(u64::try_from(events).unwrap_or(u64::MAX));
}

/// Something on the channel or in the log is none of ours.
pub(crate) fn foreign() {
    counter!("crier_log_foreign_total").increment(1);
}

/// An event went to this replica alone.
pub(crate) fn undistributed() {
    counter!("crier_undistributed_total").increment(1);
}

/// A session was written, or not.
pub(crate) fn saved(outcome: &'static str) {
    counter!("crier_sessions_saved_total", "outcome" => outcome).increment(1);
}

pub(crate) fn opened(transport: TransportName) {
    counter!("crier_sessions_opened_total", "transport" => transport.as_str()).increment(1);
}

pub(crate) fn closed(reason: CloseReason) {
    counter!("crier_sessions_closed_total", "reason" => reason.as_str()).increment(1);
}

pub(crate) fn upgraded() {
    counter!("crier_upgrades_total").increment(1);
}

pub(crate) fn packet_in() {
    static COUNTER: OnceLock<Counter> = OnceLock::new();
    COUNTER.get_or_init(|| counter!("crier_packets_in_total")).increment(1);
}

pub(crate) fn delivered(receivers: usize) {
    static COUNTER: OnceLock<Counter> = OnceLock::new();
    let receivers = u64::try_from(receivers).unwrap_or(u64::MAX);
    COUNTER.get_or_init(|| counter!("crier_deliveries_total")).increment(receivers);
}

pub(crate) fn entered(outcome: Recovery) {
    let outcome = match outcome {
        Recovery::Fresh => "fresh",
        Recovery::Recovered => "recovered",
        Recovery::NotRecovered(NotRecovered::Expired) => "expired",
        Recovery::NotRecovered(NotRecovered::Unknown) => "unknown",
        Recovery::NotRecovered(NotRecovered::UserChanged) => "user-changed",
        Recovery::NotRecovered(NotRecovered::LogLost) => "log-lost",
        Recovery::NotRecovered(NotRecovered::TooMuch) => "too-much",
    };
    counter!("crier_entries_total", "recovery" => outcome).increment(1);
}

pub(crate) fn replayed(events: usize) {
    let events = u64::try_from(events).unwrap_or(u64::MAX);
    counter!("crier_replayed_total").increment(events);
}

pub(crate) fn large_event() {
    counter!("crier_large_events_total").increment(1);
}

pub(crate) fn panicked() {
    counter!("crier_panics_total").increment(1);
}

pub(crate) fn slow_consumer() {
    counter!("crier_slow_consumers_total").increment(1);
}

pub(crate) fn websocket_violation() {
    counter!("crier_violations_total", "layer" => "websocket").increment(1);
}

pub(crate) fn packet_violation() {
    counter!("crier_violations_total", "layer" => "socket.io").increment(1);
}

pub(crate) fn unknown_ack() {
    counter!("crier_unknown_acks_total").increment(1);
}

pub(crate) fn dropped_ask(why: &'static str) {
    counter!("crier_dropped_asks_total", "why" => why).increment(1);
}

pub(crate) fn refused(status: http::StatusCode) {
    counter!("crier_refused_requests_total", "status" => status.as_str().to_owned()).increment(1);
}

pub(crate) fn forwarded(kind: &'static str) {
    counter!("crier_forwarded_total", "kind" => kind).increment(1);
}

pub(crate) fn forward_failed(reason: &'static str) {
    counter!("crier_forward_failures_total", "reason" => reason).increment(1);
}

pub(crate) fn forward_refused(reason: &'static str) {
    counter!("crier_forward_refused_total", "reason" => reason).increment(1);
}

pub(crate) fn tunnels(change: f64) {
    gauge!("crier_tunnels").increment(change);
}

pub(crate) fn http_connections(change: f64) {
    gauge!("crier_http_connections").increment(change);
}
