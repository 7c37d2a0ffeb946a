//! Who may publish: a backend's key, or a token of role `service` or `admin`.

use std::fmt;

use crier_domain::{Role, UserId, Verifier};
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::ApiError;

/// Someone who may publish, and whose events are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// The key of this number in the configuration.
    ApiKey(usize),
    /// The holder of a token.
    User(UserId),
}

/// The configured keys, as digests: all of one length, so a comparison tells nothing of a key's.
#[derive(Clone)]
pub(crate) struct ApiKeys(Vec<[u8; 32]>);

impl ApiKeys {
    pub(crate) fn new(keys: &[String]) -> Self {
        let keys = keys.iter().filter(|key| !key.is_empty());
        Self(keys.map(|key| Sha256::digest(key).into()).collect())
    }

    /// Which key this is. Every key is compared whole, whether one fitted before or not.
    fn find(&self, shown: &str) -> Option<usize> {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        let mut found = None;
        for (index, key) in self.0.iter().enumerate() {
            if bool::from(key.ct_eq(&shown)) {
                found = Some(index);
            }
        }
        found
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeys({})", self.0.len())
    }
}

/// The caller, from the `Authorization` header alone: a query string ends up in logs.
///
/// # Errors
///
/// 401 without credentials or with wrong ones; 403 for a user who may not publish.
pub(crate) fn authenticate(
    headers: &HeaderMap,
    keys: &ApiKeys,
    verifier: &Verifier,
) -> Result<Caller, ApiError> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let value = given.next().ok_or(ApiError::Unauthorized)?;
    // With two of them, a proxy may have looked at the other one.
    if given.next().is_some() {
        return Err(ApiError::InvalidCredentials);
    }
    let value = value.to_str().map_err(|_| ApiError::InvalidCredentials)?;
    let credentials = match value.trim().split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        _ => return Err(ApiError::Unauthorized),
    };
    if let Some(index) = keys.find(credentials) {
        return Ok(Caller::ApiKey(index));
    }
    let identity = verifier.verify(credentials).map_err(|_| ApiError::InvalidCredentials)?;
    match identity.role {
        Role::Service | Role::Admin => Ok(Caller::User(identity.user)),
        Role::User | Role::Buyer | Role::Seller | Role::Agent => Err(ApiError::Forbidden),
    }
}
