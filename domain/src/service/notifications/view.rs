//! A notification as its user is shown it.

use super::boxes::Entry;
use crate::{
    event::{Id, Object, Text, chat::Notification},
    time::Timestamp,
};

/// The notification with what only REST answers tell: whether it was read.
pub(super) fn shown(entry: &Entry, read: bool) -> Notification {
    Notification { read: Some(read), ..told(entry) }
}

/// The notification as events have it.
pub(super) fn told(entry: &Entry) -> Notification {
    let text = |text: &Option<String>| text.as_deref().map(Text::stored);
    let fields = entry.data.iter();
    let data = fields.fold(Object::default(), |data, (name, value)| data.with(name, value.clone()));
    Notification {
        id: Id::from(entry.id),
        kind: entry.kind.clone(),
        title: text(&entry.title),
        body: text(&entry.body),
        data,
        created_at: Timestamp::from_unix_ms(entry.created_at),
        read: None,
        read_at: None,
    }
}
