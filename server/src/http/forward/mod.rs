//! Requests for the sessions of other replicas. A sid names its replica; whoever gets a request for it
//! asks that replica, and hands back what it answers.
//!
//! ```text
//!   client ──▶ this replica ── POST /forward/socket.io/?…&sid=S, signed ──▶ internal listener of S's owner
//!          ◀── its answer ◀────────────────────────────────────────────────  engine::handle
//!   client ◀═══════════ websocket: after the owner's 101, bytes both ways ═══════════▶ owner
//! ```
//!
//! One hop: what was forwarded is not forwarded again. An owner that is not there is an unknown sid, so
//! that the client comes back with a new session and recovers.

mod head;
mod passage;
mod pool;
mod receive;
mod relay;
mod tunnel;

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use crier_protocol::{Limits, ReplicaTag, engine::RequestError};
use http::{Method, Request, StatusCode};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::task::TaskTracker;

pub(crate) use self::{
    passage::{Passage, Passages},
    pool::KEPT_BY_OWNER,
    receive::{PATH, Received, receive},
};
use self::{
    pool::{Failure, Pool, Used},
    relay::{Progress, Relayed, Upload},
    tunnel::Tunnel,
};
use super::{Body, Cut, Response, engine, whole};
use crate::{
    cluster::{Replicas, Seal},
    io::IoInner,
    metrics,
    options::Forwarding,
    session::link::ConnectionPermit,
};

/// From the end of a request to the head of its answer, where the owner answers by itself.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A held GET is answered by the next ping at the latest; what may come on top of it on the way.
const SLACK: Duration = Duration::from_secs(5);

/// What a replica needs to pass requests on.
#[derive(Debug)]
pub(crate) struct Forwarder {
    replicas: Arc<dyn Replicas>,
    seal: Arc<Seal>,
    pool: Arc<Pool>,
    passages: Arc<Passages>,
}

impl Forwarder {
    pub(crate) fn new(forwarding: &Forwarding, tasks: TaskTracker) -> Self {
        Self {
            replicas: Arc::clone(&forwarding.replicas),
            seal: Arc::clone(&forwarding.seal),
            pool: Arc::new(Pool::new(tasks)),
            passages: Arc::default(),
        }
    }

    pub(crate) fn seal(&self) -> &Seal {
        &self.seal
    }

    /// What passes through this replica and lasts.
    pub(crate) fn passages(&self) -> &Passages {
        &self.passages
    }

    /// Ends what is kept for later; requests under way are finished.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

/// Passes a request on to the owner of its session. `None`: there is nobody to answer it, and nobody has
/// seen it.
///
/// # Errors
/// The owner ended in the middle of it, or had its connection cut.
pub(super) async fn pass(
    io: &Arc<IoInner>,
    forwarder: &Arc<Forwarder>,
    mut request: Request<Incoming>,
    peer: IpAddr,
    owner: ReplicaTag,
) -> Result<Option<Response>, Cut> {
    let upgrade = engine::wants_websocket(request.headers());
    let on_upgrade = upgrade.then(|| hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    if upgrade && let Err(refusal) = engine::check(&parts) {
        return Ok(Some(*refusal));
    }
    let kind = match (upgrade, &parts.method) {
        (true, _) => Kind::Upgrade,
        (_, &Method::POST) => Kind::Post,
        _ => Kind::Poll,
    };
    metrics::forwarded(kind.as_str());
    let Some(address) = forwarder.replicas.address_of(owner).await else {
        metrics::forward_failed("unknown-replica");
        return Ok(None);
    };
    let progress = Arc::new(Progress::new());
    let body: Body = match kind {
        Kind::Post => Upload::new(body, Arc::clone(&progress)).boxed(),
        // Nothing of it is asked for.
        Kind::Poll | Kind::Upgrade => whole(Bytes::new()),
    };
    let Some(mut head) = head::outgoing(&parts, peer, upgrade) else {
        return Ok(None);
    };
    forwarder.seal.sign(&mut head, std::time::SystemTime::now());
    // A POST is answered soon; whatever lasts longer gives way when this replica goes down.
    let passage = match kind {
        Kind::Post => None,
        Kind::Poll | Kind::Upgrade => Some(forwarder.passages.enter().ok_or(Cut)?),
    };
    let sending = forwarder.pool.send(&address, Request::from_parts(head, body));
    let limits = &io.options().limits;
    let outcome = tokio::select! {
        outcome = sending => outcome,
        () = late(kind, limits, &progress, io.options().body_timeout) => {
            metrics::forward_failed("late");
            tracing::warn!(%address, kind = kind.as_str(), "another replica does not answer");
            return Ok(None);
        }
        () = closed(passage.as_ref()) => return Err(Cut),
    };
    let (mut response, used) = match outcome {
        Ok(answered) => answered,
        Err(Failure::Unreachable(error)) => {
            metrics::forward_failed("unreachable");
            tracing::warn!(%address, %error, "another replica cannot be reached");
            forget_who_left(forwarder);
            return Ok(None);
        }
        Err(Failure::Unanswered(error)) => {
            metrics::forward_failed("unanswered");
            tracing::debug!(%address, %error, "another replica ended a request");
            // As the owner would have done: its client learns of it by the end of the connection.
            return if kind == Kind::Post { Err(Cut) } else { Ok(None) };
        }
    };
    if response.status() == StatusCode::UNAUTHORIZED {
        // Between replicas only: no session answers so.
        metrics::forward_failed("refused");
        tracing::error!(
            %address,
            "another replica refuses what this one signs: is cluster_secret the same, do the clocks agree?"
        );
        return Ok(None);
    }
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Some(answer(forwarder, response, used, passage)));
    }
    let Some(on_client) = on_upgrade else { return Err(Cut) };
    let on_owner = hyper::upgrade::on(&mut response);
    let silence = limits.ping_interval + limits.ping_timeout + SLACK;
    let permit = parts.extensions.get::<ConnectionPermit>().cloned();
    io.tasks().spawn(async move {
        // Counted as a connection for as long as it is one.
        let _permit = permit;
        carry(on_client, on_owner, silence, passage).await;
    });
    let (mut head, _) = response.into_parts();
    head::to_client(&mut head, true);
    Ok(Some(Response::from_parts(head, whole(Bytes::new()))))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Poll,
    Post,
    Upgrade,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Post => "post",
            Self::Upgrade => "websocket",
        }
    }
}

