//! Who is there, over all replicas: the part of presence that lies in Redis.
//!
//! ```text
//!   replica ── register ──▶ a lease, under a name of its own (a generation)
//!           ── report ────▶ "of ann I have these sockets now": whole states, numbered, in batches
//!           ── sweep ─────▶ keeps the lease, takes what dead replicas held, ends graces
//!           ── claim, confirm ──▶ the changes, told by one replica at a time, in their order
//! ```
//!
//! Whether somebody has come or gone is decided in scripts, so once for all replicas. A change waits in a
//! list; whoever tells of it publishes and takes it off the list in one step, so that it is told once,
//! and by another replica where the first one died before that step. Telling cannot be left to the
//! script that decides: messages are signed, and no script knows the secret.

mod scripts;

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    Publish,
    cluster::{PresenceView, Scope, Status},
    redis::{BusEvent, Redis, RedisError, Script, ask::publish_command, cmd},
    time::Timestamp,
};

/// Persons that one report names at most.
pub const REPORT_MAX: usize = 100;

/// Changes that are told of at once.
const BATCH_MAX: usize = 50;

/// Persons that one sweep takes from the dead, or whose grace it ends.
const SWEEP_MAX: usize = 100;

/// Persons who are not there and of whom it is known since when. Overflow: whoever left first is
/// forgotten.
const GONE_MAX: usize = 100_000;

/// What a message on the channel of events begins with that is in no log.
const EPHEMERAL: &[u8] = b"-|";

/// How long one replica may take to tell of a batch, at most a lease. After that another does.
const TELLING: Duration = Duration::from_secs(5);

/// One scope of presence in Redis. Cheap to clone.
#[derive(Clone)]
pub struct PresenceTable(Arc<Inner>);

struct Inner {
    redis: Redis,
    base: String,
    lease: Duration,
    grace: Duration,
    told: bool,
    scripts: Scripts,
}

struct Scripts {
    register: Script,
    report: Script,
    sweep: Script,
    claim: Script,
    confirm: Script,
    goodbye: Script,
}

/// Under which name a replica reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The name; another one after each registration.
    pub holder: String,
    /// Which life of the data this is. Another one than before: data was lost.
    pub epoch: String,
}

/// What a replica has of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The person, as text to compare.
    pub person: String,
    /// The person, as JSON to be shown.
    pub form: String,
    /// How many sockets; 0 = none any more.
    pub sockets: usize,
    /// Ids of sockets, to be left out when others are told.
    pub ids: Vec<String>,
    /// The rooms of those who are told.
    pub rooms: Vec<String>,
    /// Others were told before, and the data that knew was lost.
    pub known: bool,
}

/// How a scope stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// Persons there.
    pub there: usize,
    /// Changes that nobody has told of.
    pub untold: usize,
    /// When the next grace is over; `None` = none runs.
    pub next: Option<Duration>,
    /// There was more to do than one sweep does.
    pub more: bool,
}

/// Somebody has come or gone, or is in rooms that have not heard of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Its own number.
    pub number: u64,
    /// The number of the coming; the going has the same.
    pub generation: u64,
    /// Which of both.
    pub status: Status,
    /// The person, as JSON.
    pub form: String,
    /// When a socket of theirs was last there, in Redis's milliseconds since 1970.
    pub last_seen: u64,
    /// Somebody who was there is in more rooms; `status` is online then.
    pub entered: bool,
    /// Rooms that they share with others, each once; where they have entered some, these.
    pub rooms: Vec<String>,
    /// Where they have entered some, rooms that know of them.
    pub known: Vec<String>,
    /// Ids of their own sockets.
    pub sockets: Vec<String>,
}

impl PresenceTable {
    /// A scope. `lease`: how long a replica that is not heard of is taken for alive; `grace`: how long a
    /// person without sockets is there.
    pub fn new(redis: Redis, scope: Scope, lease: Duration, grace: Duration) -> Self {
        let base = base(&redis, scope);
        // Nobody is told of the persons of vendor-chat.
        let told = scope == Scope::Main;
        let scripts = Scripts::new();
        Self(Arc::new(Inner { redis, base, lease, grace, told, scripts }))
    }

    /// How long a replica that is not heard of is taken for alive.
    pub fn lease(&self) -> Duration {
        self.0.lease
    }

