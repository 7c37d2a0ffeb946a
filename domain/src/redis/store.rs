//! Records in Redis.

use std::{fmt, sync::LazyLock, time::Duration};

use bytes::Bytes;

use super::{
    Redis, RedisError, Script,
    job::Outcome,
    row,
    writer::{Overloaded, Writer},
};
use crate::{
    publish::Publish,
    store::{Commit, Committed, Key, Record, Scan, Store, StoreError, StoreFuture},
};

/// Expired records that one sweep removes at once.
const SWEEP: usize = 1_000;

/// When a next try makes sense after the queue was full: a batch takes milliseconds.
const BUSY: StoreError = StoreError::Unavailable { retry_after: Duration::from_millis(200) };

const UNAVAILABLE: StoreError = StoreError::Unavailable { retry_after: Duration::from_secs(1) };

static SCAN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scan.lua")));

/// Removes some of what has expired; how many.
static SWEEP_SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
        for _, key in ipairs(due) do
            redis.call('HDEL', KEYS[1], key)
            redis.call('ZREM', KEYS[2], key)
            redis.call('ZREM', KEYS[3], key)
        end
        return #due",
    )
});

/// The store that all replicas share. Cheap to clone.
///
/// A commit is one step of a script: claim, expectations, writes, events; with it goes what else waits at
/// this replica's writer, so that one fsync serves them all. It is answered once Redis has it as durably as it is set up to
/// (`appendfsync always`: on disk). [`StoreError::Unavailable`] says that it was not done, or that Redis
/// went away for longer than it was tried to find out; then only a claim tells.
///
/// A row whose shape is damaged is refused where it is expected to be something; one whose value is
/// damaged is noticed where it is read.
#[derive(Clone)]
pub struct RedisStore(Writer);

impl RedisStore {
    /// The store, over a writer.
    pub fn new(writer: Writer) -> Self {
        Self(writer)
    }

    /// Removes what has expired, all of it, some at a time; how many. Commits do some of it along the
    /// way, so this is for quiet times: once a minute on one replica is plenty.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let keys = self.0.keys();
        let names = [keys.records(), keys.index(), keys.expiries()];
        let mut swept = 0;
        loop {
            let args = [self.0.clock().unix_ms().to_string(), SWEEP.to_string()];
            let now: usize = self
                .redis()
                .read_script(&SWEEP_SCRIPT, &names, &args)
                .await
                .map_err(|e| told(&e))?;
            swept += now;
            if now < SWEEP {
                return Ok(swept);
            }
        }
    }

    fn redis(&self) -> &Redis {
        self.0.redis()
    }

    async fn read(&self, key: Key) -> Result<Option<Record>, StoreError> {
        let mut command = ::redis::cmd("HGET");
        command.arg(self.0.keys().records()).arg(key.as_bytes());
        let row: Option<Vec<u8>> = self.redis().read(&command).await.map_err(|e| told(&e))?;
        let Some(row) = row else { return Ok(None) };
        row::record(key.as_bytes(), &row.into(), self.0.clock().unix_ms()).map_err(|_| {
            tell_damaged(key.as_bytes());
            StoreError::Damaged
        })
    }

    async fn search(&self, scan: Scan) -> Result<Vec<(Key, Record)>, StoreError> {
        if scan.limit == 0 {
            return Ok(Vec::new());
        }
        let Some((from, to)) = range(&scan) else { return Ok(Vec::new()) };
        let keys = self.0.keys();
        let now = self.0.clock().unix_ms();
        let backwards: &[u8] = if scan.backwards { b"b" } else { b"f" };
        let mut asked = scan.limit;
        loop {
            let (limit, now_text) = (asked.to_string(), now.to_string());
            let args = [&from, &to, backwards, limit.as_bytes(), now_text.as_bytes()];
            let names = [keys.records(), keys.index()];
            let found = self.redis().read_script(&SCAN, &names, &args).await;
            let found: Vec<Vec<u8>> = found.map_err(|e| told(&e))?;
            let (rows, mut damaged) = (found.len() / 2, 0);
            let mut records = Vec::with_capacity(rows);
            let mut found = found.into_iter();
            while let (Some(key), Some(row)) = (found.next(), found.next()) {
                match row::record(&key, &Bytes::from(row), now) {
                    Ok(Some(record)) => records.push((Key::from_bytes(key), record)),
                    Ok(None) => {}
                    Err(_) => {
                        damaged += 1;
                        tell_damaged(&key);
                    }
                }
            }
            // The damaged ones took others' places: ask for so many more, so that it is of one moment.
            let missing = scan.limit.saturating_sub(records.len());
            if damaged == 0 || missing == 0 || rows < asked {
                records.truncate(scan.limit);
                return Ok(records);
            }
            asked = asked.saturating_add(damaged);
        }
    }

    async fn write(&self, commit: Commit) -> Result<Committed, StoreError> {
        let size = commit.check()?;
        let Commit { claim, writes, events } = commit;
        let asks = |event: &Publish| event.everyone_up_to.is_some() && event.settle.is_none();
        if let Some(claim) = claim.as_ref().filter(|_| events.iter().any(asks)) {
            // A repetition asks nobody.
            let known = self.0.known(claim).await.map_err(|e| told(&e))?;
            if let Some(outcome) = known {
                return self.committed(outcome, Some(&claim.key), &[]);
            }
        }
        let (later, now): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|event| event.settle.is_some() && event.key.is_some());
        let mut sealed = Vec::with_capacity(now.len());
        for event in &now {
            sealed.push(self.0.seal(event).await);
        }
        let outcome = self.0.commit(claim.as_ref(), Some(&writes), sealed, size).await;
        let outcome = outcome.map_err(|Overloaded| BUSY)?;
        if matches!(outcome, Outcome::Done(_)) {
            for event in later {
                self.send_settled(event).await;
            }
        }
        let keys: Vec<_> = writes.into_iter().map(|write| write.key).collect();
        self.committed(outcome, claim.as_ref().map(|claim| claim.key.as_str()), &keys)
    }

    /// An event that waits until its state has settled, or cannot wait. It is ephemeral.
    async fn send_settled(&self, event: Publish) {
        if let Some(event) = self.0.settle(event) {
            let sealed = self.0.seal(&event).await;
            if self.0.enqueue(sealed).is_err() {
                tracing::warn!(event = event.event, "no room for an event");
            }
        }
    }

    fn committed(
        &self,
        outcome: Outcome,
        claim: Option<&str>,
        keys: &[Key],
    ) -> Result<Committed, StoreError> {
        match outcome {
            Outcome::Done(version) => Ok(Committed::Done { version }),
            Outcome::Repeated(row) => match row::held(claim.unwrap_or_default(), &row) {
                Ok(held) => Ok(Committed::Repeated { answer: held.answer }),
                Err(_) => {
                    tell_damaged(claim.unwrap_or_default().as_bytes());
                    Err(StoreError::Damaged)
                }
            },
            Outcome::Claimed => Err(StoreError::Claimed),
            Outcome::Conflict(at) => match keys.get(at) {
                Some(key) => Err(StoreError::Conflict { key: key.clone() }),
                None => Err(UNAVAILABLE),
            },
            Outcome::Damaged(at) => {
                let claim = claim.unwrap_or_default().as_bytes();
                tell_damaged(at.and_then(|at| keys.get(at)).map_or(claim, Key::as_bytes));
                Err(StoreError::Damaged)
            }
            Outcome::Unavailable => Err(UNAVAILABLE),
        }
    }
}