/// Waits until the owner has had its time for the head of its answer.
async fn late(kind: Kind, limits: &Limits, progress: &Progress, body_timeout: Duration) {
    let start = Instant::now();
    loop {
        let end = match kind {
            Kind::Poll => start + limits.ping_interval + limits.ping_timeout + SLACK,
            Kind::Upgrade => start + ANSWER_TIME,
            Kind::Post if progress.has_ended() => progress.last() + ANSWER_TIME,
            // The owner has a limit for slow bodies; this is for one that does not read.
            Kind::Post => progress.last() + body_timeout + ANSWER_TIME,
        };
        if Instant::now() >= end {
            return;
        }
        sleep_until(end).await;
    }
}

async fn closed(passage: Option<&Passage>) {
    match passage {
        Some(passage) => passage.closed().await,
        None => std::future::pending().await,
    }
}

/// The owner's answer as the client gets it.
fn answer(
    forwarder: &Forwarder,
    response: http::Response<Incoming>,
    used: Used,
    passage: Option<Passage>,
) -> Response {
    let (mut head, body) = response.into_parts();
    head::to_client(&mut head, false);
    let body = Relayed::new(body, Arc::clone(&forwarder.pool), used, passage);
    Response::from_parts(head, body.boxed())
}

/// A replica that is gone leaves its address behind.
fn forget_who_left(forwarder: &Forwarder) {
    let there = forwarder.replicas.all();
    forwarder.pool.keep_only(|address| there.iter().any(|r| r.about.advertise == address));
}

/// The two ends of a websocket, once both have their 101.
async fn carry(
    on_client: OnUpgrade,
    on_owner: OnUpgrade,
    silence: Duration,
    passage: Option<Passage>,
) {
    let owner = async {
        let upgraded = timeout(ANSWER_TIME, on_owner).await.ok()?.ok()?;
        let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
        Some((parts.io.into_inner(), parts.read_buf))
    };
    // The client's comes last: its 101 goes out after this task has begun.
    let (Some((owner, for_client)), Some((client, for_owner))) =
        tokio::join!(owner, engine::upgraded(on_client))
    else {
        return;
    };
    let tunnel = Tunnel::new((client, &for_client), (owner, &for_owner));
    metrics::tunnels(1.0);
    tokio::select! {
        () = tunnel.run(silence) => {}
        () = closed(passage.as_ref()) => {}
    }
    metrics::tunnels(-1.0);
}

/// What a client is answered whose session nobody has.
pub(super) fn nobody(upgrade: bool) -> Response {
    if upgrade {
        engine::refuse_upgrade(400, RequestError::UnknownSid.message())
    } else {
        engine::unknown()
    }
}
