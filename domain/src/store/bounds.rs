//! What one commit may be at most, the same for every backend.

use std::collections::HashSet;

use super::{Change, Commit, StoreError};

/// Bytes of a value.
pub const VALUE_BYTES_MAX: usize = 1 << 20;

/// Bytes of a key.
pub const KEY_BYTES_MAX: usize = 2 << 10;

/// Bytes of a claim's key.
pub const CLAIM_KEY_BYTES_MAX: usize = 512;

/// Bytes of a claim's answer.
pub const ANSWER_BYTES_MAX: usize = VALUE_BYTES_MAX;

/// Records of one commit: a group of a thousand has one or two each, and room to spare.
pub const WRITES_MAX: usize = 4_096;

/// Events of one commit.
pub const EVENTS_MAX: usize = 4_096;

/// Bytes of all that one commit writes.
pub const COMMIT_BYTES_MAX: usize = 16 << 20;

impl Commit {
    /// What it takes while it waits, about, in bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] where it is more than a store takes, or names a key twice.
    pub fn check(&self) -> Result<usize, StoreError> {
        let refuse = |why| Err(StoreError::Refused(why));
        if self.writes.len() > WRITES_MAX {
            return refuse("a commit of too many records");
        }
        if self.events.len() > EVENTS_MAX {
            return refuse("a commit of too many events");
        }
        let mut size = 256;
        if let Some(claim) = &self.claim {
            if claim.key.is_empty() || claim.key.len() > CLAIM_KEY_BYTES_MAX {
                return refuse("a claim's key has 1 to 512 bytes");
            }
            if claim.answer.len() > ANSWER_BYTES_MAX {
                return refuse("a claim's answer is too large");
            }
            size += claim.key.len() + claim.answer.len();
        }
        let mut keys = HashSet::with_capacity(self.writes.len());
        for write in &self.writes {
            let key = write.key.as_bytes();
            if key.is_empty() || key.len() > KEY_BYTES_MAX {
                return refuse("a key has 1 to 2,048 bytes");
            }
            if !keys.insert(key) {
                return refuse("a commit names a key twice");
            }
            size += key.len();
            if let Change::Put { value, .. } = &write.change {
                if value.len() > VALUE_BYTES_MAX {
                    return refuse("a value of more than 1 MiB");
                }
                size += value.len();
            }
        }
        if size > COMMIT_BYTES_MAX {
            return refuse("a commit of more than 16 MiB");
        }
        Ok(size + self.events.iter().map(|event| 256 + event.args.as_str().len()).sum::<usize>())
    }
}