/// The bounds of a scan as `ZRANGE BYLEX` takes them; `None` where nothing can be between them.
fn range(scan: &Scan) -> Option<(Vec<u8>, Vec<u8>)> {
    let prefix = scan.prefix.as_bytes();
    let above = scan.above.as_ref().map_or(prefix, Key::as_bytes).max(prefix);
    let below = match (end_of(prefix), scan.below.as_ref().map(Key::as_bytes)) {
        (Some(end), Some(below)) => Some(end.min(below.to_vec())),
        (Some(end), None) => Some(end),
        (None, below) => below.map(<[u8]>::to_vec),
    };
    let outside = |key: &[u8]| [b"(", key].concat();
    match below {
        Some(below) if above >= below.as_slice() => None,
        Some(below) => Some((outside(above), outside(&below))),
        None => Some((outside(above), b"+".to_vec())),
    }
}

/// The first key behind all those that begin with this; `None` where there is none.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

fn tell_damaged(key: &[u8]) {
    tracing::error!(key = %key.escape_ascii(), "a stored record is damaged");
}

fn told(error: &RedisError) -> StoreError {
    match error {
        RedisError::Unavailable { retry_after } => {
            StoreError::Unavailable { retry_after: *retry_after }
        }
        RedisError::Answer(answer) => {
            tracing::error!(%answer, "Redis refuses what the store asks");
            UNAVAILABLE
        }
    }
}

impl Store for RedisStore {
    fn get(&self, key: Key) -> StoreFuture<'_, Option<Record>> {
        Box::pin(self.read(key))
    }

    fn scan(&self, scan: Scan) -> StoreFuture<'_, Vec<(Key, Record)>> {
        Box::pin(self.search(scan))
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        Box::pin(self.write(commit))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisStore").field(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_is_between_two_keys() {
        let key = |bytes: &[u8]| Key::from_bytes(bytes);
        let of = |prefix: &[u8]| Scan::of(key(prefix), 1);
        let text = |range: Option<(Vec<u8>, Vec<u8>)>| {
            range.map(|(from, to)| (from.escape_ascii().to_string(), to.escape_ascii().to_string()))
        };
        for (scan, expected) in [
            (of(b"ab"), Some(("(ab", "(ac"))),
            (of(b"a\xff\xff"), Some(("(a\\xff\\xff", "(b"))),
            (of(b"\xff"), Some(("(\\xff", "+"))),
            (of(b""), Some(("(", "+"))),
            (of(b"ab").above(key(b"aba")), Some(("(aba", "(ac"))),
            (of(b"ab").above(key(b"a")).below(key(b"abz")), Some(("(ab", "(abz"))),
            (of(b"").below(key(b"b")), Some(("(", "(b"))),
            (of(b"ab").above(key(b"b")), None),
            (of(b"ab").below(key(b"ab")), None),
        ] {
            let expected = expected.map(|(from, to)| (from.to_owned(), to.to_owned()));
            assert_eq!(text(range(&scan)), expected, "{scan:?}");
        }
    }
}
