//! Identifiers, parsed at the edge and trusted after it.
//!
//! Three of them name "a connection" and must never be mixed up: [`Sid`] and [`Pid`] are secrets
//! (who holds one can act for the session), [`SocketId`] is public and shown to other clients.
//! Their types keep them apart and `Debug` redacts the secrets.

use std::{fmt, str, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytestring::ByteString;

/// Defines an identifier of exactly `$len` characters of the base64url alphabet.
macro_rules! ascii_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $len]);

        impl $name {
            /// How many characters the identifier has.
            pub const LEN: usize = $len;

            /// Takes the identifier out of text; `None` unless it has the right length and alphabet.
            pub fn parse(text: &str) -> Option<Self> {
                let bytes: [u8; $len] = text.as_bytes().try_into().ok()?;
                let legal = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
                bytes.iter().all(legal).then_some(Self(bytes))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                // Only ASCII gets in, so the fallback is never taken.
                str::from_utf8(&self.0).unwrap_or_default()
            }
        }
    };
}

ascii_id! {
    /// Names an Engine.IO session: 4 characters of the replica's tag, then 22 random ones.
    ///
    /// Secret: whoever holds it can read and write the session.
    Sid, 26
}

ascii_id! {
    /// Names a recoverable Socket.IO session; 22 random characters (128 bits). Secret.
    Pid, 22
}

ascii_id! {
    /// Names a socket, a client's place in one namespace; public.
    ///
    /// Exactly 20 characters, because the sharded Redis adapter of the reference takes a room name
    /// of that length for a socket id (`@socket.io/redis-adapter` 8.3.0, `sharded-adapter`).
    SocketId, 20
}

impl Sid {
    /// Makes an id from the replica's tag and 16 bytes of a cryptographic random source.
    pub fn from_random(tag: ReplicaTag, random: [u8; 16]) -> Self {
        let mut text = [b'A'; 26];
        let (head, tail) = text.split_at_mut(4);
        head.copy_from_slice(&tag.0);
        encode(&random, tail);
        Self(text)
    }

    /// The replica that owns the session, as named in the id.
    pub fn replica(&self) -> ReplicaTag {
        let [a, b, c, d, ..] = self.0;
        ReplicaTag([a, b, c, d])
    }
}

impl Pid {
    /// Makes an id from 16 bytes of a cryptographic random source.
    pub fn from_random(random: [u8; 16]) -> Self {
        let mut text = [b'A'; 22];
        encode(&random, &mut text);
        Self(text)
    }
}

impl SocketId {
    /// Makes an id from 15 bytes of a cryptographic random source.
    pub fn from_random(random: [u8; 15]) -> Self {
        let mut text = [b'A'; 20];
        encode(&random, &mut text);
        Self(text)
    }
}

/// Base64url without padding; `out` is as long as the encoding of `random`.
fn encode(random: &[u8], out: &mut [u8]) {
    // The three callers above give buffers of the encoded length, so this cannot fail; were it to,
    // the id would be all `A` and the table of sessions would refuse it as a duplicate.
    let _ = URL_SAFE_NO_PAD.encode_slice(random, out);
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sid(…)")
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pid(…)")
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names a replica inside its session ids: 4 characters, looked up in the registry of replicas,
/// never an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaTag([u8; 4]);

impl ReplicaTag {
    /// Makes a tag from 3 random bytes.
    pub fn from_random(random: [u8; 3]) -> Self {
        let mut text = [b'A'; 4];
        encode(&random, &mut text);
        Self(text)
    }

    /// Takes a tag out of text; `None` unless it has the right length and alphabet.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 4] = text.as_bytes().try_into().ok()?;
        let legal = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        bytes.iter().all(legal).then_some(Self(bytes))
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in, so the fallback is never taken.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The name of a namespace, with its leading slash. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace(ByteString);

impl Namespace {
    /// The main namespace, `/`, which packets leave out.
    pub const MAIN: Self = Self(ByteString::from_static("/"));

    /// Takes a name; `None` unless it starts with a slash, has no comma and at most `max` bytes.
    ///
    /// A comma ends the name on the wire, so no packet could be addressed to a name with one.
    pub fn parse(name: impl Into<ByteString>, max: usize) -> Option<Self> {
        let name = name.into();
        let legal = name.starts_with('/') && name.len() <= max && !name.contains(',');
        legal.then_some(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the main namespace.
    pub fn is_main(&self) -> bool {
        self.as_str() == "/"
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a room. Cheap to clone; which names are legal is the policy of the product.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Room(Arc<str>);

impl Room {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for Room {
    fn from(name: T) -> Self {
        Self(name.into())
    }
}

impl std::borrow::Borrow<str> for Room {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Joins an event with its acknowledgement. Each side counts its own.
///
/// At most 2^53-1, the largest number that a client written in JavaScript can hand back unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AckId(u64);

impl AckId {
    /// The largest id, JavaScript's `Number.MAX_SAFE_INTEGER`.
    pub const MAX: u64 = (1 << 53) - 1;

    /// Takes a number; `None` above [`AckId::MAX`].
    pub fn new(id: u64) -> Option<Self> {
        (id <= Self::MAX).then_some(Self(id))
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_shape_that_the_wire_asks_for() {
        let tag = ReplicaTag::from_random([1, 2, 3]);
        let sid = Sid::from_random(tag, [7; 16]);
        assert_eq!(sid.as_str().len(), 26);
        assert_eq!(sid.replica(), tag);
        assert_eq!(Sid::parse(sid.as_str()), Some(sid));
        assert_eq!(Pid::from_random([255; 16]).as_str().len(), 22);
        assert_eq!(SocketId::from_random([0; 15]).as_str(), "AAAAAAAAAAAAAAAAAAAA");
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let sid = Sid::from_random(ReplicaTag::from_random([0; 3]), [9; 16]);
        assert_eq!(format!("{sid:?}"), "Sid(…)");
        assert_eq!(format!("{:?}", Pid::from_random([9; 16])), "Pid(…)");
    }

    #[test]
    fn hostile_ids_are_refused() {
        for text in ["", "__proto__", "%00", "é", &"A".repeat(1_000_000), &"A".repeat(25)] {
            assert_eq!(Sid::parse(text), None, "{:.30}", text);
        }
        assert_eq!(SocketId::parse("AAAAAAAAAAAAAAAAAAA "), None);
        assert_eq!(AckId::new(1 << 53), None);
    }

    #[test]
    fn a_namespace_starts_with_a_slash_and_has_no_comma() {
        assert!(Namespace::parse("/chat", 128).is_some());
        assert!(Namespace::parse("/", 128).is_some_and(|n| n.is_main()));
        for name in ["", "chat", "/a,b"] {
            assert_eq!(Namespace::parse(name, 128), None);
        }
        assert_eq!(Namespace::parse("/".to_owned() + &"x".repeat(128), 128), None);
    }
}
