//! The keys that tokens are checked with.

use std::fmt;

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde_json::Value;

/// The fixed, public key that Crier uses while none is configured, so that `crier token` works from
/// any shell. Whoever uses it listens on loopback only.
pub const DEVELOPMENT_SECRET: &str =
    "crier development key: public, fixed and for this machine alone; never in production";

/// What replicas and sidecars on the development key sign with where no cluster secret is given: fixed
/// and public too. No comma: a list of secrets may have it.
pub const DEVELOPMENT_CLUSTER_SECRET: &str =
    "crier development cluster secret: public and fixed and for this machine alone";

/// The shortest secret taken: 256 bits, the least that RFC 7518 (section 3.2) allows for HS256.
pub const SECRET_BYTES_MIN: usize = 32;

/// Keys that one set may hold. A token without `kid` is tried against all that fit its algorithm.
const KEYS_MAX: usize = 64;

/// Why a configured key is not taken; the process then does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no key in what was given.
    #[error("no usable key found")]
    Empty,
    /// More keys than one set may hold.
    #[error("more than {KEYS_MAX} keys")]
    TooMany,
    /// A secret that could be guessed.
    #[error("the secret has {got} bytes; at least {SECRET_BYTES_MIN} are needed")]
    SecretTooShort {
        /// Bytes of the secret.
        got: usize,
    },
    /// The development key is public: as a configured key it would let everybody in.
    #[error("the development key is public and cannot be configured")]
    Development,
    /// A private key where the public one belongs.
    #[error("key {index} is a private key or a secret; give the public key")]
    Private {
        /// Which key of the file, from 1.
        index: usize,
    },
    /// A block or an entry that is no RSA, P-256, P-384 or Ed25519 public key.
    #[error("key {index} is no RSA, P-256, P-384 or Ed25519 public key")]
    Unreadable {
        /// Which key of the file, from 1.
        index: usize,
    },
    /// The key set is no JSON of the shape `{ "keys": [...] }`.
    #[error("the key set is not JSON of the shape {{ \"keys\": [...] }}")]
    NotAKeySet,
}

/// The keys of a [`super::Verifier`]. Each belongs to one family of algorithms, so that a token
/// cannot turn a public key into an HMAC secret.
#[derive(Clone)]
pub struct Keys(Vec<Key>);

#[derive(Clone)]
struct Key {
    /// Tokens that name a key are checked with keys of that name, or of none.
    kid: Option<Box<str>>,
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

impl Keys {
    /// The public development key alone.
    pub fn development() -> Self {
        Self(vec![Key::secret(DEVELOPMENT_SECRET.as_bytes())])
    }

    /// HMAC secrets: one, or several while rotating. Each serves the algorithms whose hash it is at
    /// least as long as (RFC 7518, section 3.2): HS256 from 32 bytes, HS384 from 48, HS512 from 64.
    ///
    /// # Errors
    ///
    /// [`KeyError::SecretTooShort`], [`KeyError::Development`], [`KeyError::Empty`],
    /// [`KeyError::TooMany`].
    pub fn from_secrets<S: AsRef<[u8]>>(
        secrets: impl IntoIterator<Item = S>,
    ) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for secret in secrets {
            let secret = secret.as_ref();
            if secret.len() < SECRET_BYTES_MIN {
                return Err(KeyError::SecretTooShort { got: secret.len() });
            }
            if secret == DEVELOPMENT_SECRET.as_bytes() {
                return Err(KeyError::Development);
            }
            keys.push(Key::secret(secret));
        }
        Self::checked(keys)
    }

