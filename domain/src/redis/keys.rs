//! The names of everything that Crier has in Redis.

use super::RedisUrlError;

/// Bytes of a prefix.
const PREFIX_MAX: usize = 64;

/// Keys and channels. All begin with `{prefix}:`, so that a cluster keeps them in one slot and one
/// script may touch several of them; another prefix is another Crier in the same Redis.
#[derive(Clone, Debug)]
pub struct Keys {
    /// With braces and colon.
    base: String,
    fixed: Fixed,
}

/// Those that scripts name at every call.
#[derive(Clone, Debug)]
struct Fixed {
    bus: String,
    ask: String,
    log: String,
    marks: String,
    number: String,
    epoch: String,
    records: String,
    index: String,
    expiries: String,
    version: String,
}

impl Keys {
    /// The names under a prefix, such as `crier`.
    ///
    /// # Errors
    ///
    /// [`RedisUrlError::Prefix`].
    pub fn new(prefix: &str) -> Result<Self, RedisUrlError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if !(1..=PREFIX_MAX).contains(&prefix.len()) || !prefix.bytes().all(allowed) {
            return Err(RedisUrlError::Prefix);
        }
        let base = format!("{{{prefix}}}:");
        let of = |name: &str| format!("{base}{name}");
        let fixed = Fixed {
            bus: of("bus"),
            ask: of("ask"),
            log: of("log"),
            marks: of("marks"),
            number: of("n"),
            epoch: of("epoch"),
            records: of("records"),
            index: of("index"),
            expiries: of("expiries"),
            version: of("version"),
        };
        Ok(Self { base, fixed })
    }

    /// What every name begins with: `{crier}:`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Any other name under the prefix: `{crier}:` and this.
    pub fn named(&self, name: &str) -> String {
        format!("{}{name}", self.base)
    }

    /// Channel: events, logged and ephemeral, and ticks.
    pub fn bus(&self) -> &str {
        &self.fixed.bus
    }

    /// Channel: requests to every replica.
    pub fn ask(&self) -> &str {
        &self.fixed.ask
    }

    /// Channel: answers to one who asked.
    pub fn answers(&self, who: &str) -> String {
        self.named(&format!("ans:{who}"))
    }

    /// Stream: the events by number, `n-0`, with the fields `t` (Redis's ms since 1970) and `b` (sealed
    /// [`BusEvent`](super::BusEvent)).
    pub fn log(&self) -> &str {
        &self.fixed.log
    }

    /// List: `t:n`, about one a second, by which the log is trimmed.
    pub fn marks(&self) -> &str {
        &self.fixed.marks
    }

    /// Text: the number of the newest event.
    pub fn number(&self) -> &str {
        &self.fixed.number
    }

    /// Text: which life of the log it is; 16 hex digits.
    pub fn epoch(&self) -> &str {
        &self.fixed.epoch
    }

    /// Hash: records of the store, by their keys.
    pub fn records(&self) -> &str {
        &self.fixed.records
    }

    /// Sorted set: the records' keys in their order, all of score 0.
    pub fn index(&self) -> &str {
        &self.fixed.index
    }

    /// Sorted set: keys of records that cease to be, by when.
    pub fn expiries(&self) -> &str {
        &self.fixed.expiries
    }

    /// Text: the version of the newest commit.
    pub fn version(&self) -> &str {
        &self.fixed.version
    }

    /// Text: one claim of the store; ceases by itself.
    pub fn claim(&self, key: &str) -> String {
        self.named(&format!("claim:{key}"))
    }

    /// Hash: what became of the newest batch of one writer; ceases by itself.
    pub fn writer(&self, id: &str) -> String {
        self.named(&format!("writer:{id}"))
    }

    /// Hash: a session, for recovery.
    pub fn session(&self, pid: &str) -> String {
        self.named(&format!("s:{pid}"))
    }

    /// Text: one replica's lease.
    pub fn lease(&self, replica: &str) -> String {
        self.named(&format!("lease:{replica}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_in_the_slot_of_the_prefix() {
        let keys = Keys::new("shop-1").unwrap();
        assert_eq!(keys.bus(), "{shop-1}:bus");
        assert_eq!(keys.answers("r1"), "{shop-1}:ans:r1");
        assert_eq!(keys.claim("a}{b"), "{shop-1}:claim:a}{b");
        assert_eq!(keys.named("x"), format!("{}x", keys.base()));
        for prefix in ["", "a}b", "a{b", "a b", "a:b", "é", &"a".repeat(65)] {
            assert_eq!(Keys::new(prefix).unwrap_err(), RedisUrlError::Prefix, "{prefix}");
        }
    }
}
