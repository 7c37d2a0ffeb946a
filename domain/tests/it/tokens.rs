//! Hostile tokens: what is refused, and as what.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use crier_domain::{
    DEVELOPMENT_SECRET, Identity, KeyError, Keys, Role, TokenError, UserType, Verifier,
    VerifierOptions, mint, time::unix_seconds,
};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};

/// 32 bytes: enough for HS256 and for no longer hash.
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: u64 = 1_800_000_000;

fn verifier(options: VerifierOptions) -> Verifier {
    Verifier::new(Keys::from_secrets([SECRET]).unwrap(), options)
}

/// Puts a token together from texts, whatever they say, signed with an HMAC.
fn token_of(header: &str, claims: &str, algorithm: Algorithm, secret: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(secret);
    let signature = crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A well-signed token with these claims.
fn token(claims: &str) -> String {
    token_of(r#"{"alg":"HS256","typ":"JWT"}"#, claims, Algorithm::HS256, SECRET)
}

/// A well-signed token of user `u` that ends in an hour, with this header.
fn token_with_header(header: &str) -> String {
    let claims = format!(r#"{{"sub":"u","exp":{}}}"#, NOW + 3600);
    token_of(header, &claims, Algorithm::HS256, SECRET)
}

fn verify(token: &str) -> Result<Identity, TokenError> {
    verifier(VerifierOptions::default()).verify_at(token, NOW)
}

/// Verifies claims of a token that ends in an hour.
fn claims(more: &str) -> Result<Identity, TokenError> {
    verify(&token(&format!(r#"{{"exp":{},{more}}}"#, NOW + 3600)))
}

fn wrong(name: &str) -> Result<Identity, TokenError> {
    Err(TokenError::Claim { name: name.into() })
}

#[test]
fn a_minted_token_tells_who_it_is() {
    let ttl = Duration::from_secs(3600);
    let token = mint(SECRET, "demo", Role::Seller, Some(UserType::Vendor), ttl);
    let verifier = verifier(VerifierOptions::default());
    for given in [token.clone(), format!("Bearer {token}"), format!(" bearer  {token} ")] {
        let identity = verifier.verify(&given).unwrap();
        assert_eq!(identity.user.as_str(), "demo");
        assert_eq!(identity.role, Role::Seller);
        assert_eq!(identity.user_type, Some(UserType::Vendor));
        let issued = identity.issued_at.unwrap();
        assert!(unix_seconds() - issued < 60);
        assert_eq!(identity.expires_at, Some(issued + 3600));
    }
}

#[test]
fn the_user_id_is_the_first_of_four_claims() {
    for (given, id) in [
        (r#""sub":"s""#, "s"),
        (r#""id":"i""#, "i"),
        (r#""_id":"m""#, "m"),
        (r#""id":"i","_id":"m","sub":"s""#, "s"),
        (r#""sub":"s","userId":5"#, "5"),
    ] {
        assert_eq!(claims(given).unwrap().user.as_str(), id, "{given}");
    }
}

#[test]
fn every_claim_of_the_contract_is_read() {
    let identity = claims(
        r#""sub":"u","role":"agent","email":"u@shop","name":"U","avatar":null,"isVerified":true,
        "userType":"CUSTOMER","rooms":["order:5","group:*"],"iat":1799999990,"other":[{"deep":1}]"#,
    )
    .unwrap();
    assert_eq!(identity.role, Role::Agent);
    assert_eq!(identity.email.as_deref(), Some("u@shop"));
    assert_eq!(identity.name.as_deref(), Some("U"));
    assert_eq!(identity.avatar, None);
    assert!(identity.is_verified);
    assert_eq!(identity.user_type, Some(UserType::Customer));
    assert_eq!(identity.rooms.len(), 2);
    assert_eq!(identity.issued_at, Some(1_799_999_990));
}

#[test]
fn j1_the_algorithm_comes_from_the_key_and_never_from_the_token() {
    let body = format!(r#"{{"sub":"u","exp":{}}}"#, NOW + 3600);
    let header = |alg: &str| format!(r#"{{"alg":"{alg}"}}"#);
    for alg in ["none", "NoNe", "", "RS256", "PS256", "ES256", "EdDSA", "hs256", "HS1"] {
        let forged = token_of(&header(alg), &body, Algorithm::HS256, SECRET);
        assert_eq!(verify(&forged), Err(TokenError::Algorithm), "{alg}");
    }
    let bare =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(header("none")), URL_SAFE_NO_PAD.encode(&body));
    assert_eq!(verify(&bare), Err(TokenError::Algorithm));
    // A secret of 32 bytes is too short for the longer hashes (RFC 7518, section 3.2) …
    let longer = token_of(&header("HS512"), &body, Algorithm::HS512, SECRET);
    assert_eq!(verify(&longer), Err(TokenError::Algorithm));
    // … and one of 64 serves them all.
    let long = [7; 64];
    let verifier = Verifier::new(Keys::from_secrets([long]).unwrap(), VerifierOptions::default());
    for (name, algorithm) in
        [("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)]
    {
        let token = token_of(&header(name), &body, algorithm, &long);
        assert!(verifier.verify_at(&token, NOW).is_ok(), "{name}");
    }
}

#[test]
fn j2_a_token_ends_five_seconds_after_its_exp() {
    let ended = |ago: u64| verify(&token(&format!(r#"{{"sub":"u","exp":{}}}"#, NOW - ago)));
    assert_eq!(ended(50), Err(TokenError::Expired));
    assert_eq!(ended(5), Err(TokenError::Expired));
    assert!(ended(4).is_ok());
}

#[test]
fn j3_exp_is_required_and_a_number() {
    assert_eq!(verify(&token(r#"{"sub":"u"}"#)), wrong("exp"));
    for exp in [r#""9999999999""#, "-1", "1e300", "null", "[]", "true", "-0.5", "253402300800"] {
        let token = token(&format!(r#"{{"sub":"u","exp":{exp}}}"#));
        assert_eq!(verify(&token), wrong("exp"), "{exp}");
    }
    let fraction = token(&format!(r#"{{"sub":"u","exp":{}.75}}"#, NOW + 10));
    assert_eq!(verify(&fraction).unwrap().expires_at, Some(NOW + 10));
    let lenient = verifier(VerifierOptions { require_exp: false, ..VerifierOptions::default() });
    let endless = lenient.verify_at(&token(r#"{"sub":"u"}"#), NOW).unwrap();
    assert_eq!(endless.expires_at, None);
    // Not required is not the same as not checked.
    for (exp, error) in
        [("1", TokenError::Expired), ("null", TokenError::Claim { name: "exp".into() })]
    {
        let token = token(&format!(r#"{{"sub":"u","exp":{exp}}}"#));
        assert_eq!(lenient.verify_at(&token, NOW), Err(error));
    }
}

#[test]
fn j4_no_token_is_from_the_future_or_lives_for_ever() {
    let endless = token(r#"{"sub":"u","exp":18446744073709551615}"#);
    assert_eq!(verify(&endless), wrong("exp"));
    let issued = |at: u64| claims(&format!(r#""sub":"u","iat":{at}"#));
    assert!(issued(NOW + 5).is_ok());
    assert_eq!(issued(NOW + 6), Err(TokenError::NotYetValid));
    let day = verifier(VerifierOptions {
        max_lifetime: Some(Duration::from_secs(86_400)),
        ..VerifierOptions::default()
    });
    let lives = |claims: String| day.verify_at(&token(&claims), NOW).map(|_| ());
    let from = NOW - 100;
    assert_eq!(lives(format!(r#"{{"sub":"u","iat":{from},"exp":{}}}"#, from + 86_400)), Ok(()));
    for claims in [
        format!(r#"{{"sub":"u","iat":{from},"exp":{}}}"#, from + 86_401),
        format!(r#"{{"sub":"u","exp":{}}}"#, NOW + 86_401),
    ] {
        assert_eq!(lives(claims), Err(TokenError::Lifetime));
    }
}

#[test]
fn j5_nbf_is_enforced_and_a_number() {
    assert!(claims(&format!(r#""sub":"u","nbf":{}"#, NOW + 5)).is_ok());
    let early = claims(&format!(r#""sub":"u","nbf":{}"#, NOW + 6));
    assert_eq!(early, Err(TokenError::NotYetValid));
    // CVE-2026-25537: a wrong type must not read as absent.
    for nbf in [r#""99999999999""#, "null", "{}"] {
        assert_eq!(claims(&format!(r#""sub":"u","nbf":{nbf}"#)), wrong("nbf"), "{nbf}");
    }
}

#[test]
fn j6_issuer_and_audience_are_enforced_where_configured() {
    let strict = verifier(VerifierOptions {
        issuer: vec!["https://id.shop".into(), "https://id2.shop".into()],
        audience: vec!["crier".into()],
        ..VerifierOptions::default()
    });
    let exp = NOW + 60;
    let check = |more: &str| {
        let token = token(&format!(r#"{{"sub":"u","exp":{exp}{more}}}"#));
        strict.verify_at(&token, NOW).map(|_| ())
    };
    assert_eq!(check(r#","iss":"https://id.shop","aud":"crier""#), Ok(()));
    assert_eq!(check(r#","iss":"https://id2.shop","aud":["x","crier"]"#), Ok(()));
    assert_eq!(check(""), Err(TokenError::Issuer));
    assert_eq!(check(r#","iss":"http://169.254.169.254/","aud":"crier""#), Err(TokenError::Issuer));
    assert_eq!(check(r#","iss":"https://id.shop""#), Err(TokenError::Audience));
    for aud in [r#""admin""#, "[]", r#"["admin"]"#, r#""""#] {
        let more = format!(r#","iss":"https://id.shop","aud":{aud}"#);
        assert_eq!(check(&more), Err(TokenError::Audience), "{aud}");
    }
    assert_eq!(
        check(r#","iss":["https://id.shop"],"aud":"crier""#).unwrap_err().to_string(),
        "the token's claim iss is missing or wrong"
    );
    assert_eq!(claims(r#""sub":"u","aud":5"#), wrong("aud"), "wrong where nobody asks, too");
}

#[test]
fn j7_a_subject_names_somebody() {
    let huge = format!(r#""sub":"{}""#, "x".repeat(257));
    assert_eq!(claims(&huge), wrong("sub"));
    for sub in ["5", r#""""#, r#""a\u0000b""#, r#""a\nb""#, "null", "{}", r#"["u"]"#] {
        assert_eq!(claims(&format!(r#""sub":{sub}"#)), wrong("sub"), "{sub}");
    }
    assert_eq!(claims(r#""name":"U""#), wrong("sub"));
    assert_eq!(claims(r#""sub":"u","userId":"""#), wrong("userId"));
    let megabyte = token(&format!(r#"{{"sub":"{}"}}"#, "x".repeat(1 << 20)));
    assert_eq!(verify(&megabyte), Err(TokenError::TooLong));
}

#[test]
fn j8_claims_of_the_wrong_type_refuse_the_token() {
    for (name, value) in [
        ("role", r#""root""#),
        ("role", r#"["admin"]"#),
        ("role", "null"),
        ("isVerified", r#""true""#),
        ("userType", r#""customer""#),
        ("rooms", r#""order:5""#),
        ("rooms", r#"["a*b"]"#),
        ("rooms", r#"["order:5",7]"#),
        ("email", "5"),
        ("iat", r#""1""#),
    ] {
        assert_eq!(
            claims(&format!(r#""sub":"u","{name}":{value}"#)),
            wrong(name),
            "{name} {value}"
        );
    }
}

#[test]
fn j9_keys_in_the_header_are_ignored_and_crit_is_refused() {
    for header in [
        r#"{"alg":"HS256","jku":"http://evil/keys"}"#,
        r#"{"alg":"HS256","x5u":"http://evil/cert","x5c":["AAAA"]}"#,
        r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
        r#"{"alg":"HS256","kid":"../../etc/passwd"}"#,
    ] {
        assert!(verify(&token_with_header(header)).is_ok(), "{header}");
    }
    // A key that the token brings along signs nothing.
    let claims = format!(r#"{{"sub":"u","exp":{}}}"#, NOW + 3600);
    let own = [9; 32];
    let header =
        format!(r#"{{"alg":"HS256","jwk":{{"kty":"oct","k":"{}"}}}}"#, URL_SAFE_NO_PAD.encode(own));
    let forged = token_of(&header, &claims, Algorithm::HS256, &own);
    assert_eq!(verify(&forged), Err(TokenError::Signature));
    for crit in [r#"["exp"]"#, "[]", "null", r#""b64""#] {
        let token = token_with_header(&format!(r#"{{"alg":"HS256","crit":{crit}}}"#));
        assert_eq!(verify(&token), Err(TokenError::Critical), "{crit}");
    }
}

#[test]
fn j10_only_three_parts_of_base64url_within_8_kib_are_a_token() {
    let good = token(&format!(r#"{{"sub":"u","exp":{}}}"#, NOW + 60));
    assert!(verify(&good).is_ok());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    for malformed in [
        String::new(),
        "..".into(),
        ".".into(),
        "Bearer ".into(),
        "a.b".into(),
        format!("{good}.x"),
        format!("{header}.{claims}.x.{signature}"),
        format!("{header}=.{claims}.{signature}"),
        format!("{header}.{claims}==.{signature}"),
        format!("{header} .{claims}.{signature}"),
        token_with_header("[]"),
        token_with_header(r#"{"alg":"HS256","alg":"HS256"}"#),
        token_with_header(r#"{"alg":null}"#),
        token("[]"),
        token("{} {}"),
        token(""),
    ] {
        assert_eq!(verify(&malformed), Err(TokenError::Malformed), "{malformed:.60}");
    }
    for unsigned in
        [format!("{message}."), format!("{message}.{signature}="), format!("{message}.AAAA")]
    {
        assert_eq!(verify(&unsigned), Err(TokenError::Signature));
    }
    assert_eq!(verify(&"x".repeat(1_000_000)), Err(TokenError::TooLong));
    let at_most = format!("Bearer {}", "x".repeat(8 * 1024 - 7));
    assert_eq!(verify(&at_most), Err(TokenError::Malformed));
    let twice = token(&format!(r#"{{"sub":"u","exp":1,"exp":{}}}"#, NOW + 60));
    assert_eq!(verify(&twice), Err(TokenError::Malformed));
}

#[test]
fn j11_an_identity_says_when_it_ends() {
    let exp = NOW + 42;
    let identity = verify(&token(&format!(r#"{{"sub":"u","exp":{exp}}}"#))).unwrap();
    assert_eq!(identity.expires_at, Some(exp));
}

#[test]
fn j12_a_revocation_ends_tokens_made_up_to_it_or_of_unknown_age() {
    let made_at = claims(&format!(r#""sub":"u","iat":{NOW}"#)).unwrap();
    assert!(made_at.is_revoked_by(NOW));
    assert!(made_at.is_revoked_by(NOW + 1));
    assert!(!made_at.is_revoked_by(NOW - 1));
    assert!(claims(r#""sub":"u""#).unwrap().is_revoked_by(0));
}

#[test]
fn j13_a_secret_has_at_least_32_bytes_and_is_not_the_public_one() {
    let error = |secrets: &[&[u8]]| Keys::from_secrets(secrets).err();
    assert_eq!(error(&[&[1; 31]]), Some(KeyError::SecretTooShort { got: 31 }));
    assert_eq!(error(&[b""]), Some(KeyError::SecretTooShort { got: 0 }));
    assert_eq!(error(&[SECRET, &[1; 8]]), Some(KeyError::SecretTooShort { got: 8 }));
    assert_eq!(error(&[]), Some(KeyError::Empty));
    assert_eq!(error(&[SECRET, DEVELOPMENT_SECRET.as_bytes()]), Some(KeyError::Development));
    assert_eq!(error(&[SECRET, &[2; 32]]), None);
    let beside = Keys::development().and(Keys::from_secrets([SECRET]).unwrap());
    assert_eq!(beside.err(), Some(KeyError::Development));
}

#[test]
fn j14_no_message_and_no_debug_output_shows_a_token_or_a_key() {
    let token = token(r#"{"sub":"marker-in-claims","exp":1}"#);
    let error = verify(&token).unwrap_err();
    let verifier = verifier(VerifierOptions::default());
    let shown = format!("{error} {error:?} {verifier:?} {:?}", Keys::development());
    let secret = std::str::from_utf8(SECRET).unwrap();
    for hidden in ["marker-in-claims", &token, secret, DEVELOPMENT_SECRET, "48, 49, 50"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

#[test]
fn while_rotating_each_of_the_secrets_is_taken() {
    let old = mint(SECRET, "u", Role::User, None, Duration::from_secs(60));
    let new = mint(&[1; 32], "u", Role::User, None, Duration::from_secs(60));
    let both: [&[u8]; 2] = [SECRET, &[1; 32]];
    let verifier = Verifier::new(Keys::from_secrets(both).unwrap(), VerifierOptions::default());
    assert!(verifier.verify(&old).is_ok());
    assert!(verifier.verify(&new).is_ok());
    let other = mint(&[2; 32], "u", Role::User, None, Duration::from_secs(60));
    assert_eq!(verifier.verify(&other), Err(TokenError::Signature));
}
