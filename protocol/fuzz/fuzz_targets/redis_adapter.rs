#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crier_protocol::fuzz::redis_adapter(data));
