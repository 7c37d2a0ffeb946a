//! From a row's audience to the rooms and the filter of one event.

use std::time::Duration;

use serde_json::value::RawValue;

use super::{
    Audience, CatalogueError, Params, Row,
    template::{Template, Unfilled, Values, fill_union},
};
use crate::{
    publish::{Filter, Publish},
    room::RoomName,
};

/// The room of those who look at a product.
pub(crate) const PRODUCT_ROOM: &str = "product:{productId}";

/// Sockets up to which news of a product goes to everyone (contract, section 5).
const PRODUCT_EVERYONE_UP_TO: usize = 1_000;

/// The rooms of those whom a payment concerns, as far as they are named, and of the shop's staff.
const PARTIES: [&str; 9] = [
    "buyer-{buyerId}",
    "buyer-{buyerIds[]}",
    "seller-{sellerId}",
    "seller-{sellerIds[]}",
    "request-{requestId}",
    "request-{requestIds[]}",
    "template-checkout-{checkoutId}",
    "template-checkout-{checkoutIds[]}",
    "admins",
];

/// What the operator decides about receivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CatalogueOptions {
    /// `marketplace.payment_audience`.
    pub payments: PaymentAudience,
    /// `audience.products`.
    pub products: ProductAudience,
}

/// Who hears of payments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaymentAudience {
    /// Those whom it concerns, and the room `admins`.
    #[default]
    Parties,
    /// Everyone but anonymous sockets.
    Everyone,
}

/// Who hears of a product's price and stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProductAudience {
    /// Everyone while there are at most 1,000 sockets, else those in the product's room.
    #[default]
    Auto,
    /// Everyone.
    Everyone,
    /// Those in the product's room.
    Room,
}

impl PaymentAudience {
    /// Takes the word of the configuration.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "parties" => Some(Self::Parties),
            "everyone" => Some(Self::Everyone),
            _ => None,
        }
    }
}

impl ProductAudience {
    /// Takes the word of the configuration.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Self::Auto),
            "everyone" => Some(Self::Everyone),
            "room" => Some(Self::Room),
            _ => None,
        }
    }

    /// Sends an event about a product, made for the product's room, to whom this says.
    #[must_use]
    pub fn aim(self, mut publish: Publish) -> Publish {
        if self == Self::Everyone {
            publish.rooms.clear();
        }
        publish.everyone_up_to = self.everyone_up_to();
        publish
    }

    pub(super) fn everyone_up_to(self) -> Option<usize> {
        (self == Self::Auto).then_some(PRODUCT_EVERYONE_UP_TO)
    }
}

/// A row's audience with its templates read.
#[derive(Debug)]
pub(super) struct Plan {
    audience: Audience,
    /// The row's own rooms.
    rooms: Vec<Template>,
    /// The rooms of a payment.
    parties: Vec<Template>,
    /// What a settled event is about.
    about: Option<Template>,
}

/// Who receives one event.
#[derive(Debug, Default)]
pub(super) struct Receivers {
    pub(super) rooms: Vec<RoomName>,
    pub(super) filter: Filter,
    pub(super) everyone_up_to: Option<usize>,
    pub(super) needs_rooms_above: Option<usize>,
    /// What waits, and for how long.
    pub(super) settle: Option<(String, Duration)>,
}

impl Plan {
    pub(super) fn of(row: &Row) -> Self {
        let read =
            |names: &[&'static str]| names.iter().map(|name| Template::parse(name)).collect();
        let (rooms, pays): (Vec<Template>, bool) = match row.audience {
            Audience::Rooms(names)
            | Audience::AllRooms(names)
            | Audience::RoomsElseGlobal(names) => (read(names), false),
            Audience::Payment(names) => (read(names), true),
            Audience::PaymentWhere { room, .. } => (read(&[room]), true),
            Audience::Within { room, .. } => (read(&[room]), false),
            Audience::Product => (read(&[PRODUCT_ROOM]), false),
            Audience::Settled { .. }
            | Audience::Presence
            | Audience::Chosen(_)
            | Audience::Global
            | Audience::Direct => (Vec::new(), false),
        };
        let about = match row.audience {
            Audience::Settled { about, .. } => Some(Template::parse(about)),
            _ => None,
        };
        let parties = if pays { read(&PARTIES) } else { Vec::new() };
        Self { audience: row.audience, rooms, parties, about }
    }

    /// The parameters that it can use.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'static str> {
        let templates = self.rooms.iter().chain(&self.parties).chain(&self.about);
        let user = match self.audience {
            Audience::Within { user, .. } => Some(user),
            _ => None,
        };
        templates.flat_map(Template::fields).chain(user)
    }

