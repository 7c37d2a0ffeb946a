//! The replicas that hold a lease in Redis.
//!
//! ```text
//!   {crier}:lease:<tag>   sealed About, gone 6 s after it was last renewed
//!   {crier}:leases        sorted set: tag → when its lease ends, in Redis's ms since 1970
//! ```
//!
//! Each replica renews its lease every 2 s and reads the others' then, and at once when somebody asks for a
//! tag that it does not know. While Redis is away everybody goes on with those who were there.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use crier_domain::redis::{Redis, RedisError, Script, cmd};
use crier_protocol::ReplicaTag;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::registry::{About, Lookup, Replica, Replicas, Snapshot, find};
use crate::{io::random, lock};

/// How long a lease holds that is not renewed.
const LEASE: Duration = Duration::from_secs(6);

/// Between two renewals.
const RENEWAL: Duration = Duration::from_secs(2);

/// Between two looks that somebody asked for, however many ask: session ids are the clients' to make up.
const LOOK: Duration = Duration::from_millis(100);

/// How long whoever asks for an unknown tag waits for that look.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tags that are tried before giving up. Of 16 million, a second clash is no accident.
const TRIES: usize = 8;

/// Replicas that are read; more are not a cluster of this kind, and are left out.
const REPLICAS_MAX: usize = 1_024;

/// Takes or renews the lease `KEYS[1]` of the tag `ARGV[1]` with the text `ARGV[2]` for `ARGV[3]` ms, in
/// the place of `ARGV[4]`, and answers whose leases hold; `false` where another replica has it.
const RENEW: &str = r"
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[2] and held ~= ARGV[4] then return false end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
return redis.call('ZRANGE', KEYS[2], 0, ARGV[5] - 1)
";

/// Gives up the lease `KEYS[1]` of the tag `ARGV[1]` if its text is `ARGV[2]`.
const LEAVE: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
";

/// Why a replica is not one of the cluster.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Redis did not do it.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// Every name that was tried is another's.
    #[error("every name that was tried is another replica's")]
    Taken,
}

/// This replica's lease, and the others'.
pub struct Leases {
    redis: Redis,
    renew: Script,
    leave: Script,
    tag: ReplicaTag,
    /// What the lease says now, and what it said before, which Redis may have still.
    about: Mutex<(About, Bytes)>,
    all: watch::Sender<Snapshot>,
    /// Looks that were begun, and those that were made.
    begun: AtomicU64,
    made: watch::Sender<u64>,
    wanted: Notify,
}

impl Leases {
    /// Takes a lease under a tag that no other replica has, and reads the others'.
    ///
    /// # Errors
    /// See [`JoinError`]; then there is no lease, or it ends by itself.
    pub async fn join(redis: Redis, about: About) -> Result<Arc<Self>, JoinError> {
        Self::join_as(redis, about, || ReplicaTag::from_random(random())).await
    }

    /// The same with tags of the caller's choice.
    ///
    /// # Errors
    /// The same.
    pub async fn join_as(
        redis: Redis,
        about: About,
        mut tags: impl FnMut() -> ReplicaTag,
    ) -> Result<Arc<Self>, JoinError> {
        for _ in 0..TRIES {
            let leases = Self {
                redis: redis.clone(),
                renew: Script::new(RENEW),
                leave: Script::new(LEAVE),
                tag: tags(),
                about: Mutex::new((about.clone(), Bytes::new())),
                all: watch::Sender::new(Arc::new([])),
                begun: AtomicU64::new(0),
                made: watch::Sender::new(0),
                wanted: Notify::new(),
            };
            if let Some(all) = leases.look().await? {
                leases.all.send_replace(all.into());
                return Ok(Arc::new(leases));
            }
        }
        Err(JoinError::Taken)
    }

    /// What session ids made here are to name this replica by.
    pub fn tag(&self) -> ReplicaTag {
        self.tag
    }

    /// Renews the lease and reads the others' until `stop`, then gives it up.
    pub async fn run(&self, stop: CancellationToken) {
        let mut renewals = interval(RENEWAL);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Until when those who were there before Redis was away count as there.
        let mut grace = None;
        let mut away = false;
        let working = async {
            loop {
                tokio::select! {
                    _ = renewals.tick() => {}
                    () = self.wanted.notified() => {}
                }
                let round = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
                match self.look().await {
                    Ok(Some(all)) => {
                        if std::mem::take(&mut away) {
                            grace = Some(Instant::now() + LEASE);
                        }
                        grace = grace.filter(|until| *until > Instant::now());
                        self.tell(all, grace.is_some());
                    }
                    Ok(None) => tracing::error!(
                        tag = self.tag.as_str(),
                        "another replica has this one's name: requests for its sessions are lost"
                    ),
                    Err(error) => {
                        if !std::mem::replace(&mut away, true) {
                            tracing::warn!(%error, "the lease of this replica is not renewed");
                        }
                    }
                }
                self.made.send_replace(round);
                sleep(LOOK).await;
            }
        };
        stop.run_until_cancelled(working).await;
        // It would end by itself; whoever waits for this process need not.
        if timeout(PATIENCE, self.give_up()).await.is_err() {
            tracing::debug!("the lease of this replica ends by itself");
        }
    }

