//! How records are written: one byte that says which layout, then JSON.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::store::{Record, StoreError};

/// The layout of the records that are written now.
const LAYOUT: u8 = 1;

/// A record of this value.
pub(crate) fn write(value: &impl Serialize) -> Bytes {
    let mut bytes = vec![LAYOUT];
    if let Err(error) = serde_json::to_writer(&mut bytes, value) {
        // Only a map with keys that are no text fails, and no record has one.
        tracing::error!(%error, "a record cannot be written");
    }
    bytes.into()
}

/// The value of a record.
///
/// # Errors
///
/// [`StoreError::Damaged`] where it is of no known layout.
pub(crate) fn read<T: DeserializeOwned>(record: &Record) -> Result<T, StoreError> {
    match record.value.split_first() {
        Some((&LAYOUT, json)) => serde_json::from_slice(json).map_err(|error| {
            tracing::error!(%error, "a record cannot be read");
            StoreError::Damaged
        }),
        _ => Err(StoreError::Damaged),
    }
}
