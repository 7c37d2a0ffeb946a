//! Where sessions are kept: what is asked of it, and Redis as one.

use std::{collections::HashMap, fmt, time::Duration};

use crier_domain::{
    event::system::NotRecovered,
    redis::{Answer, Pipeline, Redis, RedisError, Script, Value, pipe},
};
use crier_protocol::{Namespace as Name, Pid};

use super::save::{Save, What, owner_field};
use crate::{
    adapter::BoxFuture,
    recovery::shared::{Away, kick_message, say},
};

/// How often the time of a session with a socket begins anew; a killed replica's sessions may be up to
/// this much older than they look, in the client's favour.
pub(crate) const REFRESH: Duration = Duration::from_secs(60);

/// Kept longer than needed, for clocks and slow writers.
const SLACK: Duration = Duration::from_secs(60);

/// Keeps sessions for all replicas.
pub(crate) trait Vault: fmt::Debug + Send + Sync {
    /// Writes sessions, each unless a later generation has it; what became of each.
    fn save<'a>(&'a self, saves: &'a [Save]) -> BoxFuture<'a, Result<Vec<Written>, Away>>;

    /// Counts a session's generation up for whoever asks, if it may have it.
    fn claim<'a>(&'a self, asked: Asked<'a>) -> BoxFuture<'a, Result<Claimed, Away>>;

    /// Lets the time of sessions begin anew that have sockets here, by their generations.
    fn refresh<'a>(&'a self, held: &'a [(Pid, u64)]) -> BoxFuture<'a, Result<Vec<Written>, Away>>;

    /// Tells every replica that a session has a socket of this generation.
    fn kick(&self, pid: Pid, generation: u64) -> BoxFuture<'_, Result<(), Away>>;
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is written.
    Done,
    /// There is no such session any more.
    Missing,
    /// A later generation has it.
    Taken {
        /// Which one.
        generation: u64,
        /// By a client that came to this replica.
        here: bool,
    },
}

/// Who asks for which session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) pid: &'a Pid,
    pub(crate) namespace: &'a Name,
    pub(crate) owner: Option<&'a str>,
}

/// What one is told who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// It is not to be had.
    Refused(NotRecovered),
    /// It is whose who asked, from this generation.
    Granted {
        generation: u64,
        /// The replica was the former holder's too.
        was_here: bool,
        /// No socket had it any more.
        was_lost: bool,
        fields: HashMap<String, String>,
    },
}

/// Sessions in Redis: a hash each. Fields: `n` namespace, `o` owner, `i` socket id, `e` epoch of the numbers,
/// `st` start, `b` begun in a former epoch, `w` greeted, `f` floor of the memory of rooms, `g` generation, `h`
/// replica, `l` since when without a socket, and `r:<room>` for every room.
pub(crate) struct RedisVault {
    redis: Redis,
    replica: String,
    window: Duration,
    save: Script,
    claim: Script,
    refresh: Script,
}

impl RedisVault {
    pub(crate) fn new(redis: Redis, replica: String, window: Duration) -> Self {
        let save = Script::new(include_str!("save.lua"));
        let claim = Script::new(include_str!("claim.lua"));
        let refresh = Script::new(include_str!("refresh.lua"));
        Self { redis, replica, window, save, claim, refresh }
    }

    fn key(&self, pid: &Pid) -> String {
        self.redis.keys().session(pid.as_str())
    }

    /// As long as its client is told whether it is too late.
    fn kept_for(&self) -> Duration {
        2 * self.window + REFRESH + SLACK
    }

    async fn pipeline(&self, pipe: &Pipeline, script: &Script) -> Result<Vec<Value>, RedisError> {
        match self.redis.pipeline(pipe).await {
            // Every write may be done twice.
            Err(RedisError::Answer(Answer { code, .. })) if code == "NOSCRIPT" => {
                self.redis.query::<Value>(&script.load()).await?;
                self.redis.pipeline(pipe).await
            }
            other => other,
        }
    }

