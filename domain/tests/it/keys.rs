//! Public keys from PEM files and key sets. The keys are made by the tests.

use aws_lc_rs::{
    encoding::AsDer,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use crier_domain::{KeyError, Keys, TokenError, Verifier, VerifierOptions};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

/// One made key: what signs, and its public half in both forms.
struct Made {
    signing: EncodingKey,
    pem: String,
    jwk: Value,
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn rsa() -> Made {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let n = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
    let e = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
    let spki = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(public).unwrap();
    let pkcs8 = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    // Pairs sign from the inner form (PKCS 1), which `EncodingKey` unwraps from PEM by itself.
    let private = pem("PRIVATE KEY", pkcs8.as_ref());
    Made {
        signing: EncodingKey::from_rsa_pem(private.as_bytes()).unwrap(),
        pem: pem("PUBLIC KEY", spki.as_ref()),
        jwk: json!({ "kty": "RSA", "kid": "rsa", "use": "sig", "n": n, "e": e }),
    }
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm, curve: &str) -> Made {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = point[1..].split_at((point.len() - 1) / 2);
    let spki =
        AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
    Made {
        signing: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
        pem: pem("PUBLIC KEY", spki.as_ref()),
        jwk: json!({
            "kty": "EC", "kid": curve, "crv": curve,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }),
    }
}

fn ed25519() -> Made {
    let pair = Ed25519KeyPair::generate().unwrap();
    let spki =
        AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
    Made {
        signing: EncodingKey::from_ed_der(pair.to_pkcs8().unwrap().as_ref()),
        pem: pem("PUBLIC KEY", spki.as_ref()),
        jwk: json!({
            "kty": "OKP", "kid": "ed", "crv": "Ed25519",
            "x": URL_SAFE_NO_PAD.encode(pair.public_key()),
        }),
    }
}

fn token(key: &EncodingKey, algorithm: Algorithm, kid: Option<&str>) -> String {
    let alg = serde_json::to_value(algorithm).unwrap();
    let mut header = json!({ "alg": alg });
    if let Some(kid) = kid {
        header["kid"] = kid.into();
    }
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(r#"{"sub":"u","exp":2000}"#)
    );
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn verify(keys: &Keys, token: &str) -> Result<(), TokenError> {
    let verifier = Verifier::new(keys.clone(), VerifierOptions::default());
    verifier.verify_at(token, 1000).map(|_| ())
}

fn jwks(keys: &[&Value]) -> Keys {
    Keys::from_jwks(&json!({ "keys": keys }).to_string()).unwrap()
}

#[test]
fn every_family_is_taken_from_pem_and_from_a_key_set() {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let made = [
        (rsa(), vec![RS256, RS384, RS512, PS256, PS384, PS512]),
        (ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"), vec![ES256]),
        (ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"), vec![ES384]),
        (ed25519(), vec![EdDSA]),
    ];
    let all_pem: String = made.iter().map(|(key, _)| key.pem.as_str()).collect();
    let all_pem = Keys::from_pem(&format!("a comment\n{all_pem}")).unwrap();
    let entries: Vec<&Value> = made.iter().map(|(key, _)| &key.jwk).collect();
    let all_jwks = jwks(&entries);
    for (key, algorithms) in &made {
        let alone = Keys::from_pem(&key.pem).unwrap();
        for &algorithm in algorithms {
            let token = token(&key.signing, algorithm, key.jwk["kid"].as_str());
            for keys in [&alone, &all_pem, &all_jwks] {
                assert_eq!(verify(keys, &token), Ok(()), "{algorithm:?}");
            }
        }
    }
}

#[test]
fn j1_a_public_key_is_no_hmac_secret() {
    let key = rsa();
    let keys = Keys::from_pem(&key.pem).unwrap();
    for confused in [key.pem.as_bytes(), key.pem.trim().as_bytes()] {
        let forged = token(&EncodingKey::from_secret(confused), Algorithm::HS256, None);
        assert_eq!(verify(&keys, &forged), Err(TokenError::Algorithm));
    }
    let ec = ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256");
    let of_other_family = token(&ec.signing, Algorithm::ES256, None);
    assert_eq!(verify(&keys, &of_other_family), Err(TokenError::Algorithm));
}

#[test]
fn a_token_that_names_a_key_is_checked_with_that_key() {
    let (a, b) = (ed25519(), ed25519());
    let named = |key: &Made, kid: &str| {
        let mut jwk = key.jwk.clone();
        jwk["kid"] = kid.into();
        jwk
    };
    let (jwk_a, jwk_b) = (named(&a, "a"), named(&b, "b"));
    let keys = jwks(&[&jwk_a, &jwk_b]);
    let signed = |kid| token(&b.signing, Algorithm::EdDSA, kid);
    assert_eq!(verify(&keys, &signed(Some("b"))), Ok(()));
    assert_eq!(verify(&keys, &signed(None)), Ok(()));
    assert_eq!(verify(&keys, &signed(Some("a"))), Err(TokenError::Signature));
    assert_eq!(verify(&keys, &signed(Some("c"))), Err(TokenError::Signature));
}

#[test]
fn a_key_set_is_read_with_care() {
    let key = rsa();
    let entry = |name: &str, value: Value| {
        let mut jwk = key.jwk.clone();
        jwk[name] = value;
        json!({ "keys": [jwk] }).to_string()
    };
    let error = |text: &str| Keys::from_jwks(text).err();
    assert_eq!(error(&entry("d", json!("AAAA"))), Some(KeyError::Private { index: 1 }));
    assert_eq!(error(&entry("use", json!("enc"))), Some(KeyError::Empty));
    assert_eq!(error(&entry("key_ops", json!(["encrypt"]))), Some(KeyError::Empty));
    assert_eq!(error(&entry("alg", json!("RSA-OAEP"))), Some(KeyError::Empty));
    assert_eq!(error(&entry("n", json!(5))), Some(KeyError::Unreadable { index: 1 }));
    let secret = json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }).to_string();
    assert_eq!(error(&secret), Some(KeyError::Private { index: 1 }));
    for text in ["", "[]", "{}", r#"{"keys":{}}"#] {
        assert_eq!(error(text), Some(KeyError::NotAKeySet), "{text}");
    }
    assert_eq!(error(r#"{"keys":[]}"#), Some(KeyError::Empty));
    let unknown = json!({ "keys": [{ "kty": "NEW", "kid": "n" }, key.jwk] }).to_string();
    assert_eq!(error(&unknown), None, "kinds of keys to come are passed over");
    // `alg` narrows the key to one algorithm.
    let only = Keys::from_jwks(&entry("alg", json!("PS256"))).unwrap();
    assert_eq!(verify(&only, &token(&key.signing, Algorithm::PS256, None)), Ok(()));
    let other = token(&key.signing, Algorithm::RS256, None);
    assert_eq!(verify(&only, &other), Err(TokenError::Algorithm));
}

#[test]
fn a_pem_file_is_read_with_care() {
    let error = |text: &str| Keys::from_pem(text).err();
    assert_eq!(error(""), Some(KeyError::Empty));
    assert_eq!(error("no key"), Some(KeyError::Empty));
    let private = pem("PRIVATE KEY", b"whatever");
    assert_eq!(error(&private), Some(KeyError::Private { index: 1 }));
    let good = ed25519().pem;
    let broken = pem("PUBLIC KEY", b"whatever");
    assert_eq!(error(&format!("{good}{broken}")), Some(KeyError::Unreadable { index: 2 }));
    assert_eq!(error(&good.repeat(65)), Some(KeyError::TooMany));
}
