//! The channel, the stream and the numbers in Redis.
//!
//! ```text
//!   "<n>|<t>|" sealed event     of the log: number, Redis's ms
//!   "-|" sealed event           kept nowhere
//!   "T|" sealed "T|<epoch>|<n>|<replica>"    how far the log is
//!   "K|" sealed "K|<pid>|<generation>"       a session has another socket
//! ```

use std::{collections::HashMap, fmt};

use bytes::{BufMut as _, Bytes};
use crier_domain::redis::{Redis, RedisError, Script, Signer, Subscription, Value, cmd};
use crier_protocol::Pid;

use super::wire::{Away, Ear, Greeting, Heard, Record, Said, Seen, Wire};
use crate::{adapter::BoxFuture, io::random, recovery::Epoch};

/// Events of one read.
const PAGE: usize = 1_000;

/// The cluster's Redis, as the log needs it.
pub(super) struct RedisWire {
    redis: Redis,
    replica: String,
    greet: Script,
}

impl RedisWire {
    pub(super) fn new(redis: Redis, replica: String) -> Self {
        Self { redis, replica, greet: Script::new(include_str!("greet.lua")) }
    }

    async fn greet_now(&self, seen: Option<Seen>) -> Result<Greeting, Away> {
        // A restart loses nothing where every write was on disk before it was answered.
        let mut ask = cmd("CONFIG");
        ask.arg("GET").arg("append*");
        // Where this may not be asked, the answer is no.
        let settings: HashMap<String, String> = self.redis.query(&ask).await.unwrap_or_default();
        let is = |name, value| settings.get(name).is_some_and(|found| found == value);
        let keeps = is("appendonly", "yes") && is("appendfsync", "always");
        let keys = self.redis.keys();
        let names = [keys.epoch(), keys.number(), keys.log(), &keys.named("run")];
        let (epoch, number, time) = match seen {
            Some(seen) => (seen.epoch.name(), seen.number, seen.time),
            None => (String::new(), 0, 0),
        };
        let args = [
            Epoch::from_random(random()).name(),
            epoch,
            number.to_string(),
            time.to_string(),
            u8::from(keeps).to_string(),
        ];
        let answer: (String, u64, u64, u64, u8) =
            self.redis.script(&self.greet, &names, &args).await.map_err(told)?;
        let (epoch, head, oldest, now, same) = answer;
        let epoch = Epoch::parse_name(&epoch).ok_or(Away)?;
        Ok(Greeting { epoch, head, oldest, now, same: same == 1 })
    }

    async fn read_now(&self, after: u64) -> Result<Vec<Record>, Away> {
        let log = self.redis.keys().log();
        let mut range = cmd("XRANGE");
        range.arg(log).arg(format!("{}-0", after + 1)).arg("+").arg("COUNT").arg(PAGE);
        let entries: Vec<(String, Vec<Bytes>)> = self.redis.query(&range).await.map_err(told)?;
        entries
            .into_iter()
            .map(|(id, fields)| {
                let number = id.strip_suffix("-0").and_then(|number| number.parse().ok());
                let (mut time, mut body) = (0, None);
                for pair in fields.chunks_exact(2) {
                    match pair {
                        [name, value] if **name == *b"t" => {
                            time = str::from_utf8(value)
                                .ok()
                                .and_then(|t| t.parse().ok())
                                .unwrap_or(0);
                        }
                        [name, value] if **name == *b"b" => {
                            body = self.redis.signer().open(self.redis.keys().bus(), value);
                        }
                        _ => {}
                    }
                }
                Ok(Record { number: number.ok_or(Away)?, time, body })
            })
            .collect()
    }

    async fn tick_now(&self) -> Result<(Epoch, u64), Away> {
        let keys = self.redis.keys();
        let mut ask = cmd("MGET");
        ask.arg(keys.epoch()).arg(keys.number());
        let (epoch, number): (Option<String>, Option<u64>) =
            self.redis.query(&ask).await.map_err(told)?;
        let epoch = epoch.and_then(|epoch| Epoch::parse_name(&epoch)).unwrap_or(Epoch::NONE);
        let number = number.unwrap_or(0);
        let body = format!("T|{}|{number}|{}", epoch.name(), self.replica);
        say(&self.redis, &sealed(self.redis.signer(), keys.bus(), b"T|", &body)).await?;
        Ok((epoch, number))
    }
}

impl Wire for RedisWire {
    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Ear>, Away>> {
        Box::pin(async move {
            let channels = [self.redis.keys().bus().to_owned()];
            let subscription = self.redis.subscribe(&channels).await.map_err(told)?;
            let (redis, replica) = (self.redis.clone(), self.replica.clone());
            let ear: Box<dyn Ear> = Box::new(RedisEar { subscription, redis, replica });
            Ok(ear)
        })
    }

    fn greet(&self, seen: Option<Seen>) -> BoxFuture<'_, Result<Greeting, Away>> {
        Box::pin(self.greet_now(seen))
    }

    fn read(&self, after: u64) -> BoxFuture<'_, Result<Vec<Record>, Away>> {
        Box::pin(self.read_now(after))
    }

    fn tick(&self) -> BoxFuture<'_, Result<(Epoch, u64), Away>> {
        Box::pin(self.tick_now())
    }
}

struct RedisEar {
    subscription: Subscription,
    redis: Redis,
    replica: String,
}

