//! Events as the server has them, and as they travel.

use crier_domain::{badge, redis::BusEvent};
use crier_protocol::{
    Limits,
    socket::{Args, DecodeError, EncodeError, Outgoing},
};

use crate::{
    adapter::{Envelope, Target},
    recovery::Entry,
    session::mailbox::Parcel,
};

/// An event in the form in which every replica gets it.
pub(super) fn pack(envelope: Envelope, sender: &str) -> BusEvent {
    let Envelope { namespace, target, event, args, volatile, recoverable, key } = envelope;
    let Target { rooms, except, who, local: _ } = target;
    let (args, attachments) = args.to_parts();
    BusEvent {
        namespace,
        rooms: rooms.into_vec(),
        except: except.into_vec(),
        who: badge::Who {
            all: who.all,
            any: who.any,
            none: who.none,
            owners: who.owners.iter().map(|owner| owner.to_string()).collect(),
        },
        event: event.into(),
        args: args.into(),
        attachments,
        recoverable,
        volatile,
        key: key.map(|key| key.to_string()),
        sender: sender.to_owned(),
    }
}

/// Why an event of another replica is none here.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misfit {
    #[error(transparent)]
    Args(#[from] DecodeError),
    #[error(transparent)]
    Event(#[from] EncodeError),
}

/// An event that came, before it is known where it stands.
#[derive(Debug)]
pub(super) struct Carried {
    namespace: crier_protocol::Namespace,
    target: Target,
    packet: Outgoing,
    volatile: bool,
    key: Option<std::sync::Arc<str>>,
}

impl Carried {
    /// Checks everything again: it may come from a replica with other limits, or another version.
    pub(super) fn unpack(event: BusEvent, limits: &Limits) -> Result<Self, Misfit> {
        let args = Args::from_parts(&event.args, event.attachments, limits)?;
        let packet = Outgoing::event(&event.namespace, &event.event, args, None)?;
        let target = Target {
            rooms: event.rooms.into(),
            except: event.except.into(),
            who: event.who.into(),
            local: false,
        };
        let key = event.key.map(Into::into);
        Ok(Self { namespace: event.namespace, target, packet, volatile: event.volatile, key })
    }

    /// An event that does not leave this process.
    pub(super) fn here(envelope: Envelope) -> Result<Self, EncodeError> {
        let Envelope { namespace, target, event, args, volatile, recoverable: _, key } = envelope;
        let packet = Outgoing::event(&namespace, &event, args, None)?;
        Ok(Self { namespace, target, packet, volatile, key })
    }

    /// The event in its place; `offset` is what its receivers are told that they have got with it.
    pub(super) fn into_entry(self, id: u64, logged: bool, offset: Option<&str>) -> Entry {
        let Self { namespace, target, packet, volatile, key } = self;
        let packet = match offset {
            Some(offset) => packet.with_last(offset),
            None => packet,
        };
        let parcel = Parcel { volatile, key, ..Parcel::from(packet) }.into();
        Entry { id, logged, namespace, target, parcel }
    }
}

/// A number of the log that has no event for anybody: an order to sessions, or what cannot be read here.
/// It has its place, so that numbers have no gap.
pub(super) fn blank(id: u64) -> Entry {
    let namespace = crier_protocol::Namespace::MAIN;
    let parcel = Parcel::new(Outgoing::disconnect(&namespace));
    // In nobody's room: their names have at least one byte.
    let target = Target {
        rooms: [crier_protocol::Room::from("")].into_iter().collect(),
        ..Target::default()
    };
    Entry { id, logged: true, namespace, target, parcel }
}

#[cfg(test)]
mod tests {
    use crier_protocol::{
        Namespace, Room,
        socket::{Binary, Parser},
    };

    use super::*;
    use crate::badge::Who;

    #[test]
    fn an_event_arrives_as_it_left_binary_data_too() {
        let args = Args::many(&("text", Binary::from(vec![1, 2, 3]), 7.5)).unwrap();
        let envelope = Envelope {
            namespace: Namespace::parse("/chat", 128).unwrap(),
            target: Target {
                rooms: ["a", "b"].map(Room::from).into_iter().collect(),
                except: [Room::from("c")].into_iter().collect(),
                who: Who { all: 1, any: 2, none: 4, owners: ["ann".into()].into() },
                local: false,
            },
            event: "e".into(),
            args,
            volatile: false,
            recoverable: true,
            key: Some("k".into()),
        };
        let here = Carried::here(envelope.clone()).unwrap().into_entry(3, true, Some("o~3"));
        let bytes = pack(envelope, "r1").encode();
        let event = BusEvent::decode(&bytes).unwrap();
        let there = Carried::unpack(event, &Limits::default()).unwrap();
        let there = there.into_entry(3, true, Some("o~3"));
        assert_eq!(there.target, here.target);
        assert_eq!(
            (there.namespace, there.parcel.key.clone()),
            (here.namespace, here.parcel.key.clone())
        );
        for parser in [Parser::Default, Parser::Msgpack] {
            let form = |entry: &Parcel| entry.packet.websocket(parser, false);
            assert_eq!(form(&there.parcel), form(&here.parcel), "{parser:?}");
        }
    }

    #[test]
    fn what_no_client_could_read_is_refused_where_it_arrives() {
        let event = |event: &str, args: &str| BusEvent {
            namespace: Namespace::MAIN,
            rooms: Vec::new(),
            except: Vec::new(),
            who: badge::Who::default(),
            event: event.to_owned(),
            args: args.into(),
            attachments: Vec::new(),
            recoverable: true,
            volatile: false,
            key: None,
            sender: String::new(),
        };
        for (name, args, fits) in
            [("e", "[1]", true), ("connect", "[1]", false), ("e", "[1", false), ("e", "{}", false)]
        {
            let unpacked = Carried::unpack(event(name, args), &Limits::default());
            assert_eq!(unpacked.is_ok(), fits, "{name} {args}: {unpacked:?}");
        }
    }
}