    /// A replica is there. `known`: the epoch of its former registration.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn register(
        &self,
        replica: &str,
        known: Option<&str>,
    ) -> Result<Registration, RedisError> {
        let fresh = random();
        let args = [replica, known.unwrap_or_default(), &self.lease_ms(), &fresh];
        let (holder, epoch) = self.script(&self.0.scripts.register, &args).await?;
        Ok(Registration { holder, epoch })
    }

    /// Says what a replica has of some persons, at most [`REPORT_MAX`], and keeps its lease. `number`
    /// is greater with each report; one that comes late is not taken. `None`: the registration is over.
    ///
    /// # Errors
    /// Redis does not answer; whether it has taken the report is not known then, and a later one says it
    /// all again.
    pub async fn report(
        &self,
        holder: &str,
        number: u64,
        persons: &[Report],
    ) -> Result<Option<Pulse>, RedisError> {
        let mut args = vec![
            holder.to_owned(),
            number.to_string(),
            self.lease_ms(),
            self.grace_ms(),
            self.told(),
        ];
        for person in persons.iter().take(REPORT_MAX) {
            let sockets = match person.sockets {
                0 => String::new(),
                count => format!("{count} {}", person.ids.join(" ")),
            };
            let known = if person.known { "1" } else { "0" };
            args.extend([person.person.clone(), person.form.clone(), sockets]);
            args.extend([person.rooms.join("\n"), known.to_owned()]);
        }
        self.pulse(&self.0.scripts.report, &args).await
    }

    /// Keeps a replica's lease, and does what is due for all. `answered`: the number of its last report
    /// that was taken. `None`: the registration is over.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn sweep(&self, holder: &str, answered: u64) -> Result<Option<Pulse>, RedisError> {
        let args = [
            holder.to_owned(),
            self.lease_ms(),
            self.grace_ms(),
            self.told(),
            SWEEP_MAX.to_string(),
            GONE_MAX.to_string(),
            answered.to_string(),
        ];
        self.pulse(&self.0.scripts.sweep, &args).await
    }

    /// The first changes that nobody has told of, if this replica may: for a few seconds no other does.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn claim(&self, holder: &str) -> Result<Vec<Transition>, RedisError> {
        let args = [holder, &self.telling_ms(), &BATCH_MAX.to_string(), &self.lease_ms()];
        let batch: Batch = self.script(&self.0.scripts.claim, &args).await?;
        Ok(read(batch))
    }

    /// Publishes the events of a batch and takes it off the list, both or none. Answers the next one.
    /// None were published where another replica has taken over, or the batch is off already.
    ///
    /// # Errors
    /// Redis does not answer. Whether the batch was told of is not known then, and [`Self::claim`]
    /// goes on after what was.
    pub async fn confirm(
        &self,
        holder: &str,
        told: &[Transition],
        events: &[Publish],
    ) -> Result<Vec<Transition>, RedisError> {
        let Some(first) = told.first() else { return Ok(Vec::new()) };
        let redis = &self.0.redis;
        let channel = redis.keys().bus().to_owned();
        let mut args: Vec<Vec<u8>> = [
            holder.to_owned(),
            self.telling_ms(),
            BATCH_MAX.to_string(),
            publish_command(redis).to_owned(),
            told.len().to_string(),
            first.number.to_string(),
        ]
        .into_iter()
        .map(String::into_bytes)
        .collect();
        for event in events {
            let body = redis.signer().seal(&channel, &BusEvent::from(event).encode());
            args.push([EPHEMERAL, &body].concat());
        }
        let keys = [self.0.base.clone(), channel];
        let batch: Batch = redis.script(&self.0.scripts.confirm, &keys, &args).await?;
        Ok(read(batch))
    }

    /// A replica goes down in order: whom it still holds is let go soon.
    ///
    /// # Errors
    /// Redis does not answer; the lease ends by itself.
    pub async fn goodbye(&self, holder: &str) -> Result<(), RedisError> {
        let _: u8 = self.script(&self.0.scripts.goodbye, &[holder]).await?;
        Ok(())
    }

    /// What is known of a person.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn view(&self, person: &str) -> Result<PresenceView, RedisError> {
        view(&self.0.redis, &self.0.base, person).await
    }

    async fn pulse(&self, script: &Script, args: &[String]) -> Result<Option<Pulse>, RedisError> {
        let state: Vec<i64> = self.script(script, args).await?;
        Ok(match state.as_slice() {
            [1, there, untold, next, more] => Some(Pulse {
                there: usize::try_from(*there).unwrap_or_default(),
                untold: usize::try_from(*untold).unwrap_or_default(),
                next: u64::try_from(*next).ok().map(Duration::from_millis),
                more: *more == 1,
            }),
            _ => None,
        })
    }

    async fn script<T: crate::redis::FromRedisValue>(
        &self,
        script: &Script,
        args: &[impl AsRef<[u8]>],
    ) -> Result<T, RedisError> {
        self.0.redis.script(script, std::slice::from_ref(&self.0.base), args).await
    }

    fn lease_ms(&self) -> String {
        self.0.lease.as_millis().to_string()
    }

    fn grace_ms(&self) -> String {
        self.0.grace.as_millis().to_string()
    }

    fn telling_ms(&self) -> String {
        self.0.lease.min(TELLING).as_millis().to_string()
    }

    fn told(&self) -> String {
        u8::from(self.0.told).to_string()
    }
}

