//! `crier`.
fn main() {}
