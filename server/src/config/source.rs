//! Flags over environment over file over defaults: which text each setting ends up with, and whence.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::setting::{Setting, normal_name};
use super::table::SETTINGS;
use super::value::Raw;
use super::vars::Vars;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// On the command line.
    Flag,
    /// In this environment variable.
    Env(String),
    /// In this file.
    File(PathBuf),
    /// In the settings table.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One setting's value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) setting: &'static Setting,
    pub(super) raw: Raw,
    pub(super) source: Source,
}

/// Variables that start like ours and are read by others: the file's own name, the test run's.
const NOT_SETTINGS: &[&str] = &["CRIER_CONFIG", "CRIER_SUITES"];

/// One [`Entry`] for every row of the table, in its order.
pub(super) fn merge(
    vars: &impl Vars,
    file: Option<(&Path, &str)>,
    flags: &[(String, String)],
    errors: &mut Vec<ConfigError>,
) -> Vec<Entry> {
    let mut layers = vec![flag_layer(flags, vars, errors), env_layer(vars, errors)];
    if let Some((path, text)) = file {
        layers.push(file_layer(path, text, vars, errors));
    }
    let entry = |setting: &'static Setting| {
        let found = layers.iter().find_map(|layer| {
            layer.iter().find(|entry| std::ptr::eq(entry.setting, setting)).cloned()
        });
        let default = || Raw::Text(setting.default.to_owned());
        found.unwrap_or_else(|| Entry { setting, raw: default(), source: Source::Default })
    };
    SETTINGS.iter().map(entry).collect()
}

/// What one source gives, before the sources are laid over each other.
type Layer = Vec<Entry>;

fn flag_layer(
    flags: &[(String, String)],
    vars: &impl Vars,
    errors: &mut Vec<ConfigError>,
) -> Layer {
    let mut layer = Layer::new();
    for (name, value) in flags {
        let raw = Raw::Text(value.clone());
        // `--set` repeated means the last one, as with every flag.
        if let Some(found) = resolve(name) {
            layer.retain(|entry| !std::ptr::eq(entry.setting, found.setting));
        }
        add(&mut layer, name, raw, &Source::Flag, vars, errors);
    }
    layer
}

fn env_layer(vars: &impl Vars, errors: &mut Vec<ConfigError>) -> Layer {
    let mut ours = Vec::new();
    let mut all = vars.all();
    all.sort();
    for (name, value) in all.iter().filter(|(_, value)| !value.trim().is_empty()) {
        let Some(rest) = name.strip_prefix("CRIER_") else {
            continue;
        };
        let skipped = NOT_SETTINGS.contains(&name.as_str())
            || is_kubernetes_link(name)
            || SETTINGS.iter().any(|setting| is_alias_of(setting, name));
        if !skipped {
            let source = Source::Env(name.clone());
            add(&mut ours, rest, Raw::Text(value.clone()), &source, vars, errors);
        }
    }
    // The further names count only where ours is absent: a `JWT_SECRET` that lies around must not
    // argue with `CRIER_AUTH_SECRET`.
    for setting in SETTINGS {
        for alias in setting.aliases {
            if ours.iter().any(|entry| std::ptr::eq(entry.setting, setting)) {
                break;
            }
            let named = |(name, value): &&(String, String)| {
                !value.trim().is_empty()
                    && (name == alias || name.strip_suffix("_FILE") == Some(alias))
                    && (name == alias || setting.may_come_from_file())
            };
            for (name, value) in all.iter().filter(named) {
                let suffix = if name == alias { "" } else { "_file" };
                let key = format!("{}{suffix}", setting.key);
                let source = Source::Env(name.clone());
                add(&mut ours, &key, Raw::Text(value.clone()), &source, vars, errors);
            }
        }
    }
    ours
}

fn file_layer(path: &Path, text: &str, vars: &impl Vars, errors: &mut Vec<ConfigError>) -> Layer {
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            let end = error.span().map_or(0, |span| span.start);
            let before = text.get(..end).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let reason = error.message().to_owned();
            errors.push(ConfigError::Toml { path: path.to_owned(), line, reason });
            return Layer::new();
        }
    };
    let mut layer = Layer::new();
    let source = Source::File(path.to_owned());
    let mut flat = Vec::new();
    flatten("", &table, &mut flat);
    for (name, value) in flat {
        let raw = match &value {
            toml::Value::Array(items) => Raw::List(items.iter().map(scalar).collect()),
            one => Raw::Text(scalar(one)),
        };
        add(&mut layer, &name, raw, &source, vars, errors);
    }
    layer
}

