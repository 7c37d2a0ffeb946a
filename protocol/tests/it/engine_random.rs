//! Random operations at random times: the invariants of `crier_protocol::fuzz::session_ops`.

use crier_protocol::fuzz;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_operations_keep_the_invariants(ops in proptest::collection::vec(any::<u8>(), 0..400)) {
        fuzz::session_ops(&ops);
    }

    #[test]
    fn any_bytes_keep_the_packet_invariants(data: Vec<u8>) {
        fuzz::eio_packet(&data);
    }

    #[test]
    fn any_records_keep_the_payload_invariants(
        body in "([0-7b][a-zA-Z0-9+/=é]{0,6}\x1e){0,6}[0-7b]?[A-D=]{0,4}"
    ) {
        fuzz::eio_payload(body.as_bytes());
    }
}