    /// The text of a PEM file with one or more public keys.
    ///
    /// # Errors
    ///
    /// [`KeyError::Private`], [`KeyError::Unreadable`], [`KeyError::Empty`], [`KeyError::TooMany`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        const BEGIN: &str = "-----BEGIN ";
        let mut keys = Vec::new();
        for (index, block) in (1..).zip(text.split(BEGIN).skip(1)) {
            let label = block.split("-----").next().unwrap_or_default();
            if label.contains("PRIVATE") {
                return Err(KeyError::Private { index });
            }
            let key = Key::pem(format!("{BEGIN}{block}").trim().as_bytes());
            keys.push(key.ok_or(KeyError::Unreadable { index })?);
        }
        Self::checked(keys)
    }

    /// The text of a JSON Web Key Set (RFC 7517). Keys for encryption, and of kinds that Crier does
    /// not know, are passed over, as section 5 of the RFC asks for.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotAKeySet`], [`KeyError::Private`], [`KeyError::Unreadable`],
    /// [`KeyError::Empty`], [`KeyError::TooMany`].
    pub fn from_jwks(text: &str) -> Result<Self, KeyError> {
        let set: Value = serde_json::from_str(text).map_err(|_| KeyError::NotAKeySet)?;
        let entries = set.get("keys").and_then(Value::as_array);
        let mut keys = Vec::new();
        for (index, entry) in (1..).zip(entries.ok_or(KeyError::NotAKeySet)?) {
            // `d`: RSA, EC and OKP private keys; `k`: a shared secret.
            if entry.get("d").is_some() || entry.get("k").is_some() {
                return Err(KeyError::Private { index });
            }
            let jwk: Jwk = serde_json::from_value(entry.clone())
                .map_err(|_| KeyError::Unreadable { index })?;
            // A broken key of a known kind reads as one of an unknown kind.
            let known = matches!(entry.get("kty").and_then(Value::as_str), Some("RSA" | "EC"));
            if known && matches!(jwk.algorithm, AlgorithmParameters::Other(_)) {
                return Err(KeyError::Unreadable { index });
            }
            if is_for_signatures(&jwk)
                && let Some(key) = Key::jwk(&jwk).ok_or(KeyError::Unreadable { index })?
            {
                keys.push(key);
            }
        }
        Self::checked(keys)
    }

    /// Both sets' keys.
    ///
    /// # Errors
    ///
    /// [`KeyError::Development`] where one of them is the development key, [`KeyError::TooMany`].
    pub fn and(mut self, other: Self) -> Result<Self, KeyError> {
        if self.is_development() || other.is_development() {
            return Err(KeyError::Development);
        }
        self.0.extend(other.0);
        Self::checked(self.0)
    }

    /// Whether this is the public development key.
    pub fn is_development(&self) -> bool {
        let development = DEVELOPMENT_SECRET.as_bytes();
        self.0.iter().any(|key| {
            key.decoding.family() == AlgorithmFamily::Hmac
                && key.decoding.try_get_as_bytes().is_ok_and(|b| b == development)
        })
    }

    /// Whether any key takes this algorithm.
    pub(super) fn takes(&self, algorithm: Algorithm) -> bool {
        self.0.iter().any(|key| key.algorithms.contains(&algorithm))
    }

    /// The keys to check a token of this header with.
    pub(super) fn candidates<'a>(
        &'a self,
        algorithm: Algorithm,
        kid: Option<&'a str>,
    ) -> impl Iterator<Item = &'a DecodingKey> {
        let fits = move |key: &&Key| {
            let named = match (key.kid.as_deref(), kid) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => true,
            };
            named && key.algorithms.contains(&algorithm)
        };
        self.0.iter().filter(fits).map(|key| &key.decoding)
    }

    fn checked(keys: Vec<Key>) -> Result<Self, KeyError> {
        match keys.len() {
            0 => Err(KeyError::Empty),
            1..=KEYS_MAX => Ok(Self(keys)),
            _ => Err(KeyError::TooMany),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|key| (&key.kid, &key.algorithms));
        f.debug_list().entries(shown).finish()
    }
}

impl Key {
    fn secret(secret: &[u8]) -> Self {
        let long_enough = [(32, Algorithm::HS256), (48, Algorithm::HS384), (64, Algorithm::HS512)];
        let served = long_enough.iter().filter(|(bytes, _)| secret.len() >= *bytes);
        Self {
            kid: None,
            algorithms: served.map(|(_, algorithm)| *algorithm).collect(),
            decoding: DecodingKey::from_secret(secret),
        }
    }

