//! The rows of the apps that are on, and what is done by them.

use std::collections::HashMap;

use crier_protocol::{Limits, Namespace, Room};
use serde_json::value::RawValue;

use super::{
    App, Audience, Class, Direction, Params, Row, Sender, is_reserved, storefront, system,
    template::{Template, Values, fill_union},
};
use crate::{
    error::Refusal,
    publish::{Args, ArgsError, Filter, Idempotency, Publish},
    room::RoomName,
};

/// Bytes of an event's payload. 64 KiB (contract, section 9).
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// Every event of the apps that are on.
#[derive(Debug)]
pub struct Catalogue {
    /// C→S by name. A name may be in both maps: `token_refresh` goes both ways.
    to_server: HashMap<&'static str, Entry>,
    /// S→C by name.
    to_client: HashMap<&'static str, Entry>,
    limits: Limits,
}

/// A row with its templates read.
#[derive(Debug)]
struct Entry {
    row: &'static Row,
    namespace: Namespace,
    rooms: Vec<Template>,
    latest_of: Option<Template>,
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
    /// How it is kept.
    pub class: Class,
    /// What it is the newest of.
    pub key: Option<String>,
    /// The app that receivers have to have on.
    pub app: Option<App>,
}

impl Prepared {
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
            filter: Filter { app: self.app, ..Filter::default() },
            everyone_up_to: None,
            settle: None,
            idempotency,
        }
    }
}

/// Why an event is not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// No app that is on has this event.
    #[error("unknown event{}", suggestion(.nearest))]
    Unknown {
        /// The publishable name that is most like it.
        nearest: Option<&'static str>,
    },
    /// Crier sends it itself, or clients do.
    #[error("the event cannot be published")]
    NotPublishable,
    /// The payload has the wrong shape.
    #[error("{path}: {message}")]
    Invalid {
        /// Where in the payload; empty = all of it.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// A parameter is missing or wrong.
    #[error("params.{path} {message}")]
    Params {
        /// Its name.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// The payload is over [`PAYLOAD_BYTES_MAX`].
    #[error("the payload has more than {PAYLOAD_BYTES_MAX} bytes")]
    TooLarge,
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

impl Catalogue {
    /// The events of these apps, and those that are there in any case.
    pub fn new(apps: impl IntoIterator<Item = App>) -> Self {
        let apps: Vec<App> = apps.into_iter().collect();
        let on = |row: &&Row| row.app.is_none_or(|app| apps.contains(&app));
        let (to_server, to_client): (Vec<&Row>, Vec<&Row>) =
            all_rows().filter(on).partition(|row| row.direction == Direction::ToServer);
        let by_name = |rows: Vec<&'static Row>| {
            let entries = rows.into_iter().map(|row| (row.name, Entry::new(row)));
            entries.collect()
        };
        Self {
            to_server: by_name(to_server),
            to_client: by_name(to_client),
            limits: Limits::default(),
        }
    }

    /// Checks by the server's limits instead of the default ones, so that what is let in here can be
    /// sent there.
    #[must_use]
    pub fn limited(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The row of an event.
    pub fn row(&self, direction: Direction, name: &str) -> Option<&'static Row> {
        self.entry(direction, name).map(|entry| entry.row)
    }

    /// Every row that is on, in no order.
    pub fn rows(&self) -> impl Iterator<Item = &'static Row> {
        let entries = self.to_server.values().chain(self.to_client.values());
        entries.map(|entry| entry.row)
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
        let Some(entry) = self.entry(Direction::ToClient, name) else {
            return Err(CatalogueError::Unknown { nearest: self.nearest(name) });
        };
        if entry.row.sender != Sender::Backend {
            return Err(CatalogueError::NotPublishable);
        }
        if data.get().len() > PAYLOAD_BYTES_MAX {
            return Err(CatalogueError::TooLarge);
        }
        // As given first, since reading it into its type recurses.
        Args::payload(data, &self.limits)?;
        let data = entry.row.payload.normalise(data)?;
        entry.check_params(params)?;
        let values = Values::new(params, &data);
        let rooms = match rooms {
            Some(rooms) => rooms,
            None => fill_union(&entry.rooms, &values)?,
        };
        let key = match &entry.latest_of {
            Some(template) => {
                let about = template.fill(&values).map_err(|e| e.into_error(&values))?;
                Some(format!("{}:{about}", entry.row.name))
            }
            None => None,
        };
        Ok(Prepared {
            event: entry.row.name,
            namespace: entry.namespace.clone(),
            args: Args::payload(&data, &self.limits)?,
            rooms: rooms.into_iter().map(Room::from).collect(),
            class: entry.row.class,
            key,
            app: entry.row.app,
        })
    }

    /// The publishable name that is most like this one, if any is alike.
    pub fn nearest(&self, name: &str) -> Option<&'static str> {
        if name.len() > self.limits.event_name_max {
            return None;
        }
        // Dashes and underscores are what is mixed up most: the apps differ in them.
        let plain = |name: &str| name.to_lowercase().replace('-', "_");
        let wanted = plain(name);
        self.rows()
            .filter(|row| row.sender == Sender::Backend)
            .map(|row| (strsim::damerau_levenshtein(&wanted, &plain(row.name)), row.name))
            .min()
            .filter(|(distance, known)| *distance <= 2.max(known.len() / 3))
            .map(|(_, known)| known)
    }

    fn entry(&self, direction: Direction, name: &str) -> Option<&Entry> {
        match direction {
            Direction::ToServer => self.to_server.get(name),
            Direction::ToClient => self.to_client.get(name),
        }
    }
}

impl Entry {
    fn new(row: &'static Row) -> Self {
        let rooms = match row.audience {
            Audience::Rooms(names) => names.iter().map(|name| Template::parse(name)).collect(),
            Audience::Global | Audience::Direct => Vec::new(),
        };
        let namespace = Namespace::parse(row.namespace, Limits::default().namespace_max);
        Self {
            row,
            // A test holds that every row's namespace is legal.
            namespace: namespace.unwrap_or(Namespace::MAIN),
            rooms,
            latest_of: row.latest_of.map(Template::parse),
        }
    }

    /// Whether the row can use every parameter: a misspelt one would send to fewer rooms in silence.
    fn check_params(&self, params: &Params) -> Result<(), CatalogueError> {
        let fields = || self.rooms.iter().flat_map(Template::fields);
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

impl From<ArgsError> for CatalogueError {
    fn from(error: ArgsError) -> Self {
        Self::Invalid { path: String::new(), message: error.to_string() }
    }
}

impl From<CatalogueError> for Refusal {
    fn from(error: CatalogueError) -> Self {
        match error {
            CatalogueError::Unknown { nearest } => Self::UnknownEvent { nearest },
            CatalogueError::NotPublishable => Self::UnknownEvent { nearest: None },
            CatalogueError::Invalid { path, message } => Self::Invalid { path, message },
            CatalogueError::Params { path, message } => {
                Self::Invalid { path: format!("params.{path}"), message }
            }
            CatalogueError::TooLarge => {
                Self::Invalid { path: String::new(), message: error.to_string() }
            }
        }
    }
}

/// Every row there is.
fn all_rows() -> impl Iterator<Item = &'static Row> {
    system::ROWS.iter().chain(storefront::ROWS).filter(|row| !is_reserved(row.name))
}
