//! What a row of the catalogue says.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{App, Payload, PayloadType};
use crate::{identity::Role, service::limits::Counted};

/// One event in one direction.
#[derive(Clone, Debug)]
pub struct Row {
    /// The event's name.
    pub name: &'static str,
    /// The namespace that it belongs to.
    pub namespace: &'static str,
    /// The app that it belongs to; `None` = there whatever apps are on.
    pub app: Option<App>,
    /// From whom to whom.
    pub direction: Direction,
    /// Who may send it.
    pub sender: Sender,
    /// The shape of its one argument.
    pub payload: PayloadType,
    /// The shape of a successful ack; `None` for events to clients, which have none.
    pub ack: Option<PayloadType>,
    /// Whether clients send it for the sake of its ack, so that one without is of no use.
    pub ack_wanted: bool,
    /// Who receives it.
    pub audience: Audience,
    /// How it is kept.
    pub class: Class,
    /// Template of what the event is about, such as `{orderId}`: a receiver who is behind is owed
    /// only the newest of each.
    pub latest_of: Option<&'static str>,
    /// What counts it.
    pub rate: RateClass,
}

/// Which way an event goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// C→S.
    ToServer,
    /// S→C.
    ToClient,
}

/// Who may send an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Every socket, anonymous ones too, as far as the room's policy lets them.
    Anyone,
    /// Sockets of a user.
    User,
    /// Backends, through the sidecar, and Crier itself.
    Backend,
    /// Crier itself alone.
    Crier,
}

/// Who receives an event.
///
/// `{x}` in a room's name is filled from the parameters, else from the payload's field of that name;
/// `{x[]}` from a list of them, one room each. "Filled" below: there is a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The sockets in any of the rooms that are filled; at least one has to be.
    Rooms(&'static [&'static str]),
    /// The sockets in any of the rooms, all of which have to be filled.
    AllRooms(&'static [&'static str]),
    /// The sockets in any of the rooms that are filled; where none is, all but anonymous ones.
    RoomsElseGlobal(&'static [&'static str]),
    /// Money: the parties or everyone, as [`CatalogueOptions`](super::CatalogueOptions) says; and
    /// these rooms, of which any may be unfilled.
    Payment(&'static [&'static str]),
    /// The sockets in the room, and as [`Audience::Payment`] where a field has a value.
    PaymentWhere {
        /// The room, which has to be filled.
        room: &'static str,
        /// The field of the payload.
        field: &'static str,
        /// Its value.
        is: &'static str,
    },
    /// The product's room, and everyone, as [`CatalogueOptions`](super::CatalogueOptions) says.
    Product,
    /// Those in the room who are one user, or, where no parameter names one, of some roles.
    Within {
        /// The room, which has to be filled.
        room: &'static str,
        /// The parameter that names the user.
        user: &'static str,
        /// The roles.
        roles: &'static [Role],
    },
    /// The rooms that the publisher names, else everyone. It waits for a while first, in which a
    /// newer one about the same takes its place.
    Settled {
        /// Template of what it is about.
        about: &'static str,
        /// How long it waits.
        after: Duration,
        /// With more sockets than these in the namespace, rooms have to be named.
        everyone_up_to: usize,
    },
    /// Everyone who may see presence; never anonymous sockets. Crier decides which rooms.
    Presence,
    /// Sockets that Crier decides on, in words.
    Chosen(&'static str),
    /// Every socket of the namespace that has the app on.
    Global,
    /// The one socket that it concerns; for an event to the server, the server.
    Direct,
}

/// How an event is kept for receivers who are away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Not at all: typing, presence, what concerns one connection.
    Ephemeral,
    /// In the log, and replayed on recovery.
    Recoverable,
    /// In the log, and what it reports is in the store, on disk, before its sender is answered.
    Durable,
}

/// What counts an event against a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateClass {
    /// The socket's events a second.
    Socket,
    /// So many a minute of one user, over all sockets and the sidecar, besides the socket's.
    User(Counted),
    /// The sidecar's limit a key.
    Backend,
    /// Nothing: Crier sends it.
    Uncounted,
}

impl Row {
    /// S→C on `/` from a backend: kept for those who are away.
    pub(super) const fn event<T: Payload>(
        app: App,
        name: &'static str,
        audience: Audience,
    ) -> Self {
        Self {
            name,
            namespace: "/",
            app: Some(app),
            direction: Direction::ToClient,
            sender: Sender::Backend,
            payload: PayloadType::of::<T>(),
            ack: None,
            ack_wanted: false,
            audience,
            class: Class::Recoverable,
            latest_of: None,
            rate: RateClass::Backend,
        }
    }

    /// C→S on `/` from a user, with the shape of the ack.
    pub(super) const fn command<T: Payload, A: Payload>(app: App, name: &'static str) -> Self {
        Self {
            direction: Direction::ToServer,
            sender: Sender::User,
            ack: Some(PayloadType::of::<A>()),
            class: Class::Ephemeral,
            rate: RateClass::Socket,
            ..Self::event::<T>(app, name, Audience::Direct)
        }
    }

    /// Not to be published by backends.
    pub(super) const fn by_crier(mut self) -> Self {
        self.sender = Sender::Crier;
        self.rate = RateClass::Uncounted;
        self
    }

    /// Taken from anonymous sockets too.
    pub(super) const fn by_anyone(mut self) -> Self {
        self.sender = Sender::Anyone;
        self
    }

    /// Sent for the sake of its ack.
    pub(super) const fn for_its_ack(mut self) -> Self {
        self.ack_wanted = true;
        self
    }

    /// Kept otherwise.
    pub(super) const fn kept(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Only the newest of these is owed to those who are behind.
    pub(super) const fn latest_of(mut self, about: &'static str) -> Self {
        self.latest_of = Some(about);
        self
    }

    /// In another namespace than `/`.
    pub(super) const fn on(mut self, namespace: &'static str) -> Self {
        self.namespace = namespace;
        self
    }

    /// Counted a user, too.
    pub(super) const fn counted(mut self, what: Counted) -> Self {
        self.rate = RateClass::User(what);
        self
    }
}
