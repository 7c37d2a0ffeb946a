//! What a run found: a table for people, JSON for programs.

use std::{fmt, io, path::Path};

use serde_json::{Map, Value, json};

/// The form of the JSON; another number where a program that reads it would have to be changed.
pub const SCHEMA_VERSION: u32 = 1;

/// The results of one scenario.
#[derive(Clone, Debug)]
pub struct Report {
    scenario: &'static str,
    settings: Value,
    rows: Vec<Row>,
    faults: Vec<String>,
}

#[derive(Clone, Debug)]
struct Row {
    key: &'static str,
    label: &'static str,
    value: f64,
    unit: &'static str,
    decimals: usize,
}

impl Report {
    /// A report on a run with these settings.
    pub fn new(scenario: &'static str, settings: Value) -> Self {
        Self { scenario, settings, rows: Vec::new(), faults: Vec::new() }
    }

    /// Adds a figure: its key in JSON, its words in the table, its unit.
    pub fn figure(
        &mut self,
        key: &'static str,
        label: &'static str,
        value: f64,
        unit: &'static str,
    ) {
        let decimals = if unit.is_empty() { 0 } else { 2 };
        self.rows.push(Row { key, label, value, unit, decimals });
    }

    /// Adds a count.
    pub fn count(&mut self, key: &'static str, label: &'static str, value: u64) {
        self.figure(key, label, float(value), "");
    }

    /// Says that the run failed, and why.
    pub fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    /// Adds a count of something that must not happen, and a fault if it did.
    pub fn must_be_zero(&mut self, key: &'static str, label: &'static str, value: u64) {
        self.count(key, label, value);
        if value > 0 {
            self.fault(format!("{label}: {value}, must be 0"));
        }
    }

    /// Whether nothing failed.
    pub fn is_good(&self) -> bool {
        self.faults.is_empty()
    }

    /// Figures are `{ value, unit }` by their keys; `unit` is empty for a count.
    pub fn json(&self) -> Value {
        let figure = |row: &Row| {
            let value = json!({ "value": row.value, "unit": row.unit });
            (row.key.to_owned(), value)
        };
        json!({
            "schema_version": SCHEMA_VERSION,
            "scenario": self.scenario,
            "settings": self.settings,
            "figures": self.rows.iter().map(figure).collect::<Map<_, _>>(),
            "faults": self.faults,
        })
    }

    /// Writes the JSON to a file.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, format!("{:#}\n", self.json()))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.scenario)?;
        for row in &self.rows {
            let Row { label, value, unit, decimals, .. } = row;
            writeln!(f, "  {label:<38} {value:>14.decimals$} {unit}")?;
        }
        for fault in &self.faults {
            writeln!(f, "  FAILED: {fault}")?;
        }
        Ok(())
    }
}

/// A count as a number that can be divided; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "no run counts that far")]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// What one of `count` has of a total; 0 where there was none.
pub fn share(total: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { total / float(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new("idle", json!({ "connections": 2 }));
        report.figure("idle_kib", "memory per idle client", 3.456, "KiB");
        report.must_be_zero("disconnects", "disconnects", 0);
        report
    }

    #[test]
    fn the_table_lines_up_and_the_json_says_the_same() {
        let report = report();
        assert_eq!(
            report.to_string(),
            "idle\n  memory per idle client                           3.46 KiB\n  \
             disconnects                                         0 \n"
        );
        assert_eq!(
            report.json(),
            json!({
                "schema_version": 1,
                "scenario": "idle",
                "settings": { "connections": 2 },
                "figures": {
                    "idle_kib": { "value": 3.456, "unit": "KiB" },
                    "disconnects": { "value": 0.0, "unit": "" },
                },
                "faults": [],
            })
        );
        assert!(report.is_good());
    }

    #[test]
    fn what_must_not_happen_fails_the_run() {
        let mut report = report();
        report.must_be_zero("lost", "lost events", 3);
        assert!(!report.is_good());
        assert!(report.to_string().contains("FAILED: lost events: 3, must be 0"));
        assert_eq!(report.json()["faults"], json!(["lost events: 3, must be 0"]));
    }
}
