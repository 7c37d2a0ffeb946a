//! The signature on what one replica asks of another.
//!
//! The head of a request is signed with the cluster's secret: method, target, every header, the time and
//! a random number. Its body is not, as it is passed on while it still comes in; whoever can change bodies
//! on the way between replicas reads session ids there as well.

use std::{collections::HashSet, fmt, mem, sync::Mutex, time::SystemTime};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};

use crate::{io::random, lock};

/// Carries the signature: `<ms since 1970>.<random>.<mac>`.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("crier-seal");

/// How far the clocks of two replicas may be apart, and how long a request may be under way.
const WINDOW_MS: u64 = 30_000;

/// Headers that the connection adds or takes, so that they may differ at the other end.
const OF_CONNECTION: [HeaderName; 4] =
    [HEADER, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// Requests remembered in each half of the memory. Beyond, the older half is forgotten early, and a
/// copy of what was in it would be taken for new: 524,288 in a minute are 8,700 requests a second.
const SEEN_MAX: usize = 1 << 19;

/// Why a request is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSeal {
    /// There is no signature, more than one, or something else in its place.
    #[error("unsigned")]
    Unsigned,
    /// Signed too long ago, or in the future.
    #[error("expired")]
    Expired,
    /// Not signed with a secret of this cluster, or changed since.
    #[error("forged")]
    Forged,
    /// It has been here before.
    #[error("replayed")]
    Replayed,
}

/// Signs, and knows what is signed.
pub struct Seal {
    /// The first signs, all verify.
    keys: Vec<hmac::Key>,
    seen: Mutex<Seen>,
}

impl Seal {
    /// The cluster's secrets: the first signs; others hold too, while secrets are changed. Without any,
    /// nothing is signed and nothing holds.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let key = |secret| hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self { keys: secrets.into_iter().map(key).collect(), seen: Mutex::default() }
    }

    /// Signs a head as it is now; headers added later break the signature.
    pub fn sign(&self, head: &mut Parts, now: SystemTime) {
        let Some(key) = self.keys.first() else { return };
        let (time, salt) = (unix_ms(now), URL_SAFE_NO_PAD.encode(random::<12>()));
        let mac = URL_SAFE_NO_PAD.encode(hmac::sign(key, &said(head, time, &salt)));
        if let Ok(value) = HeaderValue::try_from(format!("{time}.{salt}.{mac}")) {
            head.headers.insert(HEADER, value);
        }
    }

    /// Whether a head was signed by a replica of this cluster, within the last seconds, and is here for
    /// the first time.
    ///
    /// # Errors
    /// See [`BadSeal`].
    pub fn check(&self, head: &Parts, now: SystemTime) -> Result<(), BadSeal> {
        let (time, salt, mac) = read(&head.headers).ok_or(BadSeal::Unsigned)?;
        let now = unix_ms(now);
        if time.abs_diff(now) > WINDOW_MS {
            return Err(BadSeal::Expired);
        }
        let said = said(head, time, salt);
        if !self.keys.iter().any(|key| hmac::verify(key, &said, &mac).is_ok()) {
            return Err(BadSeal::Forged);
        }
        let id = mac.first_chunk().ok_or(BadSeal::Forged)?;
        if lock(&self.seen).is_new(*id, now, SEEN_MAX) { Ok(()) } else { Err(BadSeal::Replayed) }
    }
}

fn read(headers: &HeaderMap) -> Option<(u64, &str, Vec<u8>)> {
    let mut all = headers.get_all(HEADER).iter();
    let (Some(one), None) = (all.next(), all.next()) else { return None };
    let mut parts = one.to_str().ok()?.splitn(3, '.');
    let time = parts.next()?.parse().ok()?;
    let salt = parts.next()?;
    Some((time, salt, URL_SAFE_NO_PAD.decode(parts.next()?).ok()?))
}

