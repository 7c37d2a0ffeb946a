//! `crier-bench`.
fn main() {}