    /// The row's rooms, to read values out of them.
    pub(super) fn templates(&self) -> &[Template] {
        &self.rooms
    }

    /// Whether an event without rooms is meant for everyone, and then whether anonymous sockets are
    /// left out of it.
    pub(super) fn everyone(&self) -> Option<SignedIn> {
        match self.audience {
            Audience::Global | Audience::Product | Audience::Settled { .. } => {
                Some(SignedIn(false))
            }
            Audience::RoomsElseGlobal(_)
            | Audience::Payment(_)
            | Audience::PaymentWhere { .. }
            | Audience::Presence => Some(SignedIn(true)),
            Audience::Rooms(_)
            | Audience::AllRooms(_)
            | Audience::Within { .. }
            | Audience::Chosen(_)
            | Audience::Direct => None,
        }
    }

    /// Who receives an event with these values. `named` are rooms that replace the row's own.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`] where a room cannot be filled, or the row is none to be published.
    pub(super) fn receivers(
        &self,
        params: &Params,
        data: &RawValue,
        named: Option<Vec<RoomName>>,
        options: CatalogueOptions,
    ) -> Result<Receivers, CatalogueError> {
        let values = Values::new(params, data);
        let mut to = Receivers::default();
        // What holds whoever the rooms are.
        if let Audience::Within { user, roles, .. } = self.audience {
            match values.param(user) {
                Ok(id) => to.filter.users.push(id),
                Err(Unfilled::Missing(_)) => to.filter.roles.extend_from_slice(roles),
                Err(unfilled) => return Err(unfilled.into_error(&values)),
            }
        }
        if let (Audience::Settled { after, .. }, Some(about)) = (self.audience, &self.about) {
            let about = about.fill(&values).map_err(|e| e.into_error(&values))?;
            to.settle = Some((about, after));
        }
        if let Some(rooms) = named {
            to.rooms = rooms;
            return Ok(to);
        }
        let everyone = || Filter { signed_in: true, ..Filter::default() };
        match self.audience {
            Audience::Rooms(_) | Audience::Within { .. } => {
                to.rooms = fill_union(&self.rooms, &values)?;
            }
            Audience::AllRooms(_) => {
                let mut fill = |room: &Template| room.rooms(&values, &mut to.rooms);
                self.rooms.iter().try_for_each(&mut fill).map_err(|e| e.into_error(&values))?;
            }
            Audience::RoomsElseGlobal(_) => match fill_union(&self.rooms, &values) {
                Ok(rooms) => to.rooms = rooms,
                Err(_) if !self.rooms.iter().any(|room| room.is_named(&values)) => {
                    to.filter = everyone();
                }
                Err(error) => return Err(error),
            },
            Audience::Payment(_) | Audience::PaymentWhere { .. } => {
                let pays = match self.audience {
                    Audience::PaymentWhere { field, is, .. } => {
                        // The row's own room is needed in any case.
                        to.rooms = fill_union(&self.rooms, &values)?;
                        values.get(field).is_ok_and(|value| value == is)
                    }
                    _ => true,
                };
                match options.payments {
                    _ if !pays => {}
                    PaymentAudience::Everyone => {
                        to.rooms.clear();
                        to.filter = everyone();
                    }
                    PaymentAudience::Parties => {
                        let all = self.rooms.iter().chain(&self.parties);
                        for room in all {
                            match room.rooms(&values, &mut to.rooms) {
                                Ok(()) | Err(Unfilled::Missing(_)) => {}
                                Err(unfilled) => return Err(unfilled.into_error(&values)),
                            }
                        }
                    }
                }
            }
            Audience::Product => {
                to.everyone_up_to = options.products.everyone_up_to();
                if options.products != ProductAudience::Everyone {
                    to.rooms = fill_union(&self.rooms, &values)?;
                }
            }
            Audience::Settled { everyone_up_to, .. } => {
                to.needs_rooms_above = Some(everyone_up_to);
            }
            Audience::Global => {}
            Audience::Presence | Audience::Chosen(_) | Audience::Direct => {
                return Err(CatalogueError::NotPublishable);
            }
        }
        Ok(to)
    }
}

/// Whether anonymous sockets are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SignedIn(pub(super) bool);
