//! An event as a row of the outbox: JSON behind one byte of version.

use std::time::Duration;

use crier_domain::{App, Args, Class, Filter, Idempotency, Publish, Role, UserId};
use crier_protocol::{Limits, Namespace, Room};
use serde::{Deserialize, Serialize};

/// The shape below.
const VERSION: u8 = 1;

/// A row that cannot be read: of a newer version, or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a row of the outbox cannot be read")]
pub(super) struct Unreadable;

#[derive(Serialize, Deserialize)]
struct Row {
    namespace: String,
    event: String,
    args: String,
    rooms: Vec<String>,
    except: Vec<String>,
    class: Class,
    key: Option<String>,
    volatile: bool,
    app: Option<App>,
    signed_in: bool,
    users: Vec<UserId>,
    roles: Vec<Role>,
    everyone_up_to: Option<usize>,
    settle_ms: Option<u64>,
    id: Option<(String, [u8; 32])>,
}

/// Writes an event.
pub(super) fn write(event: &Publish) -> Vec<u8> {
    let texts = |rooms: &[Room]| rooms.iter().map(|room| room.as_str().to_owned()).collect();
    let row = Row {
        namespace: event.namespace.as_str().to_owned(),
        event: event.event.clone(),
        args: event.args.as_str().to_owned(),
        rooms: texts(&event.rooms),
        except: texts(&event.except),
        class: event.class,
        key: event.key.clone(),
        volatile: event.volatile,
        app: event.filter.app,
        signed_in: event.filter.signed_in,
        users: event.filter.users.clone(),
        roles: event.filter.roles.clone(),
        everyone_up_to: event.everyone_up_to,
        settle_ms: event.settle.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        id: event.idempotency.as_ref().map(|id| (id.key.clone(), id.fingerprint)),
    };
    let mut bytes = vec![VERSION];
    // Of texts, numbers and lists: there is nothing in it that JSON cannot say.
    let _ = serde_json::to_writer(&mut bytes, &row);
    bytes
}

/// Reads an event back.
///
/// # Errors
///
/// [`Unreadable`].
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Publish, Unreadable> {
    let Some((&VERSION, json)) = bytes.split_first() else { return Err(Unreadable) };
    let row: Row = serde_json::from_slice(json).map_err(|_| Unreadable)?;
    let rooms = |rooms: Vec<String>| rooms.into_iter().map(Room::from).collect();
    Ok(Publish {
        namespace: Namespace::parse(row.namespace, limits.namespace_max).ok_or(Unreadable)?,
        event: row.event,
        args: Args::parse(&row.args, limits).map_err(|_| Unreadable)?,
        rooms: rooms(row.rooms),
        except: rooms(row.except),
        class: row.class,
        key: row.key,
        volatile: row.volatile,
        filter: Filter {
            app: row.app,
            signed_in: row.signed_in,
            users: row.users,
            roles: row.roles,
        },
        everyone_up_to: row.everyone_up_to,
        settle: row.settle_ms.map(Duration::from_millis),
        idempotency: row.id.map(|(key, fingerprint)| Idempotency { key, fingerprint }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let limits = Limits::default();
        let event = Publish {
            namespace: Namespace::parse("/orders", 64).unwrap(),
            event: "moved".to_owned(),
            args: Args::parse(r#"[{"a":"ü"},1]"#, &limits).unwrap(),
            rooms: vec!["a".into(), "b:1".into()],
            except: vec!["c".into()],
            class: Class::Durable,
            key: Some("k".to_owned()),
            volatile: false,
            filter: Filter {
                app: Some(App::Shop),
                signed_in: true,
                users: vec![UserId::parse("ann").unwrap()],
                roles: vec![Role::Admin],
            },
            everyone_up_to: Some(1_000),
            settle: Some(Duration::from_secs(5)),
            idempotency: Some(Idempotency { key: "id".to_owned(), fingerprint: [7; 32] }),
        };
        let bytes = write(&event);
        assert_eq!(read(&bytes, &limits), Ok(event));
        for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            assert_eq!(read(&bytes[..cut], &limits), Err(Unreadable));
        }
        let newer: Vec<u8> = [&[VERSION + 1], &bytes[1..]].concat();
        assert_eq!(read(&newer, &limits), Err(Unreadable));
    }
}
