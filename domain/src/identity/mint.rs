//! Makes tokens, for `crier token` and for tests.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::{Role, UserType};
use crate::time::unix_seconds;

/// A token of HS256 for a user, valid from now for `ttl`. It says when it was made, so that it can be
/// revoked.
pub fn mint(
    secret: &[u8],
    user: &str,
    role: Role,
    user_type: Option<UserType>,
    ttl: Duration,
) -> String {
    let now = unix_seconds();
    let claims =
        Minted { sub: user, role, user_type, iat: now, exp: now.saturating_add(ttl.as_secs()) };
    let key = EncodingKey::from_secret(secret);
    #[expect(
        clippy::expect_used,
        reason = "plain fields always become JSON, and HMAC takes a key of any length"
    )]
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
        .expect("an HMAC over plain claims cannot fail")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Minted<'a> {
    sub: &'a str,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_type: Option<UserType>,
    iat: u64,
    exp: u64,
}
