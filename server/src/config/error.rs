//! What can be wrong with a configuration. All of it is reported at once.

use std::fmt;
use std::path::PathBuf;

use super::source::Source;

/// Everything wrong that was found, one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

/// One thing wrong. No variant carries the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A name that is no setting.
    #[error("{name}: no such setting ({at}){}", did_you_mean(.nearest.as_deref()))]
    Unknown {
        /// As it was written.
        name: String,
        /// Where it stands.
        at: Source,
        /// The setting that was probably meant, written as that source writes it.
        nearest: Option<String>,
    },
    /// One source gives one setting twice (`pingInterval` and `ping_interval`, a secret and its file).
    #[error("{key}: given twice ({at}); keep one")]
    Twice {
        /// The setting.
        key: &'static str,
        /// The second place.
        at: Source,
    },
    /// A value that its setting cannot take.
    #[error("{key}: {}expected {legal} ({at})", shown(.value.as_deref()))]
    Value {
        /// The setting.
        key: &'static str,
        /// As it was written; none for a secret.
        value: Option<String>,
        /// What would be legal.
        legal: String,
        /// Where it stands.
        at: Source,
    },
    /// Settings that are legal each by itself and not together.
    #[error("{key}: {rule}")]
    Rule {
        /// The setting to change first.
        key: &'static str,
        /// What must hold, and how to make it so.
        rule: String,
    },
    /// A file that was asked for and cannot be read.
    #[error("{}: cannot be read ({at}): {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Who named it.
        at: Source,
        /// What the system says.
        reason: String,
    },
    /// The file is not TOML. The line itself is not shown: it may hold a secret.
    #[error("{}:{line}: {reason}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the TOML reader says.
        reason: String,
    },
}

fn did_you_mean(name: Option<&str>) -> String {
    name.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

fn shown(value: Option<&str>) -> String {
    value.map(|value| format!("{value:?} is not legal: ")).unwrap_or_default()
}
