//! Whether a Redis is fit for what Crier keeps in it.

use std::{collections::HashMap, fmt};

use super::{Redis, RedisError, Script, cmd};

/// Output of a subscriber that must fit: one burst to a busy replica.
const PUBSUB_BYTES: u64 = 32 << 20;

/// The settings that matter.
const SETTINGS: [&str; 6] = [
    "maxmemory-policy",
    "appendonly",
    "appendfsync",
    "no-appendfsync-on-rewrite",
    "client-output-buffer-limit",
    "min-replicas-to-write",
];

/// Something about a Redis that is unsafe. Its text says what, and what to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Crier cannot run on it.
    Version {
        /// What it is.
        found: String,
        /// The least that does.
        needed: &'static str,
    },
    /// Keys may be dropped to make room.
    Eviction {
        /// The policy.
        policy: String,
    },
    /// Nothing is kept when it ends.
    NotKept,
    /// What was answered may be lost with the power.
    Fsync {
        /// The setting.
        appendfsync: String,
    },
    /// A rewrite of the file suspends syncing.
    FsyncDuringRewrite,
    /// Subscribers are cut off too early.
    PubsubBuffer {
        /// The hard limit, in bytes.
        bytes: u64,
    },
    /// A replica of Redis was reached, which takes no writes.
    ReadOnly,
    /// Writes are answered before any replica has them, so a failover may lose them.
    Replication,
    /// Nobody has to sign in.
    NoPassword,
    /// Its settings are not to be seen.
    Hidden,
}

impl Finding {
    /// Whether to go on would lose data or not work at all, so that a start is refused.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Version { .. } | Self::Eviction { .. } | Self::ReadOnly => true,
            Self::NotKept
            | Self::Fsync { .. }
            | Self::FsyncDuringRewrite
            | Self::PubsubBuffer { .. }
            | Self::Replication
            | Self::NoPassword
            | Self::Hidden => false,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { found, needed } => {
                write!(f, "Redis {found} is too old: Crier needs {needed} or newer")
            }
            Self::Eviction { policy } => write!(
                f,
                "Redis may drop the log, sessions and orders to make room (maxmemory-policy \
                 {policy}): set maxmemory-policy noeviction"
            ),
            Self::NotKept => f.write_str(
                "Redis keeps nothing when it ends (appendonly no): set appendonly yes and \
                 appendfsync always",
            ),
            Self::Fsync { appendfsync } => write!(
                f,
                "a loss of power takes back what was answered in the last second or more \
                 (appendfsync {appendfsync}): set appendfsync always"
            ),
            Self::FsyncDuringRewrite => f.write_str(
                "while the append-only file is rewritten nothing is synced \
                 (no-appendfsync-on-rewrite yes): set no-appendfsync-on-rewrite no",
            ),
            Self::PubsubBuffer { bytes } => write!(
                f,
                "Redis cuts a replica of Crier off at {bytes} bytes of output, which one burst may \
                 reach: set client-output-buffer-limit pubsub 64mb 16mb 30"
            ),
            Self::ReadOnly => f.write_str(
                "this Redis is a replica and takes no writes: name its master, or its sentinels \
                 (redis+sentinel://)",
            ),
            Self::Replication => f.write_str(
                "Redis answers before a replica has the write, so a failover may lose it: set \
                 min-replicas-to-write 1",
            ),
            Self::NoPassword => f.write_str(
                "whoever reaches Redis may do anything there: listen on loopback or a private \
                 network, and set up the ACL user of redis.conf",
            ),
            Self::Hidden => f.write_str(
                "Redis does not say how it is set up (CONFIG GET is not allowed): allow \
                 +config|get, or see to it that it is run with the redis.conf of Crier",
            ),
        }
    }
}

/// What the checks look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Facts {
    version: String,
    is_replica: bool,
    replicas: u64,
    /// `None` where it may not be seen.
    settings: Option<HashMap<&'static str, String>>,
    /// Whether others than this machine reach it without signing in.
    open: bool,
    /// Whether it is a cluster that Crier shards its channels in.
    cluster: bool,
}

impl Redis {
    /// One of the settings of Redis; `None` where it has none of that name.
    ///
    /// # Errors
    ///
    /// [`RedisError::Answer`] where it may not be seen.
    pub(super) async fn setting(&self, name: &str) -> Result<Option<String>, RedisError> {
        // One at a time: before 7.0 no more are taken.
        let answer = self.read(cmd("CONFIG").arg("GET").arg(name)).await;
        answer.map(|mut found: HashMap<String, String>| found.remove(name))
    }

