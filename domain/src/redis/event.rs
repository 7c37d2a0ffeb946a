//! An event as it lies in the log and goes over the channel.

use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;
use crier_protocol::{Namespace, Room};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

use crate::{badge::Who, event::Class, publish::Publish};

/// The first byte of what is encoded here; another one is of a version that this one does not know.
const FORMAT: u8 = 1;

/// Bytes of a namespace's name: what an encoded event may have is bounded by who signed it.
const NAMESPACE_MAX: usize = 64 << 10;

/// An event on its way between replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusEvent {
    /// Where the receivers are connected.
    pub namespace: Namespace,
    /// The rooms that receive it, each socket once; empty = everyone of the namespace.
    pub rooms: Vec<Room>,
    /// Whoever is in one of these does not receive it.
    pub except: Vec<Room>,
    /// Who of those in the rooms receives it.
    pub who: Who,
    /// The event's name.
    pub event: String,
    /// Its arguments: the text of a JSON array, with the placeholders of the attachments.
    pub args: ByteString,
    /// The bytes that belong in the placeholders.
    pub attachments: Vec<Bytes>,
    /// Whether it is kept for those who are away.
    pub recoverable: bool,
    /// Whether it may be dropped for a receiver whose outbox is full; such a one is never kept.
    pub volatile: bool,
    /// Where set, a receiver who is behind is owed only the newest event of this key.
    pub key: Option<String>,
    /// The tag of the replica that it comes from; empty where it comes from a sidecar.
    pub sender: String,
}

/// What is no event, or one of a newer version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Of a version that this one does not know.
    #[error("an event of another version, {0}")]
    Version(u8),
    /// It cannot be read.
    #[error("no event")]
    Malformed,
}

/// As it is written: borrowed, in the order of the fields.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    namespace: &'a str,
    #[serde(borrow)]
    rooms: Vec<&'a str>,
    #[serde(borrow)]
    except: Vec<&'a str>,
    all: u64,
    any: u64,
    none: u64,
    #[serde(borrow)]
    owners: Vec<&'a str>,
    event: &'a str,
    args: &'a str,
    #[serde(borrow)]
    attachments: Vec<Raw<'a>>,
    recoverable: bool,
    volatile: bool,
    key: Option<&'a str>,
    sender: &'a str,
}

impl BusEvent {
    /// Whether it gets a number and is kept in the log.
    pub fn is_logged(&self) -> bool {
        self.recoverable && !self.volatile
    }

    /// The event as bytes.
    pub fn encode(&self) -> Bytes {
        let wire = Wire {
            namespace: self.namespace.as_str(),
            rooms: names(&self.rooms),
            except: names(&self.except),
            all: self.who.all,
            any: self.who.any,
            none: self.who.none,
            owners: self.who.owners.iter().map(String::as_str).collect(),
            event: &self.event,
            args: &self.args,
            attachments: self.attachments.iter().map(|bytes| Raw(bytes)).collect(),
            recoverable: self.recoverable,
            volatile: self.volatile,
            key: self.key.as_deref(),
            sender: &self.sender,
        };
        let mut bytes = Vec::with_capacity(192 + self.args.len());
        bytes.push(FORMAT);
        // Into memory, and of types that all have a form: it cannot fail.
        if rmp_serde::encode::write(&mut bytes, &wire).is_err() {
            tracing::error!(event = self.event, "an event that cannot be written");
        }
        bytes.into()
    }

