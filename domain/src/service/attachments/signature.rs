//! Links that work for a while without a token.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Keys that sign links. The first one signs; links of the others hold too, while keys are changed.
#[derive(Clone, Debug)]
pub(super) struct Signer(Vec<hmac::Key>);

impl Signer {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self(secrets.into_iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret)).collect())
    }

    /// The signature of a path until a time, in seconds since 1970; `None` without a key.
    pub(super) fn sign(&self, path: &str, expires: u64) -> Option<String> {
        let tag = hmac::sign(self.0.first()?, said(path, expires).as_bytes());
        Some(URL_SAFE_NO_PAD.encode(tag))
    }

    /// Whether a signature is one of ours; compared in constant time.
    pub(super) fn holds(&self, path: &str, expires: u64, signature: &str) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        let said = said(path, expires);
        self.0.iter().any(|key| hmac::verify(key, said.as_bytes(), &tag).is_ok())
    }
}

/// What is signed. The first word keeps it apart from whatever else the secret signs.
fn said(path: &str, expires: u64) -> String {
    format!("attachment\n{expires}\n{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_path_and_time_and_key_alone() {
        let signer = Signer::new([&b"one"[..], b"two"]);
        let signature = signer.sign("/a/1", 100).unwrap();
        assert!(signer.holds("/a/1", 100, &signature));
        for (path, expires) in [("/a/2", 100), ("/a/1", 101), ("", 100)] {
            assert!(!signer.holds(path, expires, &signature), "{path} {expires}");
        }
        let (longer, turned) =
            (format!("{signature}A"), signature.chars().rev().collect::<String>());
        for forged in ["", "AAAA", "%%%", &longer, &turned] {
            assert!(!signer.holds("/a/1", 100, forged), "{forged}");
        }
        // While keys are changed, links of the old one hold.
        assert!(Signer::new([&b"new"[..], b"one"]).holds("/a/1", 100, &signature));
        assert!(!Signer::new([&b"new"[..]]).holds("/a/1", 100, &signature));
        assert_eq!(Signer::new([]).sign("/a/1", 100), None);
    }
}
