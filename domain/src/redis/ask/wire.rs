//! What goes over the channels: an ask, and the parts of its answers.
//!
//! A message is a version byte and MessagePack with named fields, sealed for its channel. Fields may be
//! added, and are passed over by who does not know them. A question of a kind that a replica does not
//! know is none for it: it does not answer, and is named as missing.

use bytes::Bytes;
use crier_protocol::{Namespace, Room};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    cluster::{Action, Order, RoomSize, RoomView, Stats},
    identity::UserId,
    redis::Signer,
};

/// The first byte of a message. Another one is another format.
const VERSION: u8 = 1;

/// Bytes that a name of a namespace may have on the way; each replica has limits of its own besides.
const NAMESPACE_MAX: usize = 1_024;

/// Something that replicas are asked, or made to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Where the answers go: the name behind `ans:`.
    pub asker: String,
    /// The replica that asks, which does not answer itself; none where it is no replica.
    pub replica: Option<String>,
    /// The asker's own number for it.
    pub id: u64,
    /// When it was sent, in milliseconds since 1970 by the asker's clock.
    pub sent_at: u64,
    /// How long the asker waits, in milliseconds.
    pub within: u64,
    /// The number of the newest event when it was sent, and the log's life: those come before.
    pub after: u64,
    /// Which life of the log.
    #[serde(default)]
    pub epoch: String,
    /// What.
    pub question: Question,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// See [`Order`].
    Order(WireOrder),
    /// The rooms of `/`.
    Rooms,
    /// One of them.
    Room(String),
    /// How many sockets a namespace has.
    SocketsLen(String),
    /// Figures.
    Stats,
    /// Sockets of a namespace, by the handler API.
    Sockets {
        /// The namespace.
        namespace: String,
        /// Which.
        target: WireTarget,
        /// What they do.
        request: WireRequest,
    },
    /// An event to sockets, whose acknowledgements are the answer.
    Acks {
        /// The namespace.
        namespace: String,
        /// Which.
        target: WireTarget,
        /// The event's name.
        event: String,
        /// Its arguments.
        args: WireArgs,
        /// Whether it is dropped for clients that are behind.
        volatile: bool,
        /// Its key, where only the newest is owed.
        key: Option<String>,
        /// How long clients may take, in milliseconds.
        timeout: u64,
    },
}

impl Question {
    /// Whether sockets are made to do something.
    pub fn is_order(&self) -> bool {
        match self {
            Self::Order(_) | Self::Acks { .. } => true,
            Self::Sockets { request, .. } => *request != WireRequest::Fetch,
            Self::Rooms | Self::Room(_) | Self::SocketsLen(_) | Self::Stats => false,
        }
    }
}

/// An [`Order`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireOrder {
    namespace: String,
    rooms: Vec<String>,
    user: Option<String>,
    action: WireAction,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum WireAction {
    Join(Vec<String>),
    Leave(Vec<String>),
    Disconnect { close: bool, revoked: bool },
}

/// Which sockets are meant: those in any of the rooms (everyone where there is none), in none of the
/// excepted ones, and fit for the filter of the bus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireTarget {
    /// In any of these.
    pub rooms: Vec<String>,
    /// In none of these.
    pub except: Vec<String>,
    /// All of these bits,
    pub all: u64,
    /// any of these,
    pub any: u64,
    /// none of these.
    pub none: u64,
    /// Of one of these.
    pub owners: Vec<String>,
}

/// What sockets are asked or made to do by the handler API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WireRequest {
    /// Tell about each.
    Fetch,
    /// Enter these rooms.
    Join(Vec<String>),
    /// Leave these rooms.
    Leave(Vec<String>),
    /// Disconnect.
    Disconnect {
        /// The whole connection.
        close: bool,
    },
}

/// Arguments: the text of a JSON array with placeholders, and the attachments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireArgs {
    /// The array.
    pub text: String,
    /// What its placeholders stand for.
    pub attachments: Vec<Bytes>,
}

/// A socket of a replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireSocket {
    /// Its id.
    pub id: String,
    /// Its rooms.
    pub rooms: Vec<String>,
    /// The client's address.
    pub address: std::net::IpAddr,
}

/// One part of one replica's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Whose.
    pub replica: String,
    /// The number of the ask.
    pub id: u64,
    /// Which part, from 0.
    pub part: u32,
    /// Whether it is the last.
    pub last: bool,
    /// There was more than an answer may hold.
    pub truncated: bool,
    /// It.
    pub reply: Reply,
}

/// An answer, or a part of it: lists are continued, numbers are in the first part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// To an order: how many sockets were meant.
    Reached(usize),
    /// Rooms.
    Rooms(Vec<RoomSize>),
    /// A room.
    Room(RoomView),
    /// How many sockets.
    SocketsLen(usize),
    /// Figures.
    Stats(Stats),
    /// Sockets.
    Sockets {
        /// How many were meant.
        matched: usize,
        /// They, where they were asked for.
        sockets: Vec<WireSocket>,
    },
    /// Acknowledgements.
    Acks {
        /// Sockets that were asked.
        asked: usize,
        /// What came in time.
        answers: Vec<WireArgs>,
    },
}

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not signed with a secret of the cluster for this channel.
    #[error("not signed by this cluster")]
    Forged,
    /// Another version, or no message at all.
    #[error("not a message that this version knows")]
    Unknown,
}

/// A message for a channel.
pub fn write<T: Serialize>(signer: &Signer, channel: &str, message: &T) -> Option<Bytes> {
    let mut body = vec![VERSION];
    // Our own types, into memory: neither step fails.
    rmp_serde::encode::write_named(&mut body, message).ok()?;
    Some(signer.seal(channel, &body))
}