    async fn save_all(&self, saves: &[Save]) -> Result<Vec<Written>, Away> {
        let mut pipe = pipe();
        for save in saves {
            let (mode, lost, set, clear): (_, _, &[_], &[_]) = match &save.what {
                What::Nothing => ("end", false, &[], &[]),
                What::Fields { all, lost, set, clear } => {
                    (if *all { "all" } else { "part" }, *lost, set, clear)
                }
            };
            let mut args = vec![
                save.generation.to_string(),
                self.replica.clone(),
                ms(self.kept_for()),
                mode.to_owned(),
                u8::from(lost).to_string(),
                set.len().to_string(),
            ];
            args.extend(set.iter().flat_map(|(field, value)| [field.clone(), value.clone()]));
            args.extend(clear.iter().cloned());
            pipe.add_command(self.save.command(&[self.key(&save.pid)], &args));
        }
        let answers = self.pipeline(&pipe, &self.save).await.map_err(told)?;
        answers.into_iter().map(written).collect()
    }

    async fn claim_one(&self, asked: Asked<'_>) -> Result<Claimed, Away> {
        let args = [
            asked.namespace.as_str().to_owned(),
            owner_field(asked.owner),
            self.replica.clone(),
            ms(self.window),
            ms(REFRESH),
            ms(self.kept_for()),
        ];
        let key = [self.key(asked.pid)];
        let answer: Vec<String> =
            self.redis.script(&self.claim, &key, &args).await.map_err(told)?;
        let mut answer = answer.into_iter();
        let refused = match answer.next().as_deref() {
            Some("ok") => None,
            Some("user-changed") => Some(NotRecovered::UserChanged),
            Some("expired") => Some(NotRecovered::Expired),
            Some("unknown") => Some(NotRecovered::Unknown),
            _ => return Err(Away),
        };
        if let Some(reason) = refused {
            return Ok(Claimed::Refused(reason));
        }
        let generation = answer.next().and_then(|text| text.parse().ok()).ok_or(Away)?;
        let was_here = answer.next().is_some_and(|replica| replica == self.replica);
        let was_lost = answer.next().is_some_and(|lost| lost == "1");
        let mut fields = HashMap::new();
        while let (Some(field), Some(value)) = (answer.next(), answer.next()) {
            fields.insert(field, value);
        }
        Ok(Claimed::Granted { generation, was_here, was_lost, fields })
    }

    async fn refresh_all(&self, held: &[(Pid, u64)]) -> Result<Vec<Written>, Away> {
        let keys: Vec<String> = held.iter().map(|(pid, _)| self.key(pid)).collect();
        let mut args = vec![self.replica.clone(), ms(self.kept_for())];
        args.extend(held.iter().map(|(_, generation)| generation.to_string()));
        let answers: Vec<Value> =
            self.redis.script(&self.refresh, &keys, &args).await.map_err(told)?;
        answers.into_iter().map(written).collect()
    }
}

impl Vault for RedisVault {
    fn save<'a>(&'a self, saves: &'a [Save]) -> BoxFuture<'a, Result<Vec<Written>, Away>> {
        Box::pin(self.save_all(saves))
    }

    fn claim<'a>(&'a self, asked: Asked<'a>) -> BoxFuture<'a, Result<Claimed, Away>> {
        Box::pin(self.claim_one(asked))
    }

    fn refresh<'a>(&'a self, held: &'a [(Pid, u64)]) -> BoxFuture<'a, Result<Vec<Written>, Away>> {
        Box::pin(self.refresh_all(held))
    }

    fn kick(&self, pid: Pid, generation: u64) -> BoxFuture<'_, Result<(), Away>> {
        Box::pin(async move {
            let message =
                kick_message(self.redis.signer(), self.redis.keys().bus(), &pid, generation);
            say(&self.redis, &message).await
        })
    }
}

fn written(answer: Value) -> Result<Written, Away> {
    let (what, generation, here): (String, u64, u8) =
        crier_domain::redis::FromRedisValue::from_redis_value(answer).map_err(|_| Away)?;
    Ok(match what.as_str() {
        "ok" => Written::Done,
        "missing" => Written::Missing,
        "taken" => Written::Taken { generation, here: here == 1 },
        _ => return Err(Away),
    })
}

/// What it answers that is no outage is a fault of ours, told where it is found.
fn told(error: RedisError) -> Away {
    if let RedisError::Answer(answer) = &error {
        tracing::error!(%answer, "Redis does not keep sessions");
    }
    Away
}

fn ms(time: Duration) -> String {
    time.as_millis().to_string()
}

impl fmt::Debug for RedisVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisVault").field("window", &self.window).finish_non_exhaustive()
    }
}
