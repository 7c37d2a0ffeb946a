//! Records that outlive the process: one small trait, written over by every service.
//!
//! ```text
//!   service ──▶ get, scan ──▶ decide ──▶ Commit { claim, writes on expected versions, events }
//!                  ▲                                   │ one atomic step
//!                  └── conflict: read again ◀──────────┴──▶ on disk, then the events in commit order
//! ```
//!
//! A record is bytes under a [`Key`]; keys are ordered, so that a collection is a range of keys. A
//! commit either happens whole, on disk before it is answered, or not at all. Its events go out after
//! it and in the order of the commits, so no client hears of what a crash takes back.

mod bounds;
pub(crate) mod checksum;
mod embedded;
mod key;
mod memory;

pub use bounds::{
    ANSWER_BYTES_MAX, CLAIM_KEY_BYTES_MAX, COMMIT_BYTES_MAX, EVENTS_MAX, KEY_BYTES_MAX,
    VALUE_BYTES_MAX, WRITES_MAX,
};
pub use embedded::{EmbeddedStore, OpenError};
pub use key::{Key, Parts};
pub use memory::MemoryStore;

use std::{fmt, future::Future, pin::Pin, time::Duration};

use bytes::Bytes;

use crate::publish::Publish;

/// A future of the object-safe [`Store`].
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Ordered records with atomic commits on expected versions.
///
/// # Cancel safety
///
/// Dropping the future of a commit leaves open whether it happened; a claim settles it.
pub trait Store: fmt::Debug + Send + Sync {
    /// The record under a key. An expired one is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] where it cannot be read, [`StoreError::Unavailable`].
    fn get(&self, key: Key) -> StoreFuture<'_, Option<Record>>;

    /// Records in the order of their keys, at most [`Scan::limit`], all as of one moment. Expired ones
    /// are left out, and so are damaged ones, which are logged: one bad record does not take its
    /// neighbours along. The answer is held in memory: ask for no more than is needed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn scan(&self, scan: Scan) -> StoreFuture<'_, Vec<(Key, Record)>>;

    /// Does all of it, or nothing. Claims come first, then expectations, in their order. Once it is
    /// answered it is on disk, every read sees it, and its events have been handed to the
    /// [`Outlet`](crate::Outlet). Bounds: [`WRITES_MAX`], [`VALUE_BYTES_MAX`], [`COMMIT_BYTES_MAX`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] where a record is not as expected, [`StoreError::Claimed`] where the
    /// claim's key belongs to something else; the others say that the store is not to be had.
    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed>;
}

/// A stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Grows with every commit of the store; never the same for two states of a key.
    pub version: u64,
    /// The value.
    pub value: Bytes,
}

/// A range of records: those under a prefix, between two bounds.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Keys that begin with this, itself apart.
    pub prefix: Key,
    /// Only keys above this one (it excluded).
    pub above: Option<Key>,
    /// Only keys below this one (it excluded).
    pub below: Option<Key>,
    /// From the last key to the first.
    pub backwards: bool,
    /// The most records to give.
    pub limit: usize,
}

impl Scan {
    /// The first `limit` records under a prefix.
    pub fn of(prefix: Key, limit: usize) -> Self {
        Self { prefix, above: None, below: None, backwards: false, limit }
    }

    /// From the last key to the first.
    #[must_use]
    pub fn backwards(mut self) -> Self {
        self.backwards = true;
        self
    }

    /// Only keys above this one.
    #[must_use]
    pub fn above(mut self, key: Key) -> Self {
        self.above = Some(key);
        self
    }

    /// Only keys below this one.
    #[must_use]
    pub fn below(mut self, key: Key) -> Self {
        self.below = Some(key);
        self
    }
}

/// Changes that happen together.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Where set, the commit is done once: a second one under the same claim is given the first
    /// one's answer and changes nothing.
    pub claim: Option<Claim>,
    /// What is expected and changed; a key at most once.
    pub writes: Vec<Write>,
    /// What goes to clients once the writes are on disk.
    pub events: Vec<Publish>,
}

/// Names a commit, so that its repetition is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who asked for what: the caller makes it unique for its scope. At most 512 bytes.
    pub key: String,
    /// SHA-256 of what was asked for; another one under the same key is [`StoreError::Claimed`].
    pub fingerprint: [u8; 32],
    /// What a repetition is given.
    pub answer: Bytes,
    /// Until when it is remembered, in milliseconds since 1970.
    pub expires_at: u64,
}

/// One record's part in a commit.
#[derive(Clone, Debug)]
pub struct Write {
    /// Which.
    pub key: Key,
    /// How it has to be for the commit to happen.
    pub expect: Expect,
    /// What becomes of it.
    pub change: Change,
}

/// What a commit expects of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    Anything,
    /// That there is none, or an expired one.
    Absent,
    /// That it has this version.
    Version(u64),
}

impl Expect {
    /// That the record is as it was read.
    pub fn unchanged(read: Option<&Record>) -> Self {
        read.map_or(Self::Absent, |record| Self::Version(record.version))
    }
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing: it is only expected.
    Keep,
    /// It is written.
    Put {
        /// The new value. At most 1 MiB.
        value: Bytes,
        /// When it ceases to be, in milliseconds since 1970.
        expires_at: Option<u64>,
    },
    /// It is removed, if it is there.
    Delete,
}

impl Write {
    /// Expects without changing.
    pub fn check(key: Key, expect: Expect) -> Self {
        Self { key, expect, change: Change::Keep }
    }

    /// Writes a value for good.
    pub fn put(key: Key, expect: Expect, value: impl Into<Bytes>) -> Self {
        Self { key, expect, change: Change::Put { value: value.into(), expires_at: None } }
    }

    /// Writes a value that ceases to be.
    pub fn put_until(key: Key, expect: Expect, value: impl Into<Bytes>, expires_at: u64) -> Self {
        let change = Change::Put { value: value.into(), expires_at: Some(expires_at) };
        Self { key, expect, change }
    }

    /// Removes a record.
    pub fn delete(key: Key, expect: Expect) -> Self {
        Self { key, expect, change: Change::Delete }
    }
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It was done, and its records have this version.
    Done {
        /// Of every record that it wrote.
        version: u64,
    },
    /// It had been done before, under the same claim; nothing was changed now.
    Repeated {
        /// The answer of that time.
        answer: Bytes,
    },
}

/// Why the store did not do it. Nothing was changed; only where the disk failed on the way of a commit,
/// [`StoreError::Unavailable`] may be the answer to one that proves done later, which a claim settles.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A record is not as expected: read again, decide again.
    #[error("the record was changed in the meantime")]
    Conflict {
        /// Which.
        key: Key,
    },
    /// The claim's key was used for something else.
    #[error("the id was used for something else")]
    Claimed,
    /// The commit is larger than the store takes, or names a key twice: a fault of ours.
    #[error("{0}")]
    Refused(&'static str),
    /// The store cannot be reached, or has no room now.
    #[error("the store is unavailable")]
    Unavailable {
        /// When a next try makes sense.
        retry_after: Duration,
    },
    /// What is stored cannot be read. It is left as it is, and logged.
    #[error("a stored record is damaged")]
    Damaged,
}
