//! The rows of the apps that are on, and what is done by them.

use std::{collections::HashMap, time::Duration};

use crier_protocol::{Limits, Namespace, Room};
use serde_json::value::RawValue;

use super::{
    App, Audience, CatalogueError, CatalogueOptions, Class, Direction, Params, Row, Sender,
    all_rows,
    audience::Plan,
    template::{Template, Values},
};
use crate::{
    publish::{Args, Filter, Idempotency, Publish},
    room::RoomName,
};

/// Bytes of an event's payload where nothing else is said: 64 KiB (contract, section 9).
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// Names that a source lists or a reader expects, and that do not exist; with what says the same.
const HINTS: [(&str, &str); 2] = [
    ("request-cancelled", "purchase-request-update"),
    ("notification-read", "unread-count-update"),
];

/// Every event of the apps that are on.
#[derive(Debug)]
pub struct Catalogue {
    /// C→S by namespace and name: `typing` is two events, on `/` and on `/chat`.
    to_server: HashMap<(&'static str, &'static str), Entry>,
    /// S→C by name, which is one event in one namespace. It may be a C→S one too: `token_refresh`.
    to_client: HashMap<&'static str, Entry>,
    /// All of them, in the contract's order.
    rows: Vec<&'static Row>,
    options: CatalogueOptions,
    payload_max: usize,
    limits: Limits,
}

/// A row with its templates read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) row: &'static Row,
    pub(super) namespace: Namespace,
    pub(super) plan: Plan,
    pub(super) latest_of: Option<Template>,
}

/// An event that was checked and knows its receivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Its name.
    pub event: &'static str,
    /// The namespace of its row.
    pub namespace: Namespace,
    /// Its argument, as clients get it.
    pub args: Args,
    /// The rooms that receive it; empty = global.
    pub rooms: Vec<Room>,
    /// Who of those in the rooms receives it.
    pub filter: Filter,
    /// How it is kept.
    pub class: Class,
    /// What it is the newest of.
    pub key: Option<String>,
    /// Everyone receives it while the namespace has at most so many sockets.
    pub everyone_up_to: Option<usize>,
    /// How long it waits for a newer one of its key.
    pub settle: Option<Duration>,
    /// Where set, and the namespace has more sockets, it must not go out without rooms: the caller
    /// asks the cluster for their number and refuses with [`Prepared::ROOMS_REQUIRED`].
    pub needs_rooms_above: Option<usize>,
}

impl Prepared {
    /// The refusal where [`Prepared::needs_rooms_above`] applies.
    pub const ROOMS_REQUIRED: &str = "is required: there are too many sockets for everyone";

    /// The event on its way.
    pub fn into_publish(self, idempotency: Option<Idempotency>) -> Publish {
        Publish {
            namespace: self.namespace,
            event: self.event.to_owned(),
            args: self.args,
            rooms: self.rooms,
            except: Vec::new(),
            class: self.class,
            key: self.key,
            volatile: false,
            filter: self.filter,
            everyone_up_to: self.everyone_up_to,
            settle: self.settle,
            idempotency,
        }
    }
}

impl Catalogue {
    /// The events of these apps, and those that are there in any case.
    pub fn new(apps: impl IntoIterator<Item = App>) -> Self {
        let apps: Vec<App> = apps.into_iter().collect();
        let on = |row: &&'static Row| row.app.is_none_or(|app| apps.contains(&app));
        let rows: Vec<&'static Row> = all_rows().filter(on).collect();
        let (to_server, to_client): (Vec<&'static Row>, Vec<&'static Row>) =
            rows.iter().copied().partition(|row| row.direction == Direction::ToServer);
        let to_server = to_server.into_iter();
        let to_client = to_client.into_iter();
        Self {
            to_server: to_server.map(|row| ((row.namespace, row.name), Entry::new(row))).collect(),
            to_client: to_client.map(|row| (row.name, Entry::new(row))).collect(),
            rows,
            options: CatalogueOptions::default(),
            payload_max: PAYLOAD_BYTES_MAX,
            limits: Limits::default(),
        }
    }

    /// Sends to whom the operator says.
    #[must_use]
    pub fn with(mut self, options: CatalogueOptions) -> Self {
        self.options = options;
        self
    }

    /// Checks by the server's limits instead of the default ones, so that what is let in here can be
    /// sent there.
    #[must_use]
    pub fn limited(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes payloads of so many bytes; [`PAYLOAD_BYTES_MAX`] where nothing is said.
    #[must_use]
    pub fn payload_max(mut self, bytes: usize) -> Self {
        self.payload_max = bytes;
        self
    }

    /// The row of an event that clients send in a namespace.
    pub fn to_server(&self, namespace: &str, name: &str) -> Option<&'static Row> {
        // Looked up by texts of any lifetime, which a map with keys for ever has no method for.
        let (_, entry) = self.to_server.iter().find(|(key, _)| **key == (namespace, name))?;
        Some(entry.row)
    }

