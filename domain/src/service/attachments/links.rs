//! Links to files, signed for an hour.

use bytes::Bytes;

use super::{Attachments, UNAVAILABLE, signature::Signer};
use crate::{
    clock::Clock,
    error::Refusal,
    store::{Commit, Expect, Key, StoreError, Write},
};

/// How long a signed link works.
const LINK_MS: u64 = 60 * 60 * 1_000;

/// Signs links.
#[derive(Clone, Debug)]
pub struct SignedLinks {
    signer: Signer,
    clock: Clock,
}

impl SignedLinks {
    fn sign(&self, path: &str) -> Option<String> {
        let expires = (self.clock.unix_ms() + LINK_MS) / 1_000;
        let signature = self.signer.sign(path, expires)?;
        Some(format!("{path}?expires={expires}&signature={signature}"))
    }
}

impl crate::dialect::marketplace::Links for SignedLinks {
    /// Unsigned without a key, which the settings do not allow.
    fn signed(&self, path: String) -> String {
        self.sign(&path).unwrap_or(path)
    }
}

impl Attachments {
    /// A path with a signature that [`Attachments::verify`] takes for an hour:
    /// `{path}?expires={seconds}&signature={text}`.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn sign(&self, path: &str) -> Result<String, Refusal> {
        self.links().await?.sign(path).ok_or(UNAVAILABLE)
    }

    /// What signs paths as [`Attachments::sign`] does, without waiting.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn links(&self) -> Result<SignedLinks, Refusal> {
        Ok(SignedLinks { signer: self.signer().await?.clone(), clock: self.clock.clone() })
    }

    /// Whether a path was signed by [`Attachments::sign`], and the hour is not over.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn verify(&self, path: &str, expires: u64, signature: &str) -> Result<bool, Refusal> {
        let in_time = expires > self.clock.unix_ms() / 1_000;
        Ok(in_time && self.signer().await?.holds(path, expires, signature))
    }

    async fn signer(&self) -> Result<&Signer, Refusal> {
        self.signer
            .get_or_try_init(async || {
                if self.settings.secrets.is_empty() {
                    return Ok(Signer::new([&self.own_secret().await?[..]]));
                }
                Ok(Signer::new(self.settings.secrets.iter().map(Vec::as_slice)))
            })
            .await
    }

    /// The key that the store keeps, made when it is first asked for.
    async fn own_secret(&self) -> Result<Bytes, Refusal> {
        let key = Key::of("secrets").text("attachments");
        if let Some(record) = self.store.get(key.clone()).await? {
            return Ok(record.value);
        }
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|_| UNAVAILABLE)?;
        let secret = Bytes::copy_from_slice(&secret);
        let write = Write::put(key.clone(), Expect::Absent, secret.clone());
        let commit = Commit { writes: vec![write], ..Commit::default() };
        match self.store.commit(commit).await {
            Ok(_) => Ok(secret),
            // Somebody else made one at the same time.
            Err(StoreError::Conflict { .. }) => {
                Ok(self.store.get(key).await?.ok_or(UNAVAILABLE)?.value)
            }
            Err(error) => Err(error.into()),
        }
    }
}
