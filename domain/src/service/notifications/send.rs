//! `notification:send`: one user, or a backend, tells another user something.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{NewNotification, Notifications};
use crate::{
    error::Refusal,
    event::shop::{NotificationKind, NotificationReceived, SendNotification},
    identity::{Identity, Role},
    service::{
        backoff::Backoff,
        limits::Counted,
        once::{self, Once, Outcome},
        settle::{Settled, settle},
        telling, text,
    },
    store::Commit,
};

/// UTF-16 units of a title.
const TITLE_MAX: usize = 200;
/// UTF-16 units of a body.
const BODY_MAX: usize = 5_000;
/// Bytes of `meta`, as JSON.
const META_BYTES_MAX: usize = 16 << 10;

/// Whose `notification:send` is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SendFrom {
    /// Every user's.
    #[default]
    User,
    /// Only that of `service` and `admin`.
    Service,
}

impl SendFrom {
    /// Takes the word of the configuration.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "user" => Some(Self::User),
            "service" => Some(Self::Service),
            _ => None,
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sent {
    /// Whether its delivery waits in the queue: never without Redis.
    pub queued: bool,
    /// Whether it is stored.
    pub saved: bool,
}

impl Notifications {
    /// Stores a notification and tells its user: `notification:received`, `new-notification` and
    /// `unread-count-update`.
    ///
    /// # Errors
    ///
    /// [`Refusal::Forbidden`] where only backends may send, [`Refusal::Invalid`] naming the field,
    /// [`Refusal::NotFound`] where a filled directory does not know the user,
    /// [`Refusal::RateLimited`], [`Refusal::Conflict`] where the id was used for something else,
    /// [`Refusal::Unavailable`].
    pub async fn send(
        &self,
        from: &Identity,
        sending: SendNotification,
        once: Option<Once>,
    ) -> Result<Outcome<Sent>, Refusal> {
        let send = self.send_now(from, sending, once.as_ref());
        once::once(once.as_ref(), &*self.store, &self.clock, send).await
    }

    async fn send_now(
        &self,
        from: &Identity,
        sending: SendNotification,
        once: Option<&Once>,
    ) -> Result<Outcome<Sent>, Refusal> {
        let backend = matches!(from.role, Role::Service | Role::Admin);
        if self.settings.send_from == SendFrom::Service && !backend {
            return Err(Refusal::Forbidden { code: "FORBIDDEN", message: "Access denied" });
        }
        check(&sending)?;
        if !self.users.may_exist(&sending.to_user_id).await? {
            return Err(Refusal::NotFound { what: "User" });
        }
        self.limits.take(Counted::Notification, from.user.as_str())?;
        let sent = Sent { queued: false, saved: true };
        let answer = serde_json::to_vec(&sent).unwrap_or_default();
        let mut backoff = Backoff::default();
        loop {
            let claim = once.cloned().map(|once| once.claim(answer.clone(), &self.clock));
            let mut commit = Commit { claim, ..Commit::default() };
            commit.events.extend(self.received(from, &sending));
            let news = vec![(sending.to_user_id.clone(), stored(from, &sending))];
            let held = self.add_to(&mut commit, news).await?;
            let settled = settle(&*self.store, commit).await?;
            drop(held);
            match settled {
                Settled::Done => return Ok(Outcome::Done(sent)),
                Settled::Repeated(answer) => return Ok(Outcome::Repeated(answer)),
                Settled::Again => backoff.wait().await?,
            }
        }
    }

    fn received(&self, from: &Identity, sending: &SendNotification) -> Option<crate::Publish> {
        let payload = NotificationReceived {
            event: Default::default(),
            kind: sending.kind,
            title: sending.title.clone(),
            body: sending.body.clone(),
            meta: sending.meta.clone(),
            from: from.user.clone(),
            ts: self.clock.now(),
        };
        let room = telling::room("user:", sending.to_user_id.as_str());
        telling::event("notification:received", &payload, room)
    }
}

fn check(sending: &SendNotification) -> Result<(), Refusal> {
    if let Some(title) = &sending.title {
        text::check("title", title.as_str(), 0, TITLE_MAX)?;
    }
    if let Some(body) = &sending.body {
        text::check("body", body.as_str(), 0, BODY_MAX)?;
    }
    let meta = sending.meta.as_ref().map(|meta| Value::Object(meta.fields().clone()));
    meta.map_or(Ok(()), |meta| text::check_json("meta", &meta, META_BYTES_MAX))
}

fn word(kind: NotificationKind) -> &'static str {
    match kind {
        NotificationKind::Info => "info",
        NotificationKind::Warning => "warning",
        NotificationKind::Error => "error",
    }
}

fn stored(from: &Identity, sending: &SendNotification) -> NewNotification {
    let mut data = Map::new();
    data.insert("from".to_owned(), json!(from.user));
    if let Some(meta) = &sending.meta {
        data.insert("meta".to_owned(), Value::Object(meta.fields().clone()));
    }
    data.insert("priority".to_owned(), json!(sending.priority));
    NewNotification {
        kind: word(sending.kind).to_owned(),
        title: sending.title.clone().map(String::from),
        body: sending.body.clone().map(String::from),
        data,
    }
}
