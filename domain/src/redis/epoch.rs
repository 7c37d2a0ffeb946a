//! Which life of the log it is: whether what a replica has seen of it is still there.
//!
//! A log that lost its end gives the same numbers again, to other events. Whoever had seen the first ones
//! would be told that nothing is missing. So a replica that lost its connection asks whether the last
//! event that it has seen is still that event; if not, the log gets another epoch, and every offset of
//! the one before is of no more use.

use std::sync::LazyLock;

use super::{Redis, RedisError, Script, Value, cmd, random_hex};

static LOOK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("look.lua")));

/// Puts another epoch in the place of this one, if it still is that one; which one it is now.
static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local epoch = redis.call('GET', KEYS[1])
        if epoch and epoch ~= ARGV[1] then return epoch end
        redis.call('SET', KEYS[1], ARGV[2])
        return ARGV[2]",
    )
});

/// What a replica has seen of the log last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The epoch: 16 hex digits.
    pub epoch: String,
    /// The newest event's number; 0 = none yet.
    pub number: u64,
    /// That event's time, in ms since 1970; `None` where it is not known.
    pub time: Option<u64>,
    /// Which process of Redis it was.
    pub run_id: String,
}

/// Why the epoch is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Another replica noticed before, or the log was removed.
    #[error("the log has another epoch")]
    OtherEpoch,
    /// The log ends before the event that was seen.
    #[error("the log has lost its end")]
    Shorter,
    /// The event that was seen is another one now.
    #[error("the log has lost its end and went on")]
    OtherEvent,
    /// Redis was started again and may have lost what it had not synced, or a replica of it, which may
    /// have been behind, took over.
    #[error("Redis was started again or failed over, and may have lost the log's end")]
    Restarted,
}

/// What the log is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What there is to be seen now; to be given to the next look.
    pub seen: Seen,
    /// Why what was seen before is of no more use, if it is so. The epoch is a new one by then.
    pub lost: Option<Lost>,
}

impl Redis {
    /// Looks at the log, and compares it with what was seen before, if anything. Where its end was lost,
    /// or may have been, its epoch is replaced, once, whoever else notices too.
    ///
    /// # Errors
    ///
    /// See [`RedisError`].
    pub async fn look(&self, before: Option<&Seen>) -> Result<Look, RedisError> {
        let keys = self.keys();
        let names = [keys.epoch(), keys.number(), keys.log()];
        let number = before.map_or(0, |seen| seen.number).to_string();
        let answer: Vec<String> = self.read_script(&LOOK, &names, &[random_hex(), number]).await?;
        let Ok([epoch, head, then, now, run_id, second, found]) = <[String; 7]>::try_from(answer)
        else {
            return Err(RedisError::unexpected("another number of answers"));
        };
        let head = head.parse().map_err(|_| RedisError::unexpected("no number of an event"))?;
        if found == "1" && before.is_none_or(|before| before.run_id != run_id) {
            self.rewrite().await;
        }
        let mut seen = Seen { epoch, number: head, time: now.parse().ok(), run_id };
        let Some(before) = before else { return Ok(Look { seen, lost: None }) };
        if before.epoch != seen.epoch {
            return Ok(Look { seen, lost: Some(Lost::OtherEpoch) });
        }
        let then = then.parse::<u64>().ok();
        let lost = if seen.number < before.number {
            Some(Lost::Shorter)
        } else if then.is_some() && before.time.is_some() && then != before.time {
            Some(Lost::OtherEvent)
        } else if seen.run_id != before.run_id && !self.keeps_everything(&second).await {
            Some(Lost::Restarted)
        } else {
            None
        };
        if let Some(lost) = lost {
            let replaced = [before.epoch.clone(), random_hex()];
            seen.epoch = self.read_script(&REPLACE, &[keys.epoch()], &replaced).await?;
            tracing::warn!(%lost, "offsets of before are of no more use");
        }
        Ok(Look { seen, lost })
    }

    /// Has the append-only file written anew, once after each start of Redis.
    ///
    /// A power cut may leave half of a script's writes at its end. Redis (7.0 to 8; mended in Valkey in
    /// 2026) ignores them then, but leaves their `MULTI` in the file, and the next start joins it with
    /// whatever was written behind: half a commit would be back, or a later write gone.
    async fn rewrite(&self) {
        if let Err(error) = self.query::<Value>(&cmd("BGREWRITEAOF")).await {
            // Another replica was first, or it is not allowed: redis.conf says what else helps.
            tracing::info!(%error, "Redis was started again and does not write its file anew");
        }
    }

    /// Whether a Redis that was started again has everything that it ever answered for: it syncs each
    /// write, and no other one took its place. Where it does not say, it is not so.
    async fn keeps_everything(&self, second: &str) -> bool {
        let failed_over = second.bytes().any(|digit| digit != b'0') || second.is_empty();
        if failed_over {
            return false;
        }
        let is = async |name, value| {
            let setting = self.setting(name).await;
            setting.is_ok_and(|setting| setting.as_deref() == Some(value))
        };
        is("appendonly", "yes").await && is("appendfsync", "always").await
    }
}