    /// Reads what [`BusEvent::encode`] has written. Attachments share the memory of `bytes`.
    ///
    /// # Errors
    ///
    /// See [`DecodeError`].
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let body = match bytes.split_first() {
            Some((&FORMAT, body)) => body,
            Some((version, _)) => return Err(DecodeError::Version(*version)),
            None => return Err(DecodeError::Malformed),
        };
        let wire: Wire<'_> = rmp_serde::from_slice(body).map_err(|_| DecodeError::Malformed)?;
        let namespace = Namespace::parse(wire.namespace, NAMESPACE_MAX);
        Ok(Self {
            namespace: namespace.ok_or(DecodeError::Malformed)?,
            rooms: wire.rooms.into_iter().map(Room::from).collect(),
            except: wire.except.into_iter().map(Room::from).collect(),
            who: Who {
                all: wire.all,
                any: wire.any,
                none: wire.none,
                owners: wire.owners.into_iter().map(str::to_owned).collect(),
            },
            event: wire.event.to_owned(),
            args: wire.args.into(),
            attachments: wire.attachments.iter().map(|raw| bytes.slice_ref(raw.0)).collect(),
            recoverable: wire.recoverable,
            volatile: wire.volatile,
            key: wire.key.map(str::to_owned),
            sender: wire.sender.to_owned(),
        })
    }
}

impl From<&Publish> for BusEvent {
    /// With the rooms as they are: whether it is for everyone is settled before.
    fn from(publish: &Publish) -> Self {
        Self {
            namespace: publish.namespace.clone(),
            rooms: publish.rooms.clone(),
            except: publish.except.clone(),
            who: Who::from(&publish.filter),
            event: publish.event.clone(),
            args: publish.args.as_str().into(),
            attachments: Vec::new(),
            recoverable: publish.class != Class::Ephemeral,
            volatile: publish.volatile,
            key: publish.key.clone(),
            sender: String::new(),
        }
    }
}

fn names(rooms: &[Room]) -> Vec<&str> {
    rooms.iter().map(Room::as_str).collect()
}

/// Bytes, written as such and not as a list of numbers.
struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;

        impl<'de> Visitor<'de> for Borrowed {
            type Value = &'de [u8];

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(bytes)
            }
        }

        deserializer.deserialize_bytes(Borrowed).map(Raw)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event() -> BusEvent {
        BusEvent {
            namespace: Namespace::parse("/chat", 64).unwrap(),
            rooms: vec!["a".into(), "b".into()],
            except: vec!["c".into()],
            who: Who { all: 1 << 8, any: u64::MAX, none: 0, owners: vec!["ann".to_owned()] },
            event: "photo".to_owned(),
            args: r#"[{"_placeholder":true,"num":0},1]"#.into(),
            attachments: vec![Bytes::from_static(b"\x00\xff"), Bytes::new()],
            recoverable: true,
            volatile: false,
            key: Some("k".to_owned()),
            sender: "aB-_".to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let event = event();
        assert_eq!(BusEvent::decode(&event.encode()), Ok(event.clone()));
        let bare = BusEvent {
            rooms: vec![],
            except: vec![],
            who: Who::default(),
            attachments: vec![],
            key: None,
            volatile: true,
            sender: String::new(),
            ..event
        };
        assert_eq!(BusEvent::decode(&bare.encode()), Ok(bare.clone()));
        assert!(!bare.is_logged(), "volatile events are never kept");
    }

    #[test]
    fn another_version_is_named_and_garbage_is_none() {
        let mut bytes = event().encode().to_vec();
        bytes[0] = 9;
        assert_eq!(BusEvent::decode(&bytes.into()), Err(DecodeError::Version(9)));
        assert_eq!(BusEvent::decode(&Bytes::new()), Err(DecodeError::Malformed));
        let mut no_slash = event();
        no_slash.namespace = Namespace::MAIN;
        let bytes = no_slash.encode();
        let at = bytes.iter().position(|b| *b == b'/').unwrap();
        let mut bytes = bytes.to_vec();
        bytes[at] = b'x';
        assert_eq!(BusEvent::decode(&bytes.into()), Err(DecodeError::Malformed));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, cut in 0..200_usize) {
            let whole = event().encode();
            prop_assert!(BusEvent::decode(&whole.slice(..cut.min(whole.len() - 1))).is_err());
            let mut bytes = bytes;
            bytes.insert(0, FORMAT);
            let _ = BusEvent::decode(&bytes.into());
        }
    }
}
