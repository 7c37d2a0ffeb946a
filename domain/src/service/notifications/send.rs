//! `notification:send`: one user, or a backend, tells another user something.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{NewNotification, Notifications};
use crate::{
    error::Refusal,
    event::App,
    identity::{Identity, Role, UserId},
    service::{
        backoff::Backoff,
        limits::Counted,
        once::{Once, Outcome},
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

/// How grave it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    #[default]
    Info,
    /// To be looked after.
    Warning,
    /// Something is wrong.
    Error,
}

impl Severity {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How urgent it is; shown, not acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Not.
    Low,
    /// As most.
    Normal,
    /// Very.
    High,
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendNotification {
    /// To whom.
    pub to_user_id: UserId,
    /// How grave; `info` where left out.
    #[serde(default)]
    pub r#type: Severity,
    /// A line.
    pub title: Option<String>,
    /// A text.
    pub body: Option<String>,
    /// Anything that goes with it.
    pub meta: Option<Value>,
    /// How urgent.
    pub priority: Option<Priority>,
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
        let backend = matches!(from.role, Role::Service | Role::Admin);
        if self.settings.send_from == SendFrom::Service && !backend {
            return Err(Refusal::Forbidden { code: "FORBIDDEN", message: "Access denied" });
        }
        check(&sending)?;
        if !self.users.may_exist(&sending.to_user_id).await? {
            return Err(Refusal::NotFound { what: "User" });
        }
        if let Some(once) = &once
            && let Some(answer) = once.answered(&*self.store, &self.clock).await?
        {
            return Ok(Outcome::Repeated(answer));
        }
        self.limits.take(Counted::Notification, from.user.as_str())?;
        let sent = Sent { queued: false, saved: true };
        let answer = serde_json::to_vec(&sent).unwrap_or_default();
        let mut backoff = Backoff::default();
        loop {
            let claim = once.clone().map(|once| once.claim(answer.clone(), &self.clock));
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
        let payload = json!({
            "event": "notification:received",
            "type": sending.r#type,
            "title": sending.title,
            "body": sending.body,
            "meta": sending.meta,
            "from": from.user,
            "ts": self.clock.now(),
        });
        let room = telling::room("user:", sending.to_user_id.as_str());
        telling::event(App::Shop, "notification:received", &payload, room)
    }
}

fn check(sending: &SendNotification) -> Result<(), Refusal> {
    if let Some(title) = &sending.title {
        text::check("title", title, 0, TITLE_MAX)?;
    }
    if let Some(body) = &sending.body {
        text::check("body", body, 0, BODY_MAX)?;
    }
    sending.meta.as_ref().map_or(Ok(()), |meta| text::check_json("meta", meta, META_BYTES_MAX))
}

fn stored(from: &Identity, sending: &SendNotification) -> NewNotification {
    let mut data = Map::new();
    data.insert("from".to_owned(), json!(from.user));
    if let Some(meta) = &sending.meta {
        data.insert("meta".to_owned(), meta.clone());
    }
    if let Some(priority) = sending.priority {
        data.insert("priority".to_owned(), json!(priority));
    }
    NewNotification {
        kind: sending.r#type.as_str().to_owned(),
        title: sending.title.clone().unwrap_or_default(),
        body: sending.body.clone().unwrap_or_default(),
        data,
    }
}
