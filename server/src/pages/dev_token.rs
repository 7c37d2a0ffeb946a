//! `POST /dev/token`: a token for the tester page, on the development key only.
//!
//! The key is public, so this gives nothing away that `crier token` does not; still the caller
//! answers it on loopback, for requests that its origin rule lets through, and nowhere else.

use bytes::Bytes;
use crier_domain::{Role, UserType};
use http::StatusCode;
use serde::Deserialize;

use crate::cli::Token;

/// Bytes of a request body that are looked at. The largest legal one is far smaller.
pub const BODY_MAX: usize = 4_096;

const USER_MAX: usize = 128;
const TTL_DEFAULT: u64 = 3_600;
const TTL_MAX: u64 = 7 * 86_400;

/// What to answer, as `application/json`, never cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200, 413 or 422; 500 where minting itself failed.
    pub status: StatusCode,
    /// `{ token, expiresIn }` (seconds), or `{ error }`.
    pub body: Bytes,
}

/// Answers a request body `{ user, role?, type?, ttl? }` (`ttl` in seconds, an hour if absent, a
/// week at most). `mint` signs.
pub fn answer<E: std::fmt::Display>(
    body: &[u8],
    mint: impl FnOnce(&Token) -> Result<String, E>,
) -> Answer {
    let token = match read(body) {
        Ok(token) => token,
        Err((status, error)) => return refusal(status, &error),
    };
    match mint(&token) {
        Ok(text) => {
            let json = serde_json::json!({ "token": text, "expiresIn": token.ttl.as_secs() });
            Answer { status: StatusCode::OK, body: Bytes::from(json.to_string()) }
        }
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    user: String,
    role: Option<String>,
    r#type: Option<String>,
    ttl: Option<u64>,
}

fn read(body: &[u8]) -> Result<Token, (StatusCode, String)> {
    if body.len() > BODY_MAX {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, format!("at most {BODY_MAX} bytes")));
    }
    let bad = |error: String| (StatusCode::UNPROCESSABLE_ENTITY, error);
    let request: Request = serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
    let user = request.user.trim().to_owned();
    if user.is_empty() || user.len() > USER_MAX || user.chars().any(char::is_control) {
        return Err(bad(format!("user: 1 to {USER_MAX} bytes without control characters")));
    }
    // The page sends its empty choices too.
    let role = given(request.role).map(|name| {
        Role::parse(&name).ok_or_else(|| bad(format!("role: no such role as {name:?}")))
    });
    let user_type = given(request.r#type).map(|name| {
        UserType::parse(&name).ok_or_else(|| bad("type: CUSTOMER or VENDOR".to_owned()))
    });
    let ttl = request.ttl.unwrap_or(TTL_DEFAULT);
    if !(1..=TTL_MAX).contains(&ttl) {
        return Err(bad(format!("ttl: 1 to {TTL_MAX} seconds")));
    }
    let ttl = std::time::Duration::from_secs(ttl);
    let role = role.transpose()?.unwrap_or_default();
    Ok(Token { user, role, user_type: user_type.transpose()?, ttl })
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn refusal(status: StatusCode, error: &str) -> Answer {
    let json = serde_json::json!({ "error": error });
    Answer { status, body: Bytes::from(json.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, status: u16, expected: &str) {
        let mint = |token: &Token| {
            let role = token.role.as_str();
            let user_type = token.user_type.map_or("-", UserType::as_str);
            Ok::<_, String>(format!("{} {role} {user_type}", token.user))
        };
        let answer = answer(body.as_bytes(), mint);
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert_eq!(answer.status.as_u16(), status, "{body}: {text}");
        assert!(text.contains(expected), "{body}: {text}");
    }

    #[test]
    fn answers() {
        check(r#"{"user":"demo"}"#, 200, r#"{"expiresIn":3600,"token":"demo user -"}"#);
        check(r#"{"user":"a","role":"admin","type":"VENDOR","ttl":60}"#, 200, "a admin VENDOR");
        check(r#"{"user":"a","role":"","type":""}"#, 200, "a user -");
        check(r#"{"user":" "}"#, 422, "user: 1 to 128");
        check(r#"{"user":"a\u0007b"}"#, 422, "control");
        check(r#"{"user":"a","role":"king"}"#, 422, "no such role");
        check(r#"{"user":"a","type":"x"}"#, 422, "CUSTOMER or VENDOR");
        check(r#"{"user":"a","ttl":0}"#, 422, "ttl");
        check(r#"{"user":"a","ttl":999999999}"#, 422, "ttl");
        check(r#"{"user":"a","rooms":["admin"]}"#, 422, "unknown field");
        check("{}", 422, "missing field `user`");
        check("[", 422, "EOF");
        check(&"a".repeat(BODY_MAX + 1), 413, "at most");
    }

    #[test]
    fn what_minting_says_is_passed_on() {
        let answer = answer(br#"{"user":"a"}"#, |_| Err::<String, _>("no key"));
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(&answer.body[..], br#"{"error":"no key"}"#);
    }
}
