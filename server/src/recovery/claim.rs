//! A client asks for the session that it had: here, or wherever it was.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use crier_domain::event::system::NotRecovered;
use crier_protocol::{
    Namespace as Name, Pid, Room, SocketId,
    socket::{Auth, Value},
};

use tokio::time::Instant;

use super::{
    Away, Holder, Log, Membership, Recoveries, RecoveryOptions, Session, Sessions, Shared,
    SharedLog,
    kept::{Asked, Claimed, Keeper, NotSaved, RedisVault},
    session::Former,
};

/// A session that a client may take up, as it was when it asked.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) session: Arc<Session>,
    /// Of the session, and that of whoever takes it up; of several who may, one does.
    pub(crate) generations: (u64, u64),
    /// Where it was counted up already.
    pub(crate) pending: Pending,
    /// Everything up to here the client has.
    pub(crate) after: u64,
}

/// A session that is somebody's on the way in. Dropped before that one is in, it waits for its client, who
/// has gone again.
#[derive(Debug, Default)]
pub(crate) struct Pending(Option<(Arc<Sessions>, Arc<Session>, u64)>);

impl Pending {
    /// It has a socket.
    pub(crate) fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some((sessions, session, generation)) = self.0.take() {
            sessions.lost(&session, generation, Instant::now());
        }
    }
}

/// Why a client does not get its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoClaim {
    /// It begins anew, and is told so.
    Never(NotRecovered),
    /// Nobody can say now.
    NotNow,
}

impl From<NotRecovered> for NoClaim {
    fn from(reason: NotRecovered) -> Self {
        Self::Never(reason)
    }
}

impl From<Away> for NoClaim {
    fn from(_: Away) -> Self {
        Self::NotNow
    }
}

/// Where sessions are that may be taken up by other processes.
pub(super) struct Outside {
    pub(super) log: Arc<SharedLog>,
    pub(super) keeper: Arc<Keeper>,
}

impl Outside {
    pub(super) fn new(
        options: &RecoveryOptions,
        log: &Arc<SharedLog>,
        sessions: &Arc<Sessions>,
        shared: &Shared,
    ) -> Self {
        let vault = RedisVault::new(shared.redis.clone(), shared.replica.clone(), options.window);
        let numbers = Arc::clone(log) as Arc<_>;
        let keeper = Arc::new(Keeper::new(Box::new(vault), numbers, Arc::clone(sessions)));
        Self { log: Arc::clone(log), keeper }
    }
}

/// What a client gives with its CONNECT.
struct Ask {
    /// `None` where it is none that we could have given.
    pid: Option<Pid>,
    /// `None` where it never got an event; an error where it is none of this log: that is gone, or the
    /// application has put something else there.
    offset: Result<Option<u64>, NotRecovered>,
}

impl Ask {
    /// `None` where it asks for nothing.
    fn read(auth: &Auth, log: &dyn Log) -> Option<Self> {
        let asked = auth.as_value();
        let pid = asked.get("pid").filter(|pid| !matches!(pid, Value::Null))?;
        let offset = asked.get("offset").filter(|offset| !matches!(offset, Value::Null));
        let offset = match offset.map(|offset| offset.as_str()) {
            None => Ok(None),
            Some(text) => {
                let id = text.and_then(|text| log.parse(text));
                id.map(Some).ok_or(NotRecovered::LogLost)
            }
        };
        Some(Self { pid: pid.as_str().and_then(Pid::parse), offset })
    }

    /// After a restart neither is known, and the offset tells which it was.
    fn unknown(&self) -> NotRecovered {
        self.offset.map_or(NotRecovered::LogLost, |_| NotRecovered::Unknown)
    }
}

impl Recoveries {
    /// What a client asks for with its CONNECT; `None` where it asks for nothing. To be called once it is
    /// known who it is.
    pub(crate) async fn claim(
        &self,
        auth: &Auth,
        namespace: &Name,
        owner: Option<&str>,
    ) -> Result<Option<Claim>, NoClaim> {
        let Some(ask) = Ask::read(auth, &*self.log) else { return Ok(None) };
        let claim = match &self.outside {
            None => self.claim_here(&ask, namespace, owner)?,
            Some(outside) => self.claim_outside(outside, &ask, namespace, owner).await?,
        };
        Ok(Some(claim))
    }

    fn claim_here(
        &self,
        ask: &Ask,
        namespace: &Name,
        owner: Option<&str>,
    ) -> Result<Claim, NotRecovered> {
        let Some(session) = ask.pid.and_then(|pid| self.sessions.find(&pid)) else {
            return Err(ask.unknown());
        };
        if session.namespace != *namespace {
            return Err(NotRecovered::Unknown);
        }
        if session.owner.as_deref() != owner {
            return Err(NotRecovered::UserChanged);
        }
        let (generation, lost) = session.standing().ok_or(NotRecovered::Unknown)?;
        let age = lost.map_or(Duration::ZERO, |lost| lost.elapsed());
        if age > self.options.window {
            return Err(NotRecovered::Expired);
        }
        // A client keeps an offset of the session before this one until its first event.
        let after = ask.offset?.unwrap_or(0).max(session.start());
        if !self.log.reaches(after) {
            return Err(NotRecovered::LogLost);
        }
        let generations = (generation, generation + 1);
        Ok(Claim { session, generations, pending: Pending::default(), after })
    }

