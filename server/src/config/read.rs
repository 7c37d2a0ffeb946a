//! Typed reading of the merged entries. What is wrong is noted, and reading goes on: all errors are
//! reported together.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crier_domain::{
    RoomRule,
    redis::{Keys, RedisUrl},
};
use crier_protocol::Namespace;
use tracing_subscriber::EnvFilter;

use super::error::ConfigError;
use super::origin::WebOrigin;
use super::secret::Secret;
use super::setting::{Kind, Setting};
use super::source::Entry;
use super::value::{self, Raw};

/// At least so many bytes in a secret that signs: HMAC-SHA256's own output size (RFC 7518, 3.2).
const KEY_MIN: usize = 32;

pub(super) struct Reader<'a> {
    pub(super) entries: &'a [Entry],
    pub(super) errors: &'a mut Vec<ConfigError>,
    /// Settings that were read, for the test that every row has a reader.
    pub(super) read: Vec<&'static str>,
}

impl Reader<'_> {
    /// Whether the setting was given, right or wrong.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.entry(key).is_some_and(|entry| !entry.raw.is_empty())
    }

    pub(super) fn address(&mut self, key: &'static str) -> SocketAddr {
        let none = SocketAddr::from(([127, 0, 0, 1], 0));
        self.value(key, |raw, _| value::address(raw.text()?)).unwrap_or(none)
    }

    pub(super) fn address_or_off(&mut self, key: &'static str) -> Option<SocketAddr> {
        self.value(key, |raw, _| match raw.text()? {
            "off" | "none" | "false" => Some(None),
            text => value::address(text).map(Some),
        })
        .flatten()
    }

    pub(super) fn host_port(&mut self, key: &'static str) -> Option<String> {
        self.value(key, |raw, _| value::host_port(raw.text()?))
    }

    pub(super) fn time(&mut self, key: &'static str) -> Duration {
        let time = self.value(key, |raw, kind| {
            let (bare, min, max) = match kind {
                Kind::Millis(min, max) => (true, min, max),
                Kind::Time(min, max) => (false, min, max),
                _ => return None,
            };
            let time = value::time(raw.text()?, bare)?;
            (min..=max).contains(&u64::try_from(time.as_millis()).ok()?).then_some(time)
        });
        time.unwrap_or_default()
    }

    /// Bytes or a count.
    pub(super) fn number(&mut self, key: &'static str) -> usize {
        let number = self.value(key, |raw, kind| {
            let text = raw.text()?;
            let (number, min, max) = match kind {
                Kind::Size(min, max) => (value::size(text)?, min, max),
                Kind::Count(min, max) => (value::whole(text)?, min, max),
                _ => return None,
            };
            (min..=max).contains(&number).then_some(usize::try_from(number).ok()?)
        });
        number.unwrap_or_default()
    }

    /// The same where it has to fit 32 bits.
    pub(super) fn small(&mut self, key: &'static str) -> u32 {
        // The bounds of such a row are far below; saturating is for the type alone.
        u32::try_from(self.number(key)).unwrap_or(u32::MAX)
    }

    /// A cap; `None` = no cap. `auto` is no cap where `loopback_only`.
    pub(super) fn cap(&mut self, key: &'static str, loopback_only: bool) -> Option<NonZeroUsize> {
        self.value(key, |raw, kind| {
            let number = match (raw.text()?, kind) {
                ("auto", Kind::AutoCap(_)) if loopback_only => 0,
                ("auto", Kind::AutoCap(auto)) => auto,
                (text, Kind::AutoCap(_)) => value::whole(text)?,
                _ => return None,
            };
            Some(NonZeroUsize::new(usize::try_from(number).ok()?))
        })
        .flatten()
    }

    pub(super) fn switch(&mut self, key: &'static str) -> bool {
        self.value(key, |raw, _| value::switch(raw.text()?)).unwrap_or_default()
    }

    /// One word, in any case, that `parse` knows.
    pub(super) fn word<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.value(key, |raw, _| parse(&raw.text()?.to_ascii_lowercase()))
    }

    /// Some words, in any case, that `parse` knows; each once, in the order of `all`.
    pub(super) fn words<T: Copy + PartialEq>(
        &mut self,
        key: &'static str,
        all: &[T],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        self.value(key, |raw, kind| {
            let items: Vec<String> =
                raw.items().iter().map(|item| item.to_ascii_lowercase()).collect();
            if matches!(kind, Kind::ChoicesOrNone(_)) && items == ["none"] {
                return Some(Vec::new());
            }
            let chosen: Vec<T> = items.iter().map(|item| parse(item)).collect::<Option<_>>()?;
            Some(all.iter().copied().filter(|one| chosen.contains(one)).collect())
        })
        .unwrap_or_default()
    }

    /// A filter of the log that `tracing` can read, as it was written.
    pub(super) fn filter(&mut self, key: &'static str) -> String {
        self.value(key, |raw, _| {
            let text = raw.shown();
            EnvFilter::try_new(&text).is_ok().then_some(text)
        })
        .unwrap_or_default()
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.value(key, |raw, _| raw.text().map(str::to_owned))
    }

    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let all = |raw: &Raw, _| Some(raw.items().iter().map(|&item| item.to_owned()).collect());
        self.value(key, all).unwrap_or_default()
    }

    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.value(key, |raw, kind| {
            let text = raw.text()?;
            let is_url = text.contains("://");
            (!is_url || !matches!(kind, Kind::LocalFile)).then(|| PathBuf::from(text))
        })
    }

    pub(super) fn url_path(&mut self, key: &'static str) -> String {
        self.value(key, |raw, _| value::url_path(raw.text()?)).unwrap_or_default()
    }

    pub(super) fn hosts(&mut self, key: &'static str) -> Vec<String> {
        self.value(key, |raw, _| {
            let host = |item: &&str| {
                let bare = item.strip_prefix('[').and_then(|item| item.strip_suffix(']'));
                let legal = match bare {
                    Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
                    None => value::is_host_name(item),
                };
                legal.then(|| item.to_ascii_lowercase())
            };
            raw.items().iter().map(host).collect()
        })
        .unwrap_or_default()
    }

    pub(super) fn origins(&mut self, key: &'static str) -> Option<Vec<WebOrigin>> {
        self.value(key, |raw, _| {
            raw.items().iter().map(|item| WebOrigin::configured(item)).collect()
        })
    }

    /// Names and the namespaces that they stand for. A name stands for one, and for no other name.
    pub(super) fn aliases(&mut self, key: &'static str) -> HashMap<Namespace, Namespace> {
        self.value(key, |raw, _| {
            let items = raw.items();
            if items == ["none"] {
                return Some(HashMap::new());
            }
            let parse = |name: &str| Namespace::parse(name.trim().to_owned(), 128);
            let mut aliases = HashMap::new();
            for item in &items {
                let (name, stands_for) = item.split_once('=')?;
                if aliases.insert(parse(name)?, parse(stands_for)?).is_some() {
                    return None;
                }
            }
            let is_chain = aliases.values().any(|stands_for| aliases.contains_key(stands_for));
            (!is_chain).then_some(aliases)
        })
        .unwrap_or_default()
    }

    pub(super) fn redis_url(&mut self, key: &'static str) -> Option<Secret> {
        self.value(key, |raw, _| {
            let text = raw.text()?;
            RedisUrl::parse(text).is_ok().then(|| Secret::new(text))
        })
    }

    pub(super) fn password(&mut self, key: &'static str) -> Option<Secret> {
        self.value(key, |raw, _| raw.text().map(Secret::new))
    }

    pub(super) fn prefix(&mut self, key: &'static str) -> String {
        let legal = |raw: &Raw, _| {
            let text = raw.text()?;
            Keys::new(text).is_ok().then(|| text.to_owned())
        };
        self.value(key, legal).unwrap_or_default()
    }

    /// Rules of `pattern=word word`, each pattern once.
    pub(super) fn room_rules(&mut self, key: &'static str) -> Vec<RoomRule> {
        self.read.push(key);
        let Some(entry) = self.entry(key) else { return Vec::new() };
        let (mut rules, mut wrong, mut known) = (Vec::new(), Vec::new(), Vec::new());
        for item in entry.raw.items() {
            let (pattern, words) = item.split_once('=').unwrap_or((item, ""));
            let pattern = pattern.trim();
            if known.contains(&pattern) {
                wrong.push(format!("{pattern}: given twice"));
            }
            known.push(pattern);
            match RoomRule::parse(pattern, &words.split_whitespace().collect::<Vec<_>>()) {
                Ok(rule) => rules.push(rule),
                Err(error) => wrong.push(error.to_string()),
            }
        }
        let at = entry.source.clone();
        let wrong = wrong.into_iter();
        self.errors
            .extend(wrong.map(|rule| ConfigError::Rule { key, rule: format!("{rule} ({at})") }));
        rules
    }

    pub(super) fn key(&mut self, key: &'static str) -> Option<Secret> {
        self.value(key, |raw, _| {
            let text = raw.text()?;
            (text.len() >= KEY_MIN).then(|| Secret::new(text))
        })
    }

    pub(super) fn keys(&mut self, key: &'static str) -> Vec<Secret> {
        self.value(key, |raw, kind| {
            let (min, max) = match kind {
                Kind::Keys => (KEY_MIN, 2),
                _ => (1, usize::MAX),
            };
            let items = raw.items();
            let legal = items.len() <= max && items.iter().all(|item| item.len() >= min);
            legal.then(|| items.into_iter().map(Secret::new).collect())
        })
        .unwrap_or_default()
    }

    /// Reads one setting; `None` where it is empty, and where it is not legal, which is noted. Only
    /// a setting without default may be empty.
    fn value<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&Raw, Kind) -> Option<T>,
    ) -> Option<T> {
        self.read.push(key);
        let entry = self.entry(key)?;
        if entry.raw.is_empty() && entry.setting.default.is_empty() {
            return None;
        }
        let value = parse(&entry.raw, entry.setting.kind);
        let is_legal = value.is_some() && !entry.raw.is_empty();
        if !is_legal {
            let error = illegal(entry);
            self.errors.push(error);
        }
        value
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.setting.key == key)
    }
}

/// A value as it may be shown.
pub(super) fn shown(setting: &Setting, raw: &Raw) -> String {
    match setting.kind {
        _ if raw.is_empty() => "none".to_owned(),
        _ if setting.is_secret() => "***".to_owned(),
        Kind::RedisUrl => value::without_password(&raw.shown()),
        _ => raw.shown(),
    }
}

fn illegal(entry: &Entry) -> ConfigError {
    let setting = entry.setting;
    let hidden = setting.is_secret();
    ConfigError::Value {
        key: setting.key,
        value: (!hidden)
            .then(|| if entry.raw.is_empty() { String::new() } else { shown(setting, &entry.raw) }),
        legal: setting.kind.legal(),
        at: entry.source.clone(),
    }
}