/// A message from a channel.
///
/// # Errors
/// See [`WireError`].
pub fn read<T: DeserializeOwned>(
    signer: &Signer,
    channel: &str,
    payload: &Bytes,
) -> Result<T, WireError> {
    let body = signer.open(channel, payload).ok_or(WireError::Forged)?;
    let message = body.strip_prefix(&[VERSION]).ok_or(WireError::Unknown)?;
    rmp_serde::from_slice(message).map_err(|_| WireError::Unknown)
}

impl From<&Order> for WireOrder {
    fn from(order: &Order) -> Self {
        Self {
            namespace: order.namespace.as_str().to_owned(),
            rooms: names(&order.rooms),
            user: order.user.as_ref().map(|user| user.as_str().to_owned()),
            action: match &order.action {
                Action::Join(rooms) => WireAction::Join(names(rooms)),
                Action::Leave(rooms) => WireAction::Leave(names(rooms)),
                Action::Disconnect { close, reason } => {
                    WireAction::Disconnect { close: *close, revoked: *reason == REVOKED }
                }
            },
        }
    }
}

const REVOKED: &str = "revoked";

impl WireOrder {
    /// The order; `None` where a name in it is none.
    pub fn order(self) -> Option<Order> {
        Some(Order {
            namespace: namespace(&self.namespace)?,
            rooms: rooms(self.rooms),
            user: match self.user {
                Some(user) => Some(UserId::parse(&user)?),
                None => None,
            },
            action: match self.action {
                WireAction::Join(names) => Action::Join(rooms(names)),
                WireAction::Leave(names) => Action::Leave(rooms(names)),
                WireAction::Disconnect { close, revoked } => {
                    let reason = if revoked { REVOKED } else { "kicked" };
                    Action::Disconnect { close, reason }
                }
            },
        })
    }
}

/// A namespace by its name.
pub fn namespace(name: &str) -> Option<Namespace> {
    Namespace::parse(name.to_owned(), NAMESPACE_MAX)
}

/// Rooms by their names.
pub fn rooms(names: Vec<String>) -> Vec<Room> {
    names.into_iter().map(Room::from).collect()
}

/// The names of rooms.
pub fn names(rooms: &[Room]) -> Vec<String> {
    rooms.iter().map(|room| room.as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(question: Question) -> Ask {
        Ask {
            asker: "a1".to_owned(),
            replica: Some("AAAA".to_owned()),
            id: u64::MAX,
            sent_at: 1,
            within: 2_000,
            after: 7,
            epoch: "e".to_owned(),
            question,
        }
    }

    fn signer(secret: &str) -> Signer {
        Signer::new(&[secret.as_bytes().to_vec()]).unwrap()
    }

    #[test]
    fn asks_arrive_as_they_were_sent() {
        let signer = signer("s");
        let order = |action| {
            let user = UserId::parse("ann");
            Order { namespace: Namespace::MAIN, rooms: vec!["r".into()], user, action }
        };
        for action in [
            Action::Join(vec!["a".into(), "b".into()]),
            Action::Leave(Vec::new()),
            Action::Disconnect { close: true, reason: "revoked" },
            Action::Disconnect { close: false, reason: "kicked" },
        ] {
            let sent = ask(Question::Order(WireOrder::from(&order(action.clone()))));
            let bytes = write(&signer, "c", &sent).unwrap();
            let came: Ask = read(&signer, "c", &bytes).unwrap();
            assert_eq!(came, sent);
            let Question::Order(came) = came.question else { panic!("{came:?}") };
            assert_eq!(came.order(), Some(order(action)));
        }
        let args = WireArgs {
            text: r#"[{"_placeholder":true,"num":0}]"#.to_owned(),
            attachments: vec![Bytes::from_static(&[0, 159, 146, 150])],
        };
        let sent = ask(Question::Acks {
            namespace: "/".to_owned(),
            target: WireTarget { none: u64::MAX, ..WireTarget::default() },
            event: "e".to_owned(),
            args,
            volatile: true,
            key: None,
            timeout: 1,
        });
        assert_eq!(read(&signer, "c", &write(&signer, "c", &sent).unwrap()), Ok(sent));
    }

    #[test]
    fn what_nobody_of_the_cluster_sent_is_nothing() {
        let (ours, theirs) = (signer("s"), signer("t"));
        let sent = ask(Question::Rooms);
        let sealed = |body: &[u8]| ours.seal("c", body);
        let table = [
            (write(&theirs, "c", &sent).unwrap(), WireError::Forged),
            (write(&ours, "d", &sent).unwrap(), WireError::Forged),
            (Bytes::new(), WireError::Forged),
            (Bytes::from_static(b"{}"), WireError::Forged),
            (sealed(b""), WireError::Unknown),
            (sealed(&[2, 0x80]), WireError::Unknown),
            (sealed(&[1]), WireError::Unknown),
            (sealed(&[1, 0xdf, 0xff, 0xff, 0xff, 0xff]), WireError::Unknown),
            (sealed(&[&[1][..], &[0x91; 100_000]].concat()), WireError::Unknown),
        ];
        for (payload, expected) in table {
            assert_eq!(read::<Ask>(&ours, "c", &payload), Err(expected), "{payload:.40?}");
        }
    }

    #[test]
    fn an_ask_of_a_later_version_is_read_if_its_question_is_known() {
        #[derive(Serialize)]
        struct Later {
            #[serde(flatten)]
            ask: Ask,
            priority: u8,
        }
        let signer = signer("s");
        let later = Later { ask: ask(Question::Stats), priority: 1 };
        let came = read::<Ask>(&signer, "c", &write(&signer, "c", &later).unwrap());
        assert_eq!(came, Ok(ask(Question::Stats)));
    }
}