    /// Counts the session's generation up, for whoever asks: the one who counts last has it.
    async fn claim_outside(
        &self,
        outside: &Outside,
        ask: &Ask,
        namespace: &Name,
        owner: Option<&str>,
    ) -> Result<Claim, NoClaim> {
        let Some(pid) = ask.pid else { return Err(ask.unknown().into()) };
        let offset = ask.offset?;
        let claimed = outside.keeper.claim(Asked { pid: &pid, namespace, owner }).await?;
        let (generation, was_here, was_lost, fields) = match claimed {
            Claimed::Refused(reason) => return Err(reason.into()),
            Claimed::Granted { generation, was_here, was_lost, fields } => {
                (generation, was_here, was_lost, fields)
            }
        };
        if !was_here && !was_lost {
            outside.keeper.kick(pid, generation).await;
        }
        // What is here is of before, unless it is the very one: that knows of what is not written yet.
        let before = generation.saturating_sub(1);
        self.log.in_order(&mut || self.sessions.overtaken(&pid, before));
        let here = self.sessions.find(&pid).filter(|session| was_here && session.claim(generation));
        let session = match here {
            Some(session) => session,
            None => {
                let read = read(&outside.log, namespace, owner, (pid, generation), &fields);
                let (former, knows_start) = read.ok_or(NotRecovered::LogLost)?;
                if !knows_start && offset.is_none() {
                    return Err(NotRecovered::LogLost.into());
                }
                let session = Arc::new(Session::read(former, nobody(), &outside.keeper));
                // From now it hears of whoever overtakes it.
                if !self.sessions.insert_read(&session) {
                    return Err(NotRecovered::Unknown.into());
                }
                session
            }
        };
        let pending = Some((Arc::clone(&self.sessions), Arc::clone(&session), generation));
        let pending = Pending(pending);
        let after = offset.unwrap_or(0).max(session.start());
        // Whoever it was with may have been ahead of this replica.
        let newest = after.max(session.membership().newest());
        let refused = if !outside.log.apply_orders(&session) {
            Some(NotRecovered::Unknown)
        } else if !self.log.arrival(newest).await || !self.log.reaches(after) {
            Some(NotRecovered::LogLost)
        } else {
            None
        };
        if let Some(reason) = refused {
            // Its client begins anew, and asks for it no more.
            self.sessions.end(&session, generation);
            return Err(reason.into());
        }
        Ok(Claim { session, generations: (generation, generation), pending, after })
    }

    /// Where sessions are kept outside, the one that a socket will begin with, written before its client is
    /// told of it. While that cannot be done, it is written when it can.
    pub(crate) async fn prepare(
        &self,
        ids: (Pid, SocketId),
        namespace: &Name,
        owner: Option<Arc<str>>,
        rooms: &[Room],
    ) -> Prepared {
        let Some(outside) = &self.outside else { return Prepared(None) };
        let start = self.log.complete();
        let session = Arc::new(Session::new(ids, namespace.clone(), owner, start, nobody()));
        for room in rooms {
            session.joined(room, start, false);
        }
        session.keep_outside(&outside.keeper);
        let prepared = Prepared(Some(Arc::clone(&session)));
        if outside.log.is_healthy() {
            let _: Result<(), NotSaved> = outside.keeper.saved(&session).await;
        }
        prepared
    }

    /// A session that was not prepared is kept outside too, from now.
    pub(crate) fn keep(&self, session: &Arc<Session>) {
        if let Some(outside) = &self.outside {
            session.keep_outside(&outside.keeper);
        }
    }

    /// Does what was ordered of a session while it was looked at; false where it is over by that.
    pub(crate) fn apply_orders(&self, session: &Arc<Session>) -> bool {
        self.outside.as_ref().is_none_or(|outside| outside.log.apply_orders(session))
    }

    /// Waits until everything that has changed of a session until now outlives this process.
    pub(crate) fn saved(
        &self,
        session: &Arc<Session>,
    ) -> Option<impl Future<Output = Result<(), NotSaved>> + Send + use<>> {
        self.outside.as_ref().map(|outside| outside.keeper.saved(session))
    }

    pub(super) fn outside(&self) -> Option<&Outside> {
        self.outside.as_ref()
    }
}

/// A session that was written and has no socket yet. Dropped, it is taken back.
#[derive(Debug, Default)]
pub(crate) struct Prepared(Option<Arc<Session>>);

impl Prepared {
    /// The session, if there is one; it has a socket from now.
    pub(crate) fn take(mut self) -> Option<Arc<Session>> {
        self.0.take()
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            session.end_for_all();
        }
    }
}

/// Reads what another process has written; with whether it is known where it began. `None` where it is of
/// a log that is gone, or of another version.
fn read(
    log: &SharedLog,
    namespace: &Name,
    owner: Option<&str>,
    (pid, generation): (Pid, u64),
    fields: &HashMap<String, String>,
) -> Option<(Former, bool)> {
    let text = |name: &str| fields.get(name).map(String::as_str);
    let epoch = text("e")?;
    let id = |number: u64| log.id_in(epoch, number);
    let start = id(text("st")?.parse().ok()?)?;
    let floor = id(text("f")?.parse().ok()?)?;
    let rooms = fields
        .iter()
        .filter_map(|(field, value)| Some((field.strip_prefix("r:")?, value.as_str())));
    // The epoch is the log's now, as was found just before.
    let membership = Membership::read(rooms, floor, |number| id(number).unwrap_or(0))?;
    let former = Former {
        ids: (pid, SocketId::parse(text("i")?)?),
        namespace: namespace.clone(),
        owner: owner.map(Into::into),
        start,
        generation,
        membership,
        greeted: text("w") == Some("1"),
    };
    Some((former, text("b") != Some("1")))
}

/// The holder of a session that has no socket.
fn nobody() -> Weak<dyn Holder> {
    struct Nobody;
    impl Holder for Nobody {
        fn give_up(&self) {}
    }
    Weak::<Nobody>::new()
}