    /// Asks Redis how it is set up and says what is unsafe, the worst first.
    ///
    /// # Errors
    ///
    /// See [`RedisError`].
    pub async fn check(&self) -> Result<Vec<Finding>, RedisError> {
        // Within a script, so that in a cluster it is the node that has our keys.
        let info =
            Script::new("return redis.call('INFO', 'server') .. redis.call('INFO', 'replication')");
        let info: String = self.read_script(&info, &[self.keys().number()], &[] as &[&str]).await?;
        let field = |name: &str| {
            let mut lines = info.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned())
        };
        let mut settings = Some(HashMap::new());
        for name in SETTINGS {
            match self.setting(name).await {
                Ok(value) => {
                    settings.as_mut().map(|known| known.insert(name, value.unwrap_or_default()));
                }
                Err(RedisError::Answer(_)) => settings = None,
                Err(error @ RedisError::Unavailable { .. }) => return Err(error),
            }
        }
        let facts = Facts {
            version: field("redis_version").unwrap_or_default(),
            is_replica: field("role").is_some_and(|role| role != "master"),
            replicas: field("connected_slaves").and_then(|n| n.parse().ok()).unwrap_or_default(),
            settings,
            open: self.is_open(),
            cluster: self.is_cluster(),
        };
        Ok(facts.findings())
    }
}

impl Facts {
    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let needed = if self.cluster { "7.0" } else { "6.2" };
        if version(&self.version) < version(needed) {
            findings.push(Finding::Version { found: self.version.clone(), needed });
        }
        if self.is_replica {
            findings.push(Finding::ReadOnly);
        }
        match &self.settings {
            None => findings.push(Finding::Hidden),
            Some(settings) => self.of_settings(settings, &mut findings),
        }
        if self.open {
            findings.push(Finding::NoPassword);
        }
        findings
    }

    fn of_settings(&self, settings: &HashMap<&'static str, String>, findings: &mut Vec<Finding>) {
        let setting = |name: &str| settings.get(name).map_or("", String::as_str);
        let policy = setting("maxmemory-policy");
        if policy != "noeviction" {
            findings.push(Finding::Eviction { policy: policy.to_owned() });
        }
        let appendfsync = setting("appendfsync");
        if setting("appendonly") != "yes" {
            findings.push(Finding::NotKept);
        } else if appendfsync != "always" {
            findings.push(Finding::Fsync { appendfsync: appendfsync.to_owned() });
        } else if setting("no-appendfsync-on-rewrite") == "yes" {
            findings.push(Finding::FsyncDuringRewrite);
        }
        let mut limits = setting("client-output-buffer-limit").split_whitespace();
        let hard = limits.find(|word| *word == "pubsub").and_then(|_| limits.next());
        let bytes = hard.and_then(|hard| hard.parse().ok()).unwrap_or_default();
        // 0 = none.
        if (1..=PUBSUB_BYTES).contains(&bytes) {
            findings.push(Finding::PubsubBuffer { bytes });
        }
        if self.replicas > 0 && setting("min-replicas-to-write") == "0" {
            findings.push(Finding::Replication);
        }
    }
}

/// The first two numbers of a version.
fn version(text: &str) -> (u64, u64) {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or_default());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As redis.conf has it.
    fn safe() -> Facts {
        let settings = [
            ("maxmemory-policy", "noeviction"),
            ("appendonly", "yes"),
            ("appendfsync", "always"),
            ("no-appendfsync-on-rewrite", "no"),
            ("client-output-buffer-limit", "normal 0 0 0 slave 1 1 1 pubsub 67108864 1 30"),
            ("min-replicas-to-write", "0"),
        ];
        Facts {
            version: "7.0.15".to_owned(),
            settings: Some(settings.map(|(name, value)| (name, value.to_owned())).into()),
            ..Facts::default()
        }
    }

    fn with(name: &'static str, value: &str) -> Facts {
        let mut facts = safe();
        facts.settings.as_mut().unwrap().insert(name, value.to_owned());
        facts
    }

    #[test]
    fn each_unsafe_setting_is_named_with_what_to_set() {
        let old = |version: &str, cluster| Facts { version: version.into(), cluster, ..safe() };
        let replicas = |facts: Facts| Facts { replicas: 1, ..facts };
        for (facts, said, fatal) in [
            (old("6.0.16", false), "6.2", true),
            (old("6.2.7", true), "7.0", true),
            (old("nonsense", false), "6.2", true),
            (with("maxmemory-policy", "allkeys-lru"), "maxmemory-policy noeviction", true),
            (Facts { is_replica: true, ..safe() }, "redis+sentinel", true),
            (with("appendonly", "no"), "appendonly yes", false),
            (with("appendfsync", "everysec"), "appendfsync always", false),
            (with("no-appendfsync-on-rewrite", "yes"), "no-appendfsync-on-rewrite no", false),
            (
                with("client-output-buffer-limit", "pubsub 33554432 8388608 60"),
                "client-output-buffer-limit pubsub 64mb",
                false,
            ),
            (replicas(safe()), "min-replicas-to-write 1", false),
            (Facts { open: true, ..safe() }, "ACL user", false),
            (Facts { settings: None, ..safe() }, "+config|get", false),
        ] {
            let findings = facts.findings();
            let [finding] = &findings[..] else { panic!("{said}: {findings:?}") };
            assert!(finding.to_string().contains(said), "{finding}");
            assert_eq!(finding.is_fatal(), fatal, "{finding}");
        }
        for fine in [
            safe(),
            old("6.2.0", false),
            old("8.0.1", true),
            with("client-output-buffer-limit", "pubsub 0 0 0"),
            replicas(with("min-replicas-to-write", "1")),
        ] {
            assert_eq!(fine.findings(), []);
        }
    }
}
