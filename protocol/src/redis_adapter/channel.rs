//! The names of the channels.

use super::Uid;
use crate::{Namespace, Room};

/// Names the channels of one prefix: `key` of the classic adapter and the emitters, `channelPrefix` of the
/// sharded one; `socket.io` by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels {
    prefix: Box<str>,
}

/// Which rooms of the sharded form have a channel of their own. All servers must agree on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubscriptionMode {
    /// None.
    Static,
    /// All but those that sockets are in by themselves.
    #[default]
    Dynamic,
    /// All.
    DynamicPrivate,
}

/// What a classic channel is for, apart from its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassicChannel<'a> {
    /// Events to clients. The rest is `<namespace>#` or `<namespace>#<room>#`: since both may have a `#`, only
    /// the message tells where the one ends.
    Broadcast {
        /// What stands behind the prefix.
        rest: &'a str,
    },
    /// Requests of a namespace.
    Request {
        /// Its name.
        namespace: &'a str,
    },
    /// Answers, whichever server they are for.
    Response,
}

impl Channels {
    /// Longest prefix in bytes.
    pub const PREFIX_MAX: usize = 64;

    /// Channels that begin with a prefix; `None` unless it has 1 to 64 bytes of `A-Z a-z 0-9 _ - . :`, none
    /// of which means anything in a pattern.
    pub fn new(prefix: &str) -> Option<Self> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"_-.:".contains(&b);
        let fits = (1..=Self::PREFIX_MAX).contains(&prefix.len()) && prefix.bytes().all(legal);
        fits.then(|| Self { prefix: prefix.into() })
    }

    /// The prefix.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Classic: where an event to many rooms, or to none, goes. Sharded: the main channel.
    pub fn namespace(&self, namespace: &Namespace) -> String {
        format!("{}#{namespace}#", self.prefix)
    }

    /// Where an event to exactly one room goes; in the sharded form also the channel of that room.
    pub fn room(&self, namespace: &Namespace, room: &Room) -> String {
        format!("{}#{namespace}#{}#", self.prefix, room.as_str())
    }

    /// Sharded: where a server gets its answers.
    pub fn own(&self, namespace: &Namespace, uid: &Uid) -> String {
        format!("{}#{namespace}#{uid}#", self.prefix)
    }

    /// Sharded: a channel in the same slot as the main one, to which only servers of our kind subscribe.
    /// Counting both in one command tells how many others there are.
    pub fn ours(&self, namespace: &Namespace) -> String {
        format!("{{{}#{namespace}#}}crier", self.prefix)
    }

    /// Classic: where requests go.
    pub fn request(&self, namespace: &Namespace) -> String {
        format!("{}-request#{namespace}#", self.prefix)
    }

    /// Classic: where answers go.
    pub fn response(&self, namespace: &Namespace) -> String {
        format!("{}-response#{namespace}#", self.prefix)
    }

    /// Classic: where the answers to one server go, with `publishOnSpecificResponseChannel`.
    pub fn own_response(&self, namespace: &Namespace, uid: &Uid) -> String {
        format!("{}-response#{namespace}#{uid}#", self.prefix)
    }

    /// Classic: the pattern of the broadcast channels of all namespaces. No name of a namespace is ever part
    /// of a pattern: clients may choose them.
    pub fn broadcasts(&self) -> String {
        format!("{}#/*", self.prefix)
    }

    /// Classic: the pattern of the request channels of all namespaces. A subscription by a pattern is not
    /// counted, so that no server waits for our answers.
    pub fn requests(&self) -> String {
        format!("{}-request#/*", self.prefix)
    }

    /// What a channel found by these patterns is for.
    pub fn classic<'a>(&self, channel: &'a str) -> Option<ClassicChannel<'a>> {
        let rest = channel.strip_prefix(&*self.prefix)?;
        if let Some(rest) = rest.strip_prefix('#') {
            return Some(ClassicChannel::Broadcast { rest });
        }
        if rest.starts_with("-response#") {
            return Some(ClassicChannel::Response);
        }
        let namespace = rest.strip_prefix("-request#")?.strip_suffix('#')?;
        Some(ClassicChannel::Request { namespace })
    }

    /// Whether a broadcast channel is one of a namespace. `rest` is what [`Channels::classic`] tells.
    pub fn is_of(rest: &str, namespace: &Namespace) -> bool {
        let room = rest.strip_prefix(namespace.as_str()).and_then(|rest| rest.strip_prefix('#'));
        room.is_some_and(|room| room.is_empty() || room.ends_with('#'))
    }
}

impl SubscriptionMode {
    /// Reads what the adapter's option is set to.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "static" => Some(Self::Static),
            "dynamic" => Some(Self::Dynamic),
            "dynamic-private" => Some(Self::DynamicPrivate),
            _ => None,
        }
    }

    /// Whether an event to exactly this one room goes to the room's own channel.
    pub fn publishes_to(self, room: &Room) -> bool {
        match self {
            Self::Static => false,
            // What has 20 characters is taken for the id of a socket (`looksLikeASocketId`).
            Self::Dynamic => room.as_str().encode_utf16().count() != 20,
            Self::DynamicPrivate => true,
        }
    }

    /// Whether a server that has sockets in a room subscribes to its channel; `is_own` tells that it is the
    /// room of one of its sockets alone.
    pub fn subscribes_to(self, is_own: bool) -> bool {
        match self {
            Self::Static => false,
            Self::Dynamic => !is_own,
            Self::DynamicPrivate => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels() -> Channels {
        Channels::new("socket.io").unwrap()
    }

    #[test]
    fn channels_are_named_as_node_names_them() {
        let (names, main) = (channels(), Namespace::MAIN);
        let admin = Namespace::parse("/admin", 128).unwrap();
        let uid = Uid::parse("9bfa97").unwrap();
        for (name, expected) in [
            (names.namespace(&main), "socket.io#/#"),
            (names.room(&main, &Room::from("room1")), "socket.io#/#room1#"),
            (names.request(&admin), "socket.io-request#/admin#"),
            (names.response(&main), "socket.io-response#/#"),
            (names.own_response(&main, &uid), "socket.io-response#/#9bfa97#"),
            (names.own(&main, &uid), "socket.io#/#9bfa97#"),
        ] {
            assert_eq!(name, expected);
        }
    }

    #[test]
    fn a_broadcast_channel_belongs_to_the_namespace_of_its_message() {
        let of = |rest: &str, name: &str| {
            Channels::is_of(rest, &Namespace::parse(name.to_owned(), 128).unwrap())
        };
        assert!(of("/#", "/"));
        assert!(of("/#a#b#", "/"));
        assert!(of("/chat#x#", "/chat"));
        assert!(!of("/chat#x#", "/"), "the pattern of Node takes it, the prefix does not");
        assert!(!of("/#x", "/"));
        assert!(!of("/cha", "/chat"));
    }

    #[test]
    fn prefixes_mean_nothing_in_a_pattern() {
        for bad in ["", "a*", "a?", "[a]", "a\\", "a b", "a{b}", &"x".repeat(65)] {
            assert_eq!(Channels::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn rooms_have_channels_of_their_own_by_the_mode() {
        let (room, id) = (Room::from("news"), Room::from("AAAAAAAAAAAAAAAAAAAA"));
        for (mode, to_room, to_id) in [
            (SubscriptionMode::Static, false, false),
            (SubscriptionMode::Dynamic, true, false),
            (SubscriptionMode::DynamicPrivate, true, true),
        ] {
            assert_eq!((mode.publishes_to(&room), mode.publishes_to(&id)), (to_room, to_id));
        }
    }
}
