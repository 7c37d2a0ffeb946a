//! Node servers, the official emitter and Crier on one Redis: each feature used by a Node server and by
//! Crier, seen by clients of all three.

use crier_protocol::{
    Namespace,
    redis_adapter::{
        Bounds, Response,
        classic::{Broadcast, Request},
        sharded::Envelope,
    },
};
use tests::interop::{Form, Third, replicas, run, vectors};

/// Features, each by a Node server and by Crier.
const MIXED: usize = 2 * 22;
/// Features of the emitter.
const EMITTER: usize = 13;

fn check(form: Form, cells: usize) {
    if let Err(failure) = run(form, Third::Crier, cells) {
        panic!("{failure}");
    }
}

#[test]
fn the_emitter_publishes_into_crier() {
    check(Form::Emitter, EMITTER);
}

#[test]
fn with_the_classic_adapter() {
    check(Form::Classic, MIXED);
}

#[test]
fn with_answers_on_specific_channels() {
    check(Form::ClassicSpecific, MIXED);
}

#[test]
fn with_the_sharded_adapter_and_static_subscriptions() {
    check(Form::ShardedStatic, MIXED);
}

#[test]
fn with_the_sharded_adapter_and_dynamic_subscriptions() {
    check(Form::ShardedDynamic, MIXED);
}

#[test]
fn with_the_sharded_adapter_and_channels_of_private_rooms() {
    check(Form::ShardedDynamicPrivate, MIXED);
}

#[test]
fn the_same_tests_hold_among_node_servers() {
    for form in [Form::Classic, Form::ShardedDynamic] {
        if let Err(failure) = run(form, Third::Node, MIXED) {
            panic!("{failure}");
        }
    }
}

#[test]
fn one_of_two_replicas_takes_what_node_emits() {
    for form in [Form::Classic, Form::ShardedStatic] {
        if let Err(failure) = replicas(form) {
            panic!("{failure}");
        }
    }
}

/// The copy in `protocol/testdata` is of one day; this is what the installed packages publish now, the
/// large payloads too.
#[test]
fn the_packages_publish_what_we_write_byte_by_byte() {
    let (lines, bounds) = (vectors().unwrap(), Bounds::default());
    let mut exact = 0;
    for line in lines.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [form, kind, precision, _, namespace, hex] = fields[..] else { panic!("{line}") };
        let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2).unwrap(), 16).unwrap();
        let payload: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let namespace = Namespace::parse(namespace.to_owned(), 128).unwrap();
        let written = match (form, kind) {
            ("classic", "broadcast") => Broadcast::decode(&payload, &bounds).map(|m| m.encode()),
            ("classic", "request") => {
                Request::decode(&payload, &namespace, &bounds).map(|m| m.encode(&namespace))
            }
            ("classic", _) => {
                Response::decode_classic(&payload, &bounds).map(|m| m.encode_classic())
            }
            (_, _) => Envelope::decode(&payload, &bounds).map(|m| m.encode().unwrap()),
        };
        let written = written.unwrap_or_else(|error| panic!("{error}: {form} {kind}"));
        if precision == "exact" {
            assert!(written == payload, "{form} {kind}: {}", String::from_utf8_lossy(&written));
            exact += 1;
        }
    }
    tests::report::line(&format!("interop, payloads byte by byte: {exact} passed, 0 failed"));
    assert!(exact >= 60, "{exact} payloads");
}