    /// Tells the others that this replica is going down: at once, or where Redis does not do it in a
    /// second, with the next renewal.
    pub async fn drain(&self) {
        {
            let mut about = lock(&self.about);
            // Redis may have either until it is renewed.
            about.1 = self.sealed(&about.0);
            about.0.draining = true;
        }
        if !matches!(timeout(PATIENCE, self.look()).await, Ok(Ok(_))) {
            tracing::warn!("the others do not know yet that this replica goes down");
        }
    }

    async fn give_up(&self) -> Result<(), RedisError> {
        let text = self.sealed(&lock(&self.about).0);
        let args: [&[u8]; 2] = [self.tag.as_str().as_bytes(), &text];
        self.redis.script::<u64>(&self.leave, &self.keys(), &args).await.map(|_| ())
    }

    /// Renews and reads; `None` where another replica has the lease.
    async fn look(&self) -> Result<Option<Vec<Replica>>, RedisError> {
        let (text, before) = {
            let about = lock(&self.about);
            (self.sealed(&about.0), about.1.clone())
        };
        let (time, most) = (LEASE.as_millis().to_string(), REPLICAS_MAX.to_string());
        let tag = self.tag.as_str().as_bytes();
        let args: [&[u8]; 5] = [tag, &text, time.as_bytes(), &before, most.as_bytes()];
        let tags: Option<Vec<String>> = self.redis.script(&self.renew, &self.keys(), &args).await?;
        let Some(tags) = tags else { return Ok(None) };
        let tags: Vec<_> = tags.iter().filter_map(|tag| ReplicaTag::parse(tag)).collect();
        let keys: Vec<_> = tags.iter().map(|tag| self.redis.keys().lease(tag.as_str())).collect();
        let texts: Vec<Option<Vec<u8>>> = self.redis.query(cmd("MGET").arg(&keys)).await?;
        let read = tags.iter().zip(keys.iter().zip(texts));
        Ok(Some(read.filter_map(|(tag, (key, text))| self.read(*tag, key, text?)).collect()))
    }

    /// A lease, if a replica of this cluster has written it: its address is where session ids go.
    fn read(&self, tag: ReplicaTag, key: &str, text: Vec<u8>) -> Option<Replica> {
        let body = self.redis.signer().open(key, &Bytes::from(text));
        let about = body.and_then(|body| serde_json::from_slice(&body).ok());
        if about.is_none() {
            tracing::warn!(tag = tag.as_str(), "a lease of no replica of this cluster is left out");
        }
        Some(Replica { tag, about: about? })
    }

    /// Tells those who watch, where anything has changed.
    fn tell(&self, mut all: Vec<Replica>, keeps_others: bool) {
        self.all.send_if_modified(|known| {
            if keeps_others {
                let gone = |old: &&Replica| all.iter().all(|replica| replica.tag != old.tag);
                let kept: Vec<_> = known.iter().filter(gone).cloned().collect();
                all.extend(kept);
            }
            all.sort_by(|a, b| a.tag.as_str().cmp(b.tag.as_str()));
            let changed = **known != *all;
            *known = all.into();
            changed
        });
    }

    fn sealed(&self, about: &About) -> Bytes {
        // Texts, numbers and a flag: nothing that JSON does not have.
        let body = serde_json::to_vec(about).unwrap_or_default();
        self.redis.signer().seal(&self.redis.keys().lease(self.tag.as_str()), &body)
    }

    fn keys(&self) -> [String; 2] {
        let keys = self.redis.keys();
        [keys.lease(self.tag.as_str()), keys.named("leases")]
    }

    /// Waits for a look that begins after now.
    async fn look_again(&self) {
        let mut made = self.made.subscribe();
        let next = self.begun.load(Ordering::SeqCst) + 1;
        // One for all who ask; it is kept where a look is under way.
        self.wanted.notify_one();
        let _ = timeout(PATIENCE, made.wait_for(|made| *made >= next)).await;
    }
}

impl Replicas for Leases {
    fn address_of(&self, tag: ReplicaTag) -> Lookup<'_> {
        Box::pin(async move {
            if let Some(address) = find(&self.all.borrow(), tag) {
                return Some(address);
            }
            self.look_again().await;
            find(&self.all.borrow(), tag)
        })
    }

    fn watch(&self) -> watch::Receiver<Snapshot> {
        self.all.subscribe()
    }
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leases").field("tag", &self.tag).finish_non_exhaustive()
    }
}