    /// The row of an event to clients.
    pub fn to_client(&self, name: &str) -> Option<&'static Row> {
        self.to_client.get(name).map(|entry| entry.row)
    }

    /// Every row that is on, in the contract's order.
    pub fn rows(&self) -> impl Iterator<Item = &'static Row> {
        self.rows.iter().copied()
    }

    /// Checks what a backend wants to publish, and finds its receivers.
    ///
    /// `rooms`, where given, replaces the row's templates.
    ///
    /// # Errors
    ///
    /// See [`CatalogueError`]; paths are those within the payload or the parameters.
    pub fn validate(
        &self,
        name: &str,
        data: &RawValue,
        params: &Params,
        rooms: Option<Vec<RoomName>>,
    ) -> Result<Prepared, CatalogueError> {
        let Some(entry) = self.to_client.get(name) else {
            return Err(CatalogueError::Unknown { nearest: self.nearest(name) });
        };
        if entry.row.sender != Sender::Backend {
            return Err(CatalogueError::NotPublishable);
        }
        if data.get().len() > self.payload_max {
            return Err(CatalogueError::TooLarge { max: self.payload_max });
        }
        // As given first, since reading it into its type recurses.
        Args::payload(data, &self.limits)?;
        let data = entry.row.payload.normalise(data)?;
        entry.check_params(params)?;
        let named = rooms.is_some();
        let to = entry.plan.receivers(params, &data, rooms, self.options)?;
        let key = match (&to.settle, &entry.latest_of) {
            // Waiting for one room's sake must not be ended by what goes to others.
            (Some((about, _)), _) => Some(settle_key(about, &to.rooms)),
            (None, Some(template)) => {
                let values = Values::new(params, &data);
                match template.fill(&values) {
                    Ok(about) => Some(entry.key_of(&about)),
                    // Nothing says what it is about, so nothing can take its place.
                    Err(_) if named => None,
                    Err(unfilled) => return Err(unfilled.into_error(&values)),
                }
            }
            (None, None) => None,
        };
        Ok(Prepared {
            event: entry.row.name,
            namespace: entry.namespace.clone(),
            args: Args::payload(&data, &self.limits)?,
            rooms: to.rooms.into_iter().map(Room::from).collect(),
            filter: Filter { app: entry.row.app, ..to.filter },
            class: entry.row.class,
            key,
            everyone_up_to: to.everyone_up_to,
            settle: to.settle.map(|(_, after)| after),
            needs_rooms_above: to.needs_rooms_above,
        })
    }

    /// The publishable name that is most like this one, if any is alike.
    pub fn nearest(&self, name: &str) -> Option<&'static str> {
        if name.len() > self.limits.event_name_max {
            return None;
        }
        let publishable =
            || self.to_client.values().map(|e| e.row).filter(|r| r.sender == Sender::Backend);
        // Dashes and underscores are what is mixed up most: the apps differ in them.
        let plain = |name: &str| name.to_lowercase().replace('-', "_");
        let wanted = plain(name);
        if let Some((_, meant)) = HINTS.iter().find(|(hint, _)| plain(hint) == wanted) {
            return publishable().map(|row| row.name).find(|name| name == meant);
        }
        let distance = strsim::damerau_levenshtein;
        publishable()
            // Of two names that differ in nothing else, the one with the same dashes.
            .map(|row| (distance(&wanted, &plain(row.name)), distance(name, row.name), row.name))
            .min()
            .filter(|(distance, _, known)| *distance <= 2.max(known.len() / 3))
            .map(|(_, _, known)| known)
    }
}

/// The key of an event that waits: what it is about, and where it goes.
fn settle_key(about: &str, rooms: &[RoomName]) -> String {
    let mut rooms: Vec<&str> = rooms.iter().map(RoomName::as_str).collect();
    rooms.sort_unstable();
    let digest = crate::service::once::hash(rooms);
    let short: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{about}:{short}")
}

impl Entry {
    pub(super) fn new(row: &'static Row) -> Self {
        let namespace = Namespace::parse(row.namespace, Limits::default().namespace_max);
        Self {
            row,
            // A test holds that every row's namespace is legal.
            namespace: namespace.unwrap_or(Namespace::MAIN),
            plan: Plan::of(row),
            latest_of: row.latest_of.map(Template::parse),
        }
    }

    /// The key of the newest event about something.
    pub(super) fn key_of(&self, about: &str) -> String {
        format!("{}:{about}", self.row.name)
    }

    pub(super) fn is_about_product(&self) -> bool {
        self.row.audience == Audience::Product
    }

    /// Whether the row can use every parameter: a misspelt one would send to fewer rooms in silence.
    fn check_params(&self, params: &Params) -> Result<(), CatalogueError> {
        let fields = || self.plan.fields().chain(self.latest_of.iter().flat_map(Template::fields));
        let Some(unknown) = params.names().find(|name| !fields().any(|field| field == *name))
        else {
            return Ok(());
        };
        let mut known: Vec<&str> = fields().collect();
        known.sort_unstable();
        known.dedup();
        Err(CatalogueError::Params {
            path: unknown.chars().take(self.row.name.len().max(64)).collect(),
            message: if known.is_empty() {
                "is unknown; the event takes none".to_owned()
            } else {
                format!("is unknown, expected one of {}", known.join(", "))
            },
        })
    }
}
