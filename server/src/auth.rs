//! Credentials of a socket: where they are looked for, and what becomes of those without.

use std::sync::Arc;

use crier_domain::{AuthMode, Identity, Verifier};
use serde_json::json;

use crate::namespace::{handler::ConnectError, socket::Socket};

/// Decides who a socket is, before any code of an app runs.
#[derive(Clone, Debug)]
pub struct Gate {
    verifier: Arc<Verifier>,
    mode: AuthMode,
    query_token: bool,
}

impl Gate {
    /// A gate. `query_token`: whether `?token=` counts.
    pub fn new(verifier: Arc<Verifier>, mode: AuthMode, query_token: bool) -> Self {
        Self { verifier, mode, query_token }
    }

    /// Lets a socket in, with the identity of its token if it has one; [`identity`] gives it back.
    ///
    /// # Errors
    /// What the client is told: no token, or a bad one, where one is required.
    pub fn admit(&self, socket: &Socket) -> Result<(), ConnectError> {
        if self.mode == AuthMode::Off {
            return Ok(());
        }
        let Some(token) = self.token(socket) else {
            return match self.mode {
                AuthMode::Required => Err(refusal("Authentication error", "NO_TOKEN", "no token")),
                AuthMode::Optional | AuthMode::Off => Ok(()),
            };
        };
        match self.verifier.verify(&token) {
            Ok(identity) => {
                socket.insert(Arc::new(identity));
                Ok(())
            }
            Err(error) if self.mode == AuthMode::Required => {
                Err(refusal("Invalid token", "INVALID_TOKEN", &error.to_string()))
            }
            Err(_) => Ok(()),
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

fn refusal(message: &str, code: &str, reason: &str) -> ConnectError {
    ConnectError::new(message).with_data(json!({ "code": code, "reason": reason }))
}

/// Who a socket is; `None` = anonymous.
pub fn identity(socket: &Socket) -> Option<Arc<Identity>> {
    socket.get::<Arc<Identity>>()
}
