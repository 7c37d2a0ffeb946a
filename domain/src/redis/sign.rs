//! What Crier's own messages are sealed with, so that whoever else can publish in the same Redis cannot
//! speak as a replica.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use bytes::Bytes;

use super::RedisUrlError;

/// Bytes of a signature: HMAC-SHA256, cut.
pub const MAC_BYTES: usize = 16;

/// Signs with the first secret, takes what any of them signed: so secrets are changed one replica
/// after the other. A message is signed with its channel, and is nothing on another one.
#[derive(Clone)]
pub struct Signer(Vec<hmac::Key>);

impl Signer {
    /// A signer over the cluster's secrets.
    ///
    /// # Errors
    ///
    /// [`RedisUrlError::NoSecret`] where there is none, or an empty one.
    pub fn new(secrets: &[Vec<u8>]) -> Result<Self, RedisUrlError> {
        if secrets.is_empty() || secrets.iter().any(Vec::is_empty) {
            return Err(RedisUrlError::NoSecret);
        }
        Ok(Self(secrets.iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret)).collect()))
    }

    /// The signature of a body on a channel (for what lies under a key, that key).
    pub fn sign(&self, channel: &str, body: &[u8]) -> [u8; MAC_BYTES] {
        self.0.first().map(|key| mac(key, channel, body)).unwrap_or_default()
    }

    /// Whether the signature of a body on a channel is good.
    pub fn verify(&self, channel: &str, body: &[u8], signature: &[u8]) -> bool {
        self.0.iter().any(|key| {
            constant_time::verify_slices_are_equal(&mac(key, channel, body), signature).is_ok()
        })
    }

    /// The signature and the body behind it.
    pub fn seal(&self, channel: &str, body: &[u8]) -> Bytes {
        let mut sealed = Vec::with_capacity(MAC_BYTES + body.len());
        sealed.extend_from_slice(&self.sign(channel, body));
        sealed.extend_from_slice(body);
        sealed.into()
    }

    /// The body of what was sealed, without a copy; `None` where it was not, or for another channel.
    pub fn open(&self, channel: &str, sealed: &Bytes) -> Option<Bytes> {
        let (signature, body) = sealed.split_at_checked(MAC_BYTES)?;
        self.verify(channel, body, signature).then(|| sealed.slice(MAC_BYTES..))
    }
}

fn mac(key: &hmac::Key, channel: &str, body: &[u8]) -> [u8; MAC_BYTES] {
    let mut context = hmac::Context::with_key(key);
    // The length keeps the two apart.
    context.update(&(channel.len() as u64).to_be_bytes());
    context.update(channel.as_bytes());
    context.update(body);
    let tag = context.sign();
    tag.as_ref().first_chunk().copied().unwrap_or_default()
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} secrets)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(secrets: &[&str]) -> Signer {
        let secrets: Vec<_> = secrets.iter().map(|secret| secret.as_bytes().to_vec()).collect();
        Signer::new(&secrets).unwrap()
    }

    #[test]
    fn what_was_sealed_is_opened_and_nothing_else() {
        let (old, both, new) = (signer(&["a"]), signer(&["b", "a"]), signer(&["b"]));
        let sealed = old.seal("c", b"body");
        assert_eq!(sealed.len(), MAC_BYTES + 4);
        for (signer, opens) in [(&old, true), (&both, true), (&new, false)] {
            let body = signer.open("c", &sealed);
            assert_eq!(body, opens.then(|| Bytes::from_static(b"body")));
        }
        assert!(new.open("c", &both.seal("c", b"x")).is_some(), "the first one signs");
        assert_eq!(old.open("d", &sealed), None, "it is another channel's");
        assert_eq!(old.open("cb", &old.seal("c", b"bx")), None);
        for n in 0..sealed.len() {
            let mut other = sealed.to_vec();
            other[n] ^= 1;
            assert_eq!(old.open("c", &other.into()), None, "byte {n}");
            assert_eq!(old.open("c", &sealed.slice(..n)), None, "{n} bytes");
        }
        assert!(old.open("c", &old.seal("c", b"")).is_some_and(|body| body.is_empty()));
    }

    #[test]
    fn secrets_are_needed_and_not_shown() {
        assert_eq!(Signer::new(&[]).unwrap_err(), RedisUrlError::NoSecret);
        assert_eq!(Signer::new(&[vec![]]).unwrap_err(), RedisUrlError::NoSecret);
        assert_eq!(format!("{:?}", signer(&["s3cret"])), "Signer(1 secrets)");
    }
}
