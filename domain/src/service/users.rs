//! The user directory: what a backend tells Crier of its users, to be shown to others.
//!
//! A user has at most three profiles: one for the id as such, one as a customer and one as a vendor of
//! vendor-chat, whose ids are counted apart. The body's `userType` says which one is meant; without it,
//! it is the one for the id as such, which also stands in where a side has none of its own.
//!
//! The directory may be empty: then ids are taken on trust, as the sources do. It is filled by its first
//! profile; from then on an id without a profile names nobody.

mod fields;
mod new;
mod profile;

pub use fields::is_web_url;
pub use new::{NewProfile, NewStore};
pub use profile::{Profile, Store as VendorStore, UserView};

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    clock::Clock,
    error::Refusal,
    identity::{Person, UserId, UserType},
    store::{Commit, Expect, Key, Record, Scan, Store, StoreError, Write},
};

use super::Deps;

/// How often a profile is read again because another call wrote it in between.
const TRIES_MAX: usize = 8;

/// The layout of stored profiles: the first byte of each record.
const LAYOUT: u8 = 1;

/// The user directory.
#[derive(Debug)]
pub struct Users {
    store: Arc<dyn Store>,
    clock: Clock,
    /// Profiles are never removed, so once there is one, the store need not be asked again.
    filled: AtomicBool,
}

impl Users {
    /// The directory in this store.
    pub fn new(deps: &Deps) -> Self {
        Self::over(Arc::clone(&deps.store), deps.clock.clone())
    }

    /// The directory in this store, by this clock.
    pub fn over(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock, filled: AtomicBool::new(false) }
    }

    /// Whether the directory holds users, so that one who is not in it does not exist. Cheap.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn is_filled(&self) -> Result<bool, Refusal> {
        if self.filled.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let filled = !self.store.scan(Scan::of(Key::of(COLLECTION), 1)).await?.is_empty();
        if filled {
            self.filled.store(true, Ordering::Relaxed);
        }
        Ok(filled)
    }

    /// The profile of an id, whatever side it is on: the one for the id as such, else the customer's,
    /// else the vendor's.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn profile(&self, user: &UserId) -> Result<Option<Profile>, Refusal> {
        // In the order of the keys, which is the order wanted: "", "CUSTOMER", "VENDOR".
        let found = self.store.scan(Scan::of(of_user(user), 1)).await?;
        found.first().map(|(_, record)| read(record)).transpose()
    }

    /// The profile with exactly this `userType`, or with none.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn exactly(
        &self,
        user: &UserId,
        side: Option<UserType>,
    ) -> Result<Option<Profile>, Refusal> {
        let record = self.store.get(key(user, side)).await?;
        record.as_ref().map(read).transpose()
    }

    /// The profile of a person of vendor-chat: that of the side, else the one for the id as such.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn person(&self, person: &Person) -> Result<Option<Profile>, Refusal> {
        match self.exactly(&person.user, Some(person.side)).await? {
            Some(profile) => Ok(Some(profile)),
            None => self.exactly(&person.user, None).await,
        }
    }

    /// Whether an id may name somebody: it has a profile, or the directory is empty.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn may_exist(&self, user: &UserId) -> Result<bool, Refusal> {
        Ok(!self.is_filled().await? || self.profile(user).await?.is_some())
    }

    /// Writes a profile, in place of the one that there was of this id and `userType`.
    ///
    /// What the body leaves out is made by Crier where it is an `id` or a time: an `id` stays what it
    /// was, or follows from whom it names; `createdAt` stays what it was.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`] naming the field that does not fit the id or the side;
    /// [`Refusal::Unavailable`].
    pub async fn put(&self, user: &UserId, new: &NewProfile) -> Result<Profile, Refusal> {
        let key = key(user, new.user_type);
        for _ in 0..TRIES_MAX {
            let former = self.store.get(key.clone()).await?;
            let before = former.as_ref().map(read).transpose()?;
            let profile = new.to_profile(user, before.as_ref(), &self.clock.now())?;
            let write =
                Write::put(key.clone(), Expect::unchanged(former.as_ref()), written(&profile));
            let commit = Commit { writes: vec![write], ..Commit::default() };
            match self.store.commit(commit).await {
                Ok(_) => {
                    self.filled.store(true, Ordering::Relaxed);
                    return Ok(profile);
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::Unavailable { retry_after: std::time::Duration::from_secs(1) })
    }
}

const COLLECTION: &str = "users";

fn of_user(user: &UserId) -> Key {
    Key::of(COLLECTION).text(user.as_str())
}

fn key(user: &UserId, side: Option<UserType>) -> Key {
    of_user(user).text(side.map_or("", UserType::as_str))
}

fn written(profile: &Profile) -> Vec<u8> {
    let mut value = vec![LAYOUT];
    // Into memory, of a type whose keys are texts: neither can fail.
    let _ = serde_json::to_writer(&mut value, profile);
    value
}

fn read(record: &Record) -> Result<Profile, Refusal> {
    let profile = match record.value.split_first() {
        Some((&LAYOUT, json)) => serde_json::from_slice(json).ok(),
        _ => None,
    };
    profile.ok_or_else(|| StoreError::Damaged.into())
}
