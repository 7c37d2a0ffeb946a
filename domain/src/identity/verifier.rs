//! From a token to an identity, or to the reason why not.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, crypto};
use serde::{Deserialize, de::IgnoredAny};

use super::{
    Identity, Keys,
    claims::{Claims, NumericDate},
};
use crate::time::unix_seconds;

/// Tokens longer than this are refused unread. 8 KiB: what proxies allow for a whole header.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// What a token must say besides being signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierOptions {
    /// Whether a token has to end at some time. Default true.
    pub require_exp: bool,
    /// Issuers taken; a token then has to name one of them. Default empty: not looked at.
    pub issuer: Vec<String>,
    /// Audiences that are us; a token then has to name one of them. Default empty: not looked at.
    pub audience: Vec<String>,
    /// The longest time from `iat` (or from now, without one) to `exp`. Default none.
    pub max_lifetime: Option<Duration>,
    /// How far clocks may differ. Default 5 s.
    pub leeway: Duration,
}

impl Default for VerifierOptions {
    fn default() -> Self {
        Self {
            require_exp: true,
            issuer: Vec::new(),
            audience: Vec::new(),
            max_lifetime: None,
            leeway: Duration::from_secs(5),
        }
    }
}

/// Why a token is refused. Says nothing of the token's content but the name of a claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Over [`TOKEN_BYTES_MAX`].
    #[error("the token is longer than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    /// Not three parts of base64url with JSON in the first two.
    #[error("the token is malformed")]
    Malformed,
    /// An algorithm that no configured key is for.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// The header asks for an extension that has to be understood (`crit`).
    #[error("the token needs an extension that is not supported")]
    Critical,
    /// No key made this signature.
    #[error("the token's signature does not match")]
    Signature,
    /// It ended.
    #[error("the token has expired")]
    Expired,
    /// It is not valid yet (`nbf`), or made in the future (`iat`).
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It lives longer than allowed.
    #[error("the token's lifetime is too long")]
    Lifetime,
    /// From another issuer.
    #[error("the token's issuer is not accepted")]
    Issuer,
    /// For somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// A claim is missing, of the wrong type, there twice, or out of range.
    #[error("the token's claim {name} is missing or wrong")]
    Claim {
        /// The claim.
        name: String,
    },
}

/// Checks tokens. Pure but for the clock: no network, no files.
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: Keys,
    options: VerifierOptions,
}

impl Verifier {
    /// A verifier with these keys.
    pub fn new(keys: Keys, options: VerifierOptions) -> Self {
        Self { keys, options }
    }

    /// Whether tokens are checked with the public development key.
    pub fn is_development(&self) -> bool {
        self.keys.is_development()
    }

    /// Checks a token, with or without `Bearer ` before it, against the present.
    ///
    /// # Errors
    ///
    /// The first reason found, see [`TokenError`].
    pub fn verify(&self, token: &str) -> Result<Identity, TokenError> {
        self.verify_at(token, unix_seconds())
    }

    /// Checks a token against a time in seconds since 1970.
    ///
    /// # Errors
    ///
    /// As [`Verifier::verify`].
    pub fn verify_at(&self, token: &str, now: u64) -> Result<Identity, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let token = strip_bearer(token);
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(TokenError::Malformed)?;
        // `decode` refuses a fourth part, since the dot is no base64url.
        let header = decode(header)?;
        let claims = decode(claims)?;
        self.check_signature(&header, message, signature)?;
        let claims = Claims::parse(&claims)?;
        self.check_times(&claims, now)?;
        self.check_parties(&claims)?;
        claims.into_identity()
    }

    fn check_signature(
        &self,
        header: &[u8],
        message: &str,
        signature: &str,
    ) -> Result<(), TokenError> {
        let header: Header = serde_json::from_slice(header).map_err(|_| TokenError::Malformed)?;
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        let algorithm: Algorithm = header.alg.parse().map_err(|_| TokenError::Algorithm)?;
        if !self.keys.takes(algorithm) {
            return Err(TokenError::Algorithm);
        }
        let signed = self.keys.candidates(algorithm, header.kid.as_deref()).any(|key| {
            crypto::verify(signature, message.as_bytes(), key, algorithm).unwrap_or(false)
        });
        signed.then_some(()).ok_or(TokenError::Signature)
    }

    fn check_times(&self, claims: &Claims, now: u64) -> Result<(), TokenError> {
        let seconds = |date: &Option<NumericDate>| date.as_ref().map(|at| at.0);
        let leeway = self.options.leeway.as_secs();
        let exp = seconds(&claims.exp);
        if exp.is_none() && self.options.require_exp {
            return Err(TokenError::Claim { name: "exp".into() });
        }
        if exp.is_some_and(|at| at.saturating_add(leeway) <= now) {
            return Err(TokenError::Expired);
        }
        let start = seconds(&claims.nbf).max(seconds(&claims.iat));
        if start.is_some_and(|at| at > now.saturating_add(leeway)) {
            return Err(TokenError::NotYetValid);
        }
        if let Some(max) = self.options.max_lifetime {
            let from = seconds(&claims.iat).unwrap_or(now);
            let lifetime = exp.map(|at| at.saturating_sub(from));
            if lifetime.is_none_or(|seconds| seconds > max.as_secs()) {
                return Err(TokenError::Lifetime);
            }
        }
        Ok(())
    }

    fn check_parties(&self, claims: &Claims) -> Result<(), TokenError> {
        let issuers = &self.options.issuer;
        let from = claims.iss.as_ref();
        if !issuers.is_empty() && !from.is_some_and(|issuer| issuers.contains(issuer)) {
            return Err(TokenError::Issuer);
        }
        let ours = &self.options.audience;
        let named = claims.aud.as_ref().map(|aud| aud.names()).unwrap_or_default();
        if !ours.is_empty() && !named.iter().any(|audience| ours.contains(audience)) {
            return Err(TokenError::Audience);
        }
        Ok(())
    }
}

/// What is read of a token's header. `jwk`, `jku`, `x5u`, `x5c` and all else is ignored: keys come
/// from the configuration only.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// There at all, even as `null`, is reason enough.
    #[serde(default, deserialize_with = "there")]
    crit: Option<()>,
}

fn there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<()>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| Some(()))
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}

/// The token without its scheme, which RFC 9110 compares without case.
fn strip_bearer(token: &str) -> &str {
    let token = token.trim();
    match token.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim_start(),
        _ => token,
    }
}