/// What is known of a person in a scope; for whoever only asks.
///
/// # Errors
/// Redis does not answer.
pub async fn seen(redis: &Redis, scope: Scope, person: &str) -> Result<PresenceView, RedisError> {
    view(redis, &base(redis, scope), person).await
}

async fn view(redis: &Redis, base: &str, person: &str) -> Result<PresenceView, RedisError> {
    let mut both = crate::redis::pipe();
    both.add_command(cmd("HGETALL").arg(format!("{base}:u:{person}")).to_owned());
    both.add_command(cmd("ZSCORE").arg(format!("{base}:gone")).arg(person).to_owned());
    both.add_command(cmd("TIME"));
    let (record, gone, time): (Vec<(String, String)>, Option<f64>, (u64, u64)) =
        redis.pipeline(&both).await?;
    let now = time.0.saturating_mul(1_000).saturating_add(time.1 / 1_000);
    let seen = record.iter().find(|(field, _)| field == "seen").and_then(|(_, at)| at.parse().ok());
    let held = record.iter().filter(|(field, _)| field.starts_with("h:"));
    let counts = held.filter_map(|(_, sockets)| sockets.split(' ').next()?.parse::<usize>().ok());
    let (status, last_seen) = if record.is_empty() {
        (Status::Offline, gone.map(whole))
    } else {
        (Status::Online, Some(seen.unwrap_or(now)))
    };
    Ok(PresenceView {
        user_id: person.to_owned(),
        status,
        last_seen: last_seen.map(Timestamp::from_unix_ms),
        sockets: counts.sum(),
    })
}

fn base(redis: &Redis, scope: Scope) -> String {
    redis.keys().named(match scope {
        Scope::Main => "p:main",
        Scope::VendorChat => "p:vendor-chat",
    })
}

/// As the scripts have it.
type Batch = Vec<(u64, u64, u8, String, u64, Vec<String>, Vec<String>, Vec<String>)>;

fn read(batch: Batch) -> Vec<Transition> {
    let transition = |(number, generation, kind, form, last_seen, rooms, known, held)| {
        let status = if kind == 0 { Status::Offline } else { Status::Online };
        let held: Vec<String> = held;
        let ids = held.iter().flat_map(|held| held.split(' ').skip(1));
        let sockets = ids.filter(|id| !id.is_empty()).map(str::to_owned).collect();
        let (rooms, known) = (lines(rooms), lines(known));
        let entered = kind == 2;
        Transition { number, generation, status, form, last_seen, entered, rooms, known, sockets }
    };
    batch.into_iter().map(transition).collect()
}

/// Names in several texts, one a line, each once.
fn lines(texts: Vec<String>) -> Vec<String> {
    let lines = texts.iter().flat_map(|text| text.split('\n')).filter(|line| !line.is_empty());
    let mut lines: Vec<String> = lines.map(str::to_owned).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times since 1970 in milliseconds are whole numbers far below 2^53"
)]
fn whole(score: f64) -> u64 {
    score as u64
}

/// 16 hex digits.
fn random() -> String {
    let mut bytes = [0; 8];
    // Without the system's randomness this is a fixed name, which only makes a loss of data unseen.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}

impl Scripts {
    fn new() -> Self {
        Self {
            register: Script::new(scripts::REGISTER),
            report: Script::new(scripts::REPORT),
            sweep: Script::new(scripts::SWEEP),
            claim: Script::new(scripts::CLAIM),
            confirm: Script::new(scripts::CONFIRM),
            goodbye: Script::new(scripts::GOODBYE),
        }
    }
}

impl fmt::Debug for PresenceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PresenceTable").field(&self.0.base).finish()
    }
}