/// Names with their section, dotted. A table inside a section is one more word of the name.
fn flatten(section: &str, table: &toml::Table, flat: &mut Vec<(String, toml::Value)>) {
    for (key, value) in table {
        let name = if section.is_empty() { key.clone() } else { format!("{section}.{key}") };
        match value {
            // Its keys are patterns of rooms, not names.
            toml::Value::Table(rules) if name == "rooms.policy" => {
                let rules = rules.iter().map(|(pattern, who)| rule(pattern, who));
                flat.push((name, toml::Value::Array(rules.collect())));
            }
            toml::Value::Table(inner) => flatten(&name, inner, flat),
            value => flat.push((name, value.clone())),
        }
    }
}

/// A row of `[rooms.policy]` as the other sources write it.
fn rule(pattern: &str, who: &toml::Value) -> toml::Value {
    let words = match who {
        toml::Value::Array(words) => words.iter().map(scalar).collect::<Vec<_>>().join(" "),
        one => scalar(one),
    };
    toml::Value::String(format!("{pattern}={words}"))
}

fn scalar(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        // `maxHttpBufferSize = 1e6`, as Socket.IO's documentation writes it, is a fraction to TOML.
        toml::Value::Float(number) if number.fract() == 0.0 => format!("{number:.0}"),
        // What no setting takes, its error can show.
        toml::Value::Array(_)
        | toml::Value::Table(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => value.to_string(),
    }
}

fn add(
    layer: &mut Layer,
    name: &str,
    raw: Raw,
    source: &Source,
    vars: &impl Vars,
    errors: &mut Vec<ConfigError>,
) {
    let Some(Resolved { setting, in_file }) = resolve(name) else {
        let name = match source {
            Source::Env(env) => env.clone(),
            Source::Flag | Source::File(_) | Source::Default => name.to_owned(),
        };
        let nearest = nearest(&name, source);
        errors.push(ConfigError::Unknown { name, at: source.clone(), nearest });
        return;
    };
    if layer.iter().any(|entry| std::ptr::eq(entry.setting, setting)) {
        errors.push(ConfigError::Twice { key: setting.key, at: source.clone() });
        return;
    }
    let raw = if in_file {
        let path = PathBuf::from(raw.shown());
        match vars.read(&path) {
            // Editors and `kubectl create secret` end a file with a line feed.
            Ok(text) => Raw::Text(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                let (at, reason) = (source.clone(), error.to_string());
                errors.push(ConfigError::Unreadable { path, at, reason });
                return;
            }
        }
    } else {
        raw
    };
    layer.push(Entry { setting, raw, source: source.clone() });
}

struct Resolved {
    setting: &'static Setting,
    /// The value is the path of the file that holds it.
    in_file: bool,
}

fn resolve(name: &str) -> Option<Resolved> {
    let name = normal_name(name);
    let exact = SETTINGS.iter().find(|setting| setting.normal() == name);
    if let Some(setting) = exact {
        return Some(Resolved { setting, in_file: false });
    }
    let base = name.strip_suffix("_file")?;
    let setting =
        SETTINGS.iter().find(|setting| setting.may_come_from_file() && setting.normal() == base)?;
    Some(Resolved { setting, in_file: true })
}

fn is_alias_of(setting: &Setting, name: &str) -> bool {
    let base = name.strip_suffix("_FILE").filter(|_| setting.may_come_from_file());
    setting.aliases.iter().any(|alias| *alias == name || Some(*alias) == base)
}

/// Whether Kubernetes made this variable of a service called `crier` or `crier-…`:
/// `CRIER_PORT=tcp://…`, `CRIER_REST_SERVICE_HOST`, `CRIER_PORT_3000_TCP_ADDR`. No setting of ours
/// may ever be named so.
fn is_kubernetes_link(name: &str) -> bool {
    let numbered =
        name.split("_PORT_").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    name.ends_with("_PORT")
        || name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || numbered
}

/// The setting that was probably meant, in the words of the source.
fn nearest(name: &str, source: &Source) -> Option<String> {
    let written = normal_name(name.strip_prefix("CRIER_").unwrap_or(name));
    let leaf =
        |setting: &Setting| normal_name(setting.key.rsplit('.').next().unwrap_or(setting.key));
    let distance = |setting: &Setting| {
        // A key in the wrong section is nearer than any typing error.
        let written_leaf = written.split_once('_').map_or("", |(_, rest)| rest);
        let moved = leaf(setting) == written || leaf(setting) == written_leaf;
        let typed = strsim::damerau_levenshtein(&setting.normal(), &written);
        let leaf_typed = strsim::damerau_levenshtein(&leaf(setting), &written) + 1;
        if moved { 0 } else { typed.min(leaf_typed) }
    };
    let (distance, setting) =
        SETTINGS.iter().map(|setting| (distance(setting), setting)).min_by_key(|(d, _)| *d)?;
    if distance > written.len() / 3 + 1 {
        return None;
    }
    Some(match source {
        Source::Env(_) => setting.env(),
        Source::Flag | Source::File(_) | Source::Default => setting.key.to_owned(),
    })
}
