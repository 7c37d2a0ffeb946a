//! The verdict: `tests/python/audit.py`, which reads nothing but the logs, and is itself put to the test.

use crate::process::{self, Failure, Outcome};
use crate::workspace;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// A million lines are read in some ten seconds.
const LIMIT: Duration = Duration::from_secs(900);

/// What a planted fault must be found as.
const PLANTED: [(&str, &str); 4] =
    [("loss", "lost"), ("double", "doubled"), ("swap", "reordered"), ("leak", "leaked")];

/// What the audit counted.
#[derive(Debug)]
pub struct Report(Value);

impl Report {
    /// Audits a folder of logs.
    ///
    /// # Errors
    /// When the audit itself fails; what it finds is in the report.
    pub fn of(logs: &Path, owed: u64) -> Outcome<Self> {
        let mut python = python("audit.py");
        python.arg(logs).args(["--json", "--report-only", "--owed-min", &owed.to_string()]);
        let text = process::capture(&mut python, LIMIT)?.successful("audit.py")?;
        let value = serde_json::from_str(&text);
        Ok(Self(value.map_err(|error| Failure::new(format!("audit.py: {error}: {text}")))?))
    }

    /// A count.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        self.0.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    /// A share, where there is one.
    #[must_use]
    pub fn share(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }

    /// Everything, `name value` a line.
    #[must_use]
    pub fn table(&self) -> String {
        let object = self.0.as_object();
        let rows =
            object.into_iter().flatten().map(|(name, value)| format!("  {name:24} {value}\n"));
        rows.collect()
    }

    /// The counts that make it red.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let failed = self.0.get("failed").and_then(Value::as_array);
        let names = failed.into_iter().flatten().filter_map(Value::as_str);
        names.map(|name| format!("{name} {}", self.0.get(name).unwrap_or(&Value::Null))).collect()
    }
}

/// Whether the audit sees: plants one loss, double, swap and leak each into a copy of these logs, which must be clean.
///
/// # Errors
/// When it does not find exactly the planted one.
pub fn prove(logs: &Path) -> Outcome {
    for (kind, count) in PLANTED {
        let copy = process::TempDir::new("planted")?;
        let mut plant = python("plant.py");
        plant.arg(kind).arg(logs).arg(copy.path());
        process::capture(&mut plant, LIMIT)?.successful("plant.py")?;
        let report = Report::of(copy.path(), 0)?;
        if report.count(count) != 1 {
            let found = report.faults().join(", ");
            return Err(Failure::new(format!("a planted {kind} was counted as [{found}]")));
        }
    }
    Ok(())
}

fn python(script: &str) -> std::process::Command {
    let mut python = process::command("python3");
    python.arg(workspace::root().join("tests/python").join(script));
    python
}
