//! Tests of the public suites that Crier does not pass, each with its reason.

/// A test that fails, and should.
#[derive(Debug)]
pub(super) struct ExpectedFailure {
    /// The suite's name.
    pub(super) suite: &'static str,
    /// The test's full title.
    pub(super) title: &'static str,
    /// Why it fails.
    pub(super) reason: &'static str,
}

/// The list; a test on it that passes fails the run, so that it stays true.
pub(super) const FAILURES: &[ExpectedFailure] = &[];
