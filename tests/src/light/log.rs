//! Lines of a client's log, as `tests/python/audit.py` describes them.

use serde_json::Value;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// One file for all clients of the thread; complete when it is dropped.
#[derive(Debug)]
pub(super) struct Log(Mutex<BufWriter<File>>);

impl Log {
    pub(super) fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self(Mutex::new(BufWriter::with_capacity(1 << 20, File::create(path)?))))
    }

    /// `[t, client, what, …]`
    pub(super) fn line(&self, client: &str, what: &str, more: &[Value]) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut line = vec![Value::from(now.as_micros() as f64 / 1e3), client.into(), what.into()];
        line.extend_from_slice(more);
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk shows in the audit: what is not logged was not received.
        let _ = writeln!(file, "{}", Value::from(line));
    }
}