/// What is signed. The first word keeps it apart from whatever else the secret signs.
fn said(head: &Parts, time: u64, salt: &str) -> Vec<u8> {
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    let mut said = format!("forward\n{time}\n{salt}\n{}\n{target}\n", head.method).into_bytes();
    let signed = head.headers.iter().filter(|(name, _)| !OF_CONNECTION.contains(name));
    let mut lines: Vec<_> = signed.map(|(n, value)| (n.as_str(), value.as_bytes())).collect();
    lines.sort_unstable();
    for (name, value) in lines {
        // Neither has a line end, and a name no colon: no other headers read the same.
        said.extend_from_slice(name.as_bytes());
        said.push(b':');
        said.extend_from_slice(value);
        said.push(b'\n');
    }
    said
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What came within the time that a signature holds: from 30 s before it was signed by our clock to
/// 30 s after.
#[derive(Debug, Default)]
struct Seen {
    now: HashSet<[u8; 16]>,
    before: HashSet<[u8; 16]>,
    /// When `now` was begun.
    since: u64,
}

impl Seen {
    fn is_new(&mut self, id: [u8; 16], now: u64, max: usize) -> bool {
        if now.abs_diff(self.since) > 2 * WINDOW_MS || self.now.len() >= max {
            self.before = mem::take(&mut self.now);
            self.since = now;
        }
        !self.before.contains(&id) && self.now.insert(id)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Request;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    type Change = fn(&mut Parts);

    fn at(seconds: u64) -> SystemTime {
        NOW + Duration::from_secs(seconds)
    }

    fn head(method: &str, target: &str, headers: &[(&'static str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn signed(seal: &Seal, seconds: u64) -> Parts {
        let mut head = head("GET", "/a?b=c", &[("host", "h"), ("origin", "o"), ("x", "1")]);
        seal.sign(&mut head, at(seconds));
        head
    }

    #[test]
    fn a_head_holds_as_it_was_signed_and_no_other() {
        let seal = Seal::new([&b"secret"[..]]);
        let good = signed(&seal, 100);
        assert_eq!(seal.check(&good, at(100)), Ok(()));
        let others: [(&str, Change); 8] = [
            ("method", |head| head.method = http::Method::POST),
            ("target", |head| head.uri = "/a?b=d".parse().unwrap()),
            ("host", |head| drop(head.headers.insert("host", HeaderValue::from_static("i")))),
            ("gone", |head| drop(head.headers.remove("origin"))),
            ("new", |head| drop(head.headers.insert("y", HeaderValue::from_static("1")))),
            ("twice", |head| assert!(head.headers.append("x", HeaderValue::from_static("1")))),
            ("client", |head| drop(head.headers.insert("crier-client", "::1".parse().unwrap()))),
            ("time", |head| {
                let seal = head.headers[HEADER].to_str().unwrap().replacen("100000", "100001", 1);
                head.headers.insert(HEADER, seal.parse().unwrap());
            }),
        ];
        for (name, change) in others {
            let mut head = signed(&seal, 100);
            change(&mut head);
            assert_eq!(seal.check(&head, at(100)), Err(BadSeal::Forged), "{name}");
        }
        // What a connection does to a head does not matter.
        let mut head = signed(&seal, 100);
        head.headers.insert("connection", HeaderValue::from_static("keep-alive"));
        head.headers.insert("content-length", HeaderValue::from_static("5"));
        assert_eq!(seal.check(&head, at(100)), Ok(()));
    }

    #[test]
    fn a_signature_holds_for_half_a_minute_either_way_and_once() {
        let seal = Seal::new([&b"secret"[..]]);
        for (signed_at, checked, expected) in [
            (100, 70, Ok(())),
            (100, 130, Ok(())),
            (100, 69, Err(BadSeal::Expired)),
            (100, 131, Err(BadSeal::Expired)),
        ] {
            let head = signed(&seal, signed_at);
            assert_eq!(seal.check(&head, at(checked)), expected, "{signed_at} {checked}");
        }
        let head = signed(&seal, 100);
        assert_eq!(seal.check(&head, at(70)), Ok(()));
        for again in [70, 100, 130] {
            // Others come meanwhile.
            assert_eq!(seal.check(&signed(&seal, again), at(again)), Ok(()));
            assert_eq!(seal.check(&head, at(again)), Err(BadSeal::Replayed), "{again}");
        }
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut seen = Seen::default();
        let id = |n: u128| n.to_be_bytes();
        for n in 0..100 {
            assert!(seen.is_new(id(n), 0, 10));
            assert!(seen.now.len() <= 10 && seen.before.len() <= 10);
            assert!(!seen.is_new(id(n), 0, 10));
        }
        assert!(!seen.is_new(id(90), 0, 10), "the last ten are known for certain");
        assert!(seen.is_new(id(0), 0, 10), "the first are forgotten");
    }

    #[test]
    fn secrets_are_changed_one_replica_at_a_time() {
        let (old, new) = (&b"old"[..], &b"new"[..]);
        for (signs, checks, expected) in [
            (vec![old], vec![old, new], Ok(())),
            (vec![new, old], vec![old, new], Ok(())),
            (vec![new], vec![new, old], Ok(())),
            (vec![old], vec![new], Err(BadSeal::Forged)),
            (vec![], vec![new], Err(BadSeal::Unsigned)),
            (vec![new], vec![], Err(BadSeal::Forged)),
        ] {
            let head = signed(&Seal::new(signs.clone()), 0);
            assert_eq!(Seal::new(checks).check(&head, NOW), expected, "{signs:?}");
        }
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let seal = Seal::new([&b"secret"[..]]);
        for value in ["", "1", "1.2", "x.y.z", "0.a.%%", ".."] {
            let head = head("GET", "/", &[("crier-seal", value)]);
            assert_eq!(seal.check(&head, NOW), Err(BadSeal::Unsigned), "{value}");
        }
        assert_eq!(seal.check(&head("GET", "/", &[("crier-seal", "0.a.AAAA")]), NOW), {
            Err(BadSeal::Forged)
        });
        let mut two = signed(&seal, 0);
        let one = two.headers[HEADER].clone();
        two.headers.append(HEADER, one);
        assert_eq!(seal.check(&two, NOW), Err(BadSeal::Unsigned));
    }
}
