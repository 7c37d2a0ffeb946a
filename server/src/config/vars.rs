//! What parsing may see of the outside: environment variables, and files that they name.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The outside, so that [`Config::parse`](super::Config::parse) stays a pure function.
pub trait Vars {
    /// Every variable's name and value. Order does not matter.
    fn all(&self) -> Vec<(String, String)>;

    /// The text of a file, for `…_FILE` settings and `crier.toml`.
    ///
    /// # Errors
    /// Those of reading the file; one that is not UTF-8 is [`io::ErrorKind::InvalidData`].
    fn read(&self, path: &Path) -> io::Result<String>;
}

/// The process's environment and file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment;

impl Vars for Environment {
    fn all(&self) -> Vec<(String, String)> {
        // `vars` panics on text that is not UTF-8; such a variable is none of ours unless its
        // name says so, and then its value is refused by its own rule.
        std::env::vars_os()
            .map(|(name, value)| {
                (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
            })
            .collect()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }
}

/// An outside that is written down, for tests and examples.
#[derive(Clone, Debug, Default)]
pub struct MapVars {
    /// Environment variables.
    pub vars: BTreeMap<String, String>,
    /// Files by path.
    pub files: BTreeMap<String, String>,
}

impl MapVars {
    /// An environment of these variables and no files.
    #[must_use]
    pub fn new<const N: usize>(vars: [(&str, &str); N]) -> Self {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { vars: vars.collect(), files: BTreeMap::new() }
    }

    /// Adds a file.
    #[must_use]
    pub fn with_file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }
}

impl Vars for MapVars {
    fn all(&self) -> Vec<(String, String)> {
        self.vars.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let text = path.to_str().and_then(|path| self.files.get(path));
        text.cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}
