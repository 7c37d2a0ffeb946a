//! Records as JSON behind one byte that says which version of their shape they have.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::store::{Record, StoreError};

/// The bytes of a record.
///
/// # Errors
///
/// [`StoreError::Refused`] where it cannot be written as JSON: a fault of ours.
pub(crate) fn pack<T: Serialize>(version: u8, value: &T) -> Result<Bytes, StoreError> {
    let mut bytes = vec![version];
    serde_json::to_writer(&mut bytes, value)
        .map_err(|_| StoreError::Refused("a record cannot be written"))?;
    Ok(bytes.into())
}

/// Reads a record of this version.
///
/// # Errors
///
/// [`StoreError::Damaged`] for anything else.
pub(crate) fn unpack<T: DeserializeOwned>(version: u8, record: &Record) -> Result<T, StoreError> {
    match record.value.split_first() {
        Some((found, json)) if *found == version => {
            serde_json::from_slice(json).map_err(|_| StoreError::Damaged)
        }
        _ => Err(StoreError::Damaged),
    }
}

/// The version of a collection's records, with which they are written and read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout(pub(crate) u8);

impl Layout {
    /// See [`pack`].
    pub(crate) fn pack<T: Serialize>(self, value: &T) -> Result<Bytes, StoreError> {
        pack(self.0, value)
    }

    /// See [`unpack`].
    pub(crate) fn unpack<T: DeserializeOwned>(self, record: &Record) -> Result<T, StoreError> {
        unpack(self.0, record)
    }

    /// The same of a record that may not be there.
    pub(crate) fn unpack_some<T: DeserializeOwned>(
        self,
        record: Option<&Record>,
    ) -> Result<Option<T>, StoreError> {
        record.map(|record| self.unpack(record)).transpose()
    }
}
