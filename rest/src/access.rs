//! Who calls, and what they may call: a backend's key, or a token and its role.

use std::{fmt, sync::Arc};

use crier_domain::{Identity, Role, UserId, Verifier};
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{error::ApiError, table::Access};

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

/// Who sent a request.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    /// Nobody says; for operations that everyone may call.
    Nobody,
    /// The holder of the key of this number.
    Key(usize),
    /// The holder of a token.
    User(Arc<Identity>),
}

impl Who {
    /// The one whose calls are counted together; `None` where nobody says.
    pub(crate) fn caller(&self) -> Option<Caller> {
        match self {
            Self::Key(index) => Some(Caller::ApiKey(*index)),
            Self::User(identity) => Some(Caller::User(identity.user.clone())),
            Self::Nobody => None,
        }
    }

    /// Whether it is a key, or a user of role `service` or `admin`.
    pub(crate) fn is_backend(&self) -> bool {
        match self {
            Self::Nobody => false,
            Self::Key(_) => true,
            Self::User(identity) => matches!(identity.role, Role::Service | Role::Admin),
        }
    }
}

/// The sender, from the `Authorization` header alone: a query string ends up in logs.
///
/// # Errors
///
/// 401 with wrong credentials.
pub(crate) fn authenticate(
    headers: &HeaderMap,
    keys: &ApiKeys,
    verifier: &Verifier,
) -> Result<Who, ApiError> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = given.next() else {
        return Ok(Who::Nobody);
    };
    // With two of them, a proxy may have looked at the other one.
    if given.next().is_some() {
        return Err(ApiError::InvalidCredentials);
    }
    let value = value.to_str().map_err(|_| ApiError::InvalidCredentials)?;
    // The word `Bearer` is accepted everywhere and required nowhere (contract, section 1).
    let credentials = match value.trim().split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        Some(_) => return Err(ApiError::Unauthorized),
        None => value.trim(),
    };
    if let Some(index) = keys.find(credentials) {
        return Ok(Who::Key(index));
    }
    let identity = verifier.verify(credentials).map_err(|_| ApiError::InvalidCredentials)?;
    Ok(Who::User(Arc::new(identity)))
}

/// Whether someone may call an operation.
///
/// # Errors
///
/// 401 where somebody, or a user, has to be known; 403 for a user who may not.
pub(crate) fn admit(who: &Who, access: Access) -> Result<(), ApiError> {
    match (access, who) {
        (Access::Public | Access::Anyone, _)
        | (Access::User, Who::User(_))
        | (Access::UserOrKey, Who::User(_) | Who::Key(_)) => Ok(()),
        (Access::Backend, who) if who.is_backend() => Ok(()),
        (Access::Backend, Who::User(_)) => Err(ApiError::Forbidden),
        (Access::User, Who::Key(_)) => Err(ApiError::KeyIsNoUser),
        (Access::User | Access::UserOrKey | Access::Backend, Who::Nobody | Who::Key(_)) => {
            Err(ApiError::Unauthorized)
        }
    }
}
