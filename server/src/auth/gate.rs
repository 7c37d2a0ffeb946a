//! Credentials of a socket: where they are looked for, and what becomes of those without.

use std::sync::Arc;

use crier_domain::{AuthMode, Identity, Refusal, TokenError, Verifier, service::Services};
use serde_json::json;

use super::{
    apps::{self, AppSet},
    identity, set_identity,
};
use crate::{
    bus::badge_of,
    namespace::{handler::ConnectError, socket::Socket},
};

/// Decides who a socket is, before any code of an app runs. The same for every namespace.
#[derive(Clone, Debug)]
pub struct Gate {
    verifier: Arc<Verifier>,
    services: Arc<Services>,
    mode: AuthMode,
    query_token: bool,
    apps: AppSet,
}

/// Why a token is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// It is not valid.
    Token(TokenError),
    /// It was valid, and its user was revoked.
    Revoked,
    /// Whether it was revoked cannot be told now.
    Unknown(Refusal),
}

impl Gate {
    /// A gate. `query_token`: whether `?token=` counts; `apps`: what a socket has on that does not
    /// say.
    pub fn new(
        verifier: Arc<Verifier>,
        services: Arc<Services>,
        mode: AuthMode,
        query_token: bool,
        apps: AppSet,
    ) -> Self {
        Self { verifier, services, mode, query_token, apps }
    }

    /// What becomes of connections without a valid token.
    pub fn mode(&self) -> AuthMode {
        self.mode
    }

    /// The apps that are on.
    pub fn apps(&self) -> AppSet {
        self.apps
    }

    /// Lets a socket in, with the identity of its token if it has one
    /// ([`identity`] gives it back), and with the apps that it
    /// asks for ([`apps_of`](super::apps_of)).
    ///
    /// # Errors
    /// What the client is told: no token, or a bad one, where one is required; a token that was
    /// revoked; apps that there are not.
    pub async fn admit(&self, socket: &Socket) -> Result<(), ConnectError> {
        let asked = apps::asked(&socket.auth().as_value());
        let asked = asked.map_err(|reason| refusal("Bad auth", "BAD_AUTH", &reason))?;
        let apps = asked.map_or(self.apps, |asked| asked.and(self.apps));
        socket.insert(apps);
        let apps: Vec<_> = apps.iter().collect();
        socket.set_badge(badge_of(Some(&apps), None));
        socket.insert(Admitted { revocations: self.services.revocations.made() });
        let required = self.mode == AuthMode::Required;
        let Some(token) = self.token(socket) else {
            return if required { Err(no_token()) } else { Ok(()) };
        };
        match self.verify(&token).await {
            Ok(identity) => {
                set_identity(socket, Arc::new(identity));
                Ok(())
            }
            // The table of section 1: not required is not looked at closely.
            Err(Rejected::Token(_)) if !required => Ok(()),
            Err(Rejected::Unknown(refusal)) => {
                // A client does not come back by itself after CONNECT_ERROR; it does where its
                // connection is lost. So there is no answer: the end of the session drops this.
                tracing::warn!(%refusal, "nobody can tell whether a token was revoked");
                socket.close_transport();
                std::future::pending().await
            }
            Err(rejected) => Err(bad_token(&rejected)),
        }
    }

    /// Whether a socket was revoked while it was let in, after its token had been looked at.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn was_revoked_meanwhile(&self, socket: &Socket) -> Result<bool, Refusal> {
        let revocations = &self.services.revocations;
        let before = socket.get::<Admitted>().map(|admitted| admitted.revocations);
        match identity(socket) {
            Some(identity) if before != Some(revocations.made()) => {
                revocations.is_revoked(&identity).await
            }
            _ => Ok(false),
        }
    }

    /// The identity that a namespace needs in every mode (`/presence`, `/chat`); to be asked behind
    /// [`Gate::admit`].
    ///
    /// # Errors
    /// What the client is told where it gave no token, or a bad one.
    pub fn require(&self, socket: &Socket) -> Result<Arc<Identity>, ConnectError> {
        if let Some(identity) = identity(socket) {
            return Ok(identity);
        }
        match self.token(socket).map(|token| self.verifier.verify(&token)) {
            Some(Err(error)) => Err(bad_token(&Rejected::Token(error))),
            Some(Ok(_)) | None => Err(no_token()),
        }
    }

    /// Who a token is of, if it is taken now.
    ///
    /// # Errors
    /// See [`Rejected`].
    pub async fn verify(&self, token: &str) -> Result<Identity, Rejected> {
        let identity = self.verifier.verify(token).map_err(Rejected::Token)?;
        match self.services.revocations.is_revoked(&identity).await {
            Ok(false) => Ok(identity),
            Ok(true) => Err(Rejected::Revoked),
            Err(refusal) => Err(Rejected::Unknown(refusal)),
        }
    }

    /// The first of `auth.token`, `auth.jwt`, query `token`, header `Authorization`.
    fn token(&self, socket: &Socket) -> Option<String> {
        let auth = socket.auth().as_value();
        let given = |key| auth.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        let handshake = socket.handshake();
        let query = || {
            let token = self.query_token.then(|| handshake.query_param("token")).flatten();
            token.map(std::borrow::Cow::into_owned)
        };
        let header = || handshake.header("authorization").map(str::to_owned);
        let not_empty = |token: &String| !token.is_empty();
        given("token")
            .filter(not_empty)
            .or_else(|| given("jwt").filter(not_empty))
            .or_else(|| query().filter(not_empty))
            .or_else(|| header().filter(not_empty))
    }
}

/// What a socket was let in by.
#[derive(Clone, Copy)]
struct Admitted {
    /// How many revocations there had been.
    revocations: u64,
}

fn no_token() -> ConnectError {
    refusal("Authentication error", "NO_TOKEN", "no token")
}

fn bad_token(rejected: &Rejected) -> ConnectError {
    match rejected {
        Rejected::Token(error) => refusal("Invalid token", "INVALID_TOKEN", &error.to_string()),
        Rejected::Revoked => refusal("Invalid token", "REVOKED", "the token was revoked"),
        Rejected::Unknown(error) => {
            refusal("Service unavailable", error.code(), &error.to_string())
        }
    }
}

fn refusal(message: &str, code: &str, reason: &str) -> ConnectError {
    ConnectError::new(message).with_data(json!({ "code": code, "reason": reason }))
}