    fn pem(block: &[u8]) -> Option<Self> {
        let (algorithms, decoding) = if let Ok(key) = DecodingKey::from_rsa_pem(block) {
            (AlgorithmFamily::Rsa.algorithms().to_vec(), key)
        } else if let Ok(key) = DecodingKey::from_ed_pem(block) {
            (vec![Algorithm::EdDSA], key)
        } else {
            let key = DecodingKey::from_ec_pem(block).ok()?;
            // An uncompressed point: one byte, then two coordinates.
            let algorithm = match key.try_get_as_bytes().ok()?.len() {
                65 => Algorithm::ES256,
                97 => Algorithm::ES384,
                _ => return None,
            };
            (vec![algorithm], key)
        };
        Some(Self { kid: None, algorithms, decoding })
    }

    /// `None` = broken; `Some(None)` = of a kind that is not for us.
    #[expect(clippy::option_option, reason = "broken and foreign keys differ")]
    fn jwk(jwk: &Jwk) -> Option<Option<Self>> {
        let point = |bytes: usize| {
            DecodingKey::from_jwk(jwk)
                .is_ok_and(|key| key.try_get_as_bytes().is_ok_and(|b| b.len() == bytes))
        };
        let mut algorithms = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms().to_vec(),
            AlgorithmParameters::EllipticCurve(key) => match key.curve {
                EllipticCurve::P256 if point(65) => vec![Algorithm::ES256],
                EllipticCurve::P384 if point(97) => vec![Algorithm::ES384],
                EllipticCurve::P256 | EllipticCurve::P384 => return None,
                _ => return Some(None),
            },
            AlgorithmParameters::OctetKeyPair(key) => match key.curve {
                EllipticCurve::Ed25519 if point(32) => vec![Algorithm::EdDSA],
                EllipticCurve::Ed25519 => return None,
                _ => return Some(None),
            },
            _ => return Some(None),
        };
        if let Some(only) = jwk.common.key_algorithm {
            algorithms.retain(|algorithm| named(*algorithm) == only);
        }
        if algorithms.is_empty() {
            return Some(None);
        }
        Some(Some(Self {
            kid: jwk.common.key_id.as_deref().map(Into::into),
            algorithms,
            decoding: DecodingKey::from_jwk(jwk).ok()?,
        }))
    }
}

fn is_for_signatures(jwk: &Jwk) -> bool {
    let common = &jwk.common;
    let signs = common.public_key_use.as_ref().is_none_or(|u| *u == PublicKeyUse::Signature);
    let verifies =
        common.key_operations.as_ref().is_none_or(|ops| ops.contains(&KeyOperations::Verify));
    signs && verifies
}

/// A JWK's `alg` for the algorithm that a token names.
fn named(algorithm: Algorithm) -> KeyAlgorithm {
    match algorithm {
        Algorithm::HS256 => KeyAlgorithm::HS256,
        Algorithm::HS384 => KeyAlgorithm::HS384,
        Algorithm::HS512 => KeyAlgorithm::HS512,
        Algorithm::ES256 => KeyAlgorithm::ES256,
        Algorithm::ES384 => KeyAlgorithm::ES384,
        Algorithm::RS256 => KeyAlgorithm::RS256,
        Algorithm::RS384 => KeyAlgorithm::RS384,
        Algorithm::RS512 => KeyAlgorithm::RS512,
        Algorithm::PS256 => KeyAlgorithm::PS256,
        Algorithm::PS384 => KeyAlgorithm::PS384,
        Algorithm::PS512 => KeyAlgorithm::PS512,
        Algorithm::EdDSA => KeyAlgorithm::EdDSA,
        _ => KeyAlgorithm::UNKNOWN_ALGORITHM,
    }
}