impl Ear for RedisEar {
    fn hear(&mut self) -> BoxFuture<'_, Option<Heard>> {
        Box::pin(async move {
            let received = self.subscription.next().await?;
            let (signer, channel) = (self.redis.signer(), self.redis.keys().bus());
            let said = parse(signer, channel, &received.payload, &self.replica);
            Some(Heard { said: said.unwrap_or(Said::Foreign), lost: received.lost })
        })
    }
}

/// What a message says, if one of ours has sent it.
fn parse(signer: &Signer, channel: &str, payload: &Bytes, me: &str) -> Option<Said> {
    let (head, rest) = word(payload)?;
    Some(match head {
        "-" => Said::Ephemeral(signer.open(channel, &payload.slice_ref(rest))?),
        "T" => {
            let body = signer.open(channel, &payload.slice_ref(rest))?;
            let mut words = str::from_utf8(&body).ok()?.split('|').skip_while(|word| *word == "T");
            let epoch = Epoch::parse_name(words.next()?)?;
            let (number, sender) = (words.next()?.parse().ok()?, words.next()?);
            Said::Tick { epoch, number, mine: sender == me }
        }
        "K" => {
            let body = signer.open(channel, &payload.slice_ref(rest))?;
            let mut words = str::from_utf8(&body).ok()?.strip_prefix("K|")?.split('|');
            let pid = Pid::parse(words.next()?)?;
            Said::Kick { pid, generation: words.next()?.parse().ok()? }
        }
        number => {
            let number = number.parse().ok()?;
            let (time, rest) = word(rest)?;
            let time = time.parse().ok()?;
            // Whoever else writes here must not make a number: it would be a hole in the log.
            let body = Some(signer.open(channel, &payload.slice_ref(rest))?);
            Said::Logged(Record { number, time, body })
        }
    })
}

/// A word before a bar, and what is behind it.
fn word(bytes: &[u8]) -> Option<(&str, &[u8])> {
    // 2^64 has 20 digits.
    let bar = bytes.iter().take(21).position(|byte| *byte == b'|')?;
    let (word, rest) = bytes.split_at_checked(bar)?;
    Some((str::from_utf8(word).ok()?, rest.get(1..)?))
}

fn sealed(signer: &Signer, channel: &str, head: &[u8], body: &str) -> Bytes {
    let sealed = signer.seal(channel, body.as_bytes());
    let mut message = Vec::with_capacity(head.len() + sealed.len());
    message.put_slice(head);
    message.put_slice(&sealed);
    message.into()
}

/// The message that a session has a socket of this generation.
pub(crate) fn kick_message(signer: &Signer, channel: &str, pid: &Pid, generation: u64) -> Bytes {
    sealed(signer, channel, b"K|", &format!("K|{}|{generation}", pid.as_str()))
}

/// Says something on the channel of events.
pub(crate) async fn say(redis: &Redis, message: &Bytes) -> Result<(), Away> {
    let mut publish = cmd(if redis.is_cluster() { "SPUBLISH" } else { "PUBLISH" });
    publish.arg(redis.keys().bus()).arg(&message[..]);
    redis.query::<Value>(&publish).await.map(|_| ()).map_err(told)
}

/// What it answers that is no outage is a fault of ours or of its settings, told where it is found.
fn told(error: RedisError) -> Away {
    if let RedisError::Answer(answer) = &error {
        tracing::error!(%answer, "Redis does not carry the log");
    }
    Away
}

impl fmt::Debug for RedisWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisWire").field("replica", &self.replica).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_for_the_channel_is_heard() {
        let ours = Signer::new(&[b"a".to_vec()]).unwrap();
        let theirs = Signer::new(&[b"b".to_vec()]).unwrap();
        let pid = Pid::from_random([7; 16]);
        let epoch = Epoch::from_random([1; 8]);
        let with = |head: &str, signer: &Signer, body: &str| -> Bytes {
            [head.as_bytes(), &signer.seal("c", body.as_bytes())].concat().into()
        };
        let hear = |payload: &Bytes| parse(&ours, "c", payload, "me");
        let record = |number, time| {
            Some(Said::Logged(Record { number, time, body: Some(Bytes::from_static(b"x")) }))
        };
        let tick = format!("T|{}|9|me", epoch.name());
        for (payload, said) in [
            (with("7|1800|", &ours, "x"), record(7, 1_800)),
            (with("7|1800|", &theirs, "x"), None),
            (with("7|", &ours, "x"), None),
            (with("+|1|", &ours, "x"), None),
            (with("-|", &ours, "x"), Some(Said::Ephemeral(Bytes::from_static(b"x")))),
            (with("-|", &theirs, "x"), None),
            (with("T|", &ours, &tick), Some(Said::Tick { epoch, number: 9, mine: true })),
            (
                with("T|", &ours, &tick.replace("me", "you")),
                Some(Said::Tick { epoch, number: 9, mine: false }),
            ),
            (with("T|", &theirs, &tick), None),
            // An event that was sealed is no tick.
            (with("T|", &ours, "x"), None),
            (kick_message(&ours, "c", &pid, 3), Some(Said::Kick { pid, generation: 3 })),
            (kick_message(&ours, "d", &pid, 3), None),
            (with("K|", &ours, "K|short|3"), None),
            (Bytes::new(), None),
            (Bytes::from_static(b"hello"), None),
            (Bytes::from(vec![b'1'; 100]), None),
        ] {
            assert_eq!(hear(&payload), said, "{payload:?}");
        }
    }
}
