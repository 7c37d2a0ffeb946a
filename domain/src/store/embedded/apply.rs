//! Several commits in one transaction of the file.

use redb::{Database, Durability, ReadableTable, Table, WriteTransaction};

use super::{
    row::{ClaimRow, RecordRow},
    schema::{CLAIMS, EXPIRY, META, OF_CLAIM, OF_RECORD, RECORDS, VERSION},
    view::View,
};
use crate::store::{Change, Claim, Commit, Committed, Expect, StoreError, Write};

/// What became of one commit.
pub(super) type Outcome = Result<Committed, StoreError>;

/// What became of a transaction.
#[derive(Debug)]
pub(super) struct Applied {
    /// One for each commit, in their order.
    pub(super) outcomes: Vec<Outcome>,
    /// The version in the file afterwards.
    pub(super) version: u64,
}

/// Why the file was not changed, or may not have been.
#[derive(Debug)]
pub(super) enum Fault {
    /// It was not.
    Before(redb::Error),
    /// It failed on the way to the disk, and either all of it is there or nothing.
    InDoubt(redb::Error, Applied),
}

impl<E: Into<redb::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Before(error.into())
    }
}

/// Expired rows that are removed at once.
const SWEEP: usize = 1_024;

/// Does the commits one after the other, each on what the ones before it have done, and brings it all to
/// the disk; one that is refused leaves no trace. With `sweep`, also removes some of what has expired.
pub(super) fn apply<'a>(
    database: &Database,
    commits: impl Iterator<Item = &'a Commit>,
    now: u64,
    sweep: bool,
    view: &View,
) -> Result<Applied, Fault> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    let mut tables = Tables::open(&transaction, now, view)?;
    let before = tables.version;
    let mut outcomes = Vec::new();
    for commit in commits {
        outcomes.push(tables.commit(commit)?);
    }
    let swept = if sweep { tables.sweep()? } else { 0 };
    let version = tables.version;
    let changed = version != before;
    if changed {
        tables.meta.insert(VERSION, version)?;
    }
    drop(tables);
    let applied = Applied { outcomes, version };
    if !changed && swept == 0 {
        transaction.abort()?;
        return Ok(applied);
    }
    match transaction.commit() {
        Ok(()) => Ok(applied),
        Err(error) => Err(Fault::InDoubt(error.into(), applied)),
    }
}

struct Tables<'txn> {
    meta: Table<'txn, &'static str, u64>,
    records: Table<'txn, &'static [u8], &'static [u8]>,
    claims: Table<'txn, &'static str, &'static [u8]>,
    expiry: Table<'txn, (u64, u8, &'static [u8]), ()>,
    version: u64,
    now: u64,
    view: &'txn View,
}

impl<'txn> Tables<'txn> {
    fn open(
        transaction: &'txn WriteTransaction,
        now: u64,
        view: &'txn View,
    ) -> Result<Self, redb::Error> {
        let meta = transaction.open_table(META)?;
        let version = meta.get(VERSION)?.map_or(0, |version| version.value());
        Ok(Self {
            meta,
            records: transaction.open_table(RECORDS)?,
            claims: transaction.open_table(CLAIMS)?,
            expiry: transaction.open_table(EXPIRY)?,
            version,
            now,
            view,
        })
    }

    /// Looks at everything first, so that a refusal comes before the first change.
    fn commit(&mut self, commit: &Commit) -> Result<Outcome, redb::Error> {
        if let Some(claim) = &commit.claim
            && let Some(known) = self.known(claim)?
        {
            return Ok(known);
        }
        for write in &commit.writes {
            if let Err(refused) = self.expect(write)? {
                return Ok(Err(refused));
            }
        }
        self.version += 1;
        for write in &commit.writes {
            self.change(write)?;
        }
        if let Some(claim) = &commit.claim {
            self.remember(claim)?;
        }
        Ok(Ok(Committed::Done { version: self.version }))
    }

    /// What a claim's key stands for already, if for anything.
    fn known(&self, claim: &Claim) -> Result<Option<Outcome>, redb::Error> {
        let Some(row) = self.claims.get(claim.key.as_str())? else {
            return Ok(None);
        };
        let Ok(known) = ClaimRow::decode(claim.key.as_bytes(), row.value()) else {
            self.view.tell_damaged(claim.key.as_bytes());
            return Ok(Some(Err(StoreError::Damaged)));
        };
        if known.expires_at <= self.now {
            return Ok(None);
        }
        let same = *known.fingerprint == claim.fingerprint;
        let answer = || known.answer.to_owned().into();
        Ok(Some(if same {
            Ok(Committed::Repeated { answer: answer() })
        } else {
            Err(StoreError::Claimed)
        }))
    }

    fn expect(&self, write: &Write) -> Result<Result<(), StoreError>, redb::Error> {
        // Overwriting is also how a damaged record is mended.
        if write.expect == Expect::Anything {
            return Ok(Ok(()));
        }
        let key = write.key.as_bytes();
        let version = match self.records.get(key)? {
            None => None,
            Some(row) => match RecordRow::decode(key, row.value()) {
                Ok(row) => row.is_live(self.now).then_some(row.version),
                Err(_) => {
                    self.view.tell_damaged(key);
                    return Ok(Err(StoreError::Damaged));
                }
            },
        };
        let met = match write.expect {
            Expect::Anything => true,
            Expect::Absent => version.is_none(),
            Expect::Version(expected) => version == Some(expected),
        };
        Ok(if met { Ok(()) } else { Err(StoreError::Conflict { key: write.key.clone() }) })
    }

    fn change(&mut self, write: &Write) -> Result<(), redb::Error> {
        let key = write.key.as_bytes();
        let old = match &write.change {
            Change::Keep => return Ok(()),
            Change::Put { value, expires_at } => {
                let row = RecordRow { version: self.version, expires_at: *expires_at, value };
                let old = self.records.insert(key, row.encode(key).as_slice())?;
                old.and_then(|old| expiry_of(key, old.value()))
            }
            Change::Delete => self.records.remove(key)?.and_then(|old| expiry_of(key, old.value())),
        };
        if let Some(at) = old {
            self.expiry.remove((at, OF_RECORD, key))?;
        }
        if let Change::Put { expires_at: Some(at), .. } = &write.change {
            self.expiry.insert((*at, OF_RECORD, key), ())?;
        }
        Ok(())
    }

    fn remember(&mut self, claim: &Claim) -> Result<(), redb::Error> {
        let key = claim.key.as_bytes();
        let row = ClaimRow {
            expires_at: claim.expires_at,
            fingerprint: &claim.fingerprint,
            answer: &claim.answer,
        };
        self.claims.insert(claim.key.as_str(), row.encode(key).as_slice())?;
        self.expiry.insert((claim.expires_at, OF_CLAIM, key), ())?;
        Ok(())
    }

    /// Removes some of what has expired; how many entries there were.
    fn sweep(&mut self) -> Result<usize, redb::Error> {
        let behind: (u64, u8, &[u8]) = (self.now.saturating_add(1), 0, &[]);
        let mut due = Vec::new();
        for entry in self.expiry.range(..behind)?.take(SWEEP) {
            let (entry, _) = entry?;
            let (at, of, key) = entry.value();
            due.push((at, of, key.to_owned()));
        }
        for (at, of, key) in &due {
            self.expiry.remove((*at, *of, key.as_slice()))?;
            // Only where the row is still the one that the entry was made for.
            if *of == OF_RECORD {
                let row = self.records.get(key.as_slice())?;
                let expires = row.and_then(|row| expiry_of(key, row.value()));
                if expires == Some(*at) {
                    self.records.remove(key.as_slice())?;
                }
            } else if let Ok(text) = std::str::from_utf8(key) {
                let row = self.claims.get(text)?;
                let expires = row.and_then(|row| {
                    ClaimRow::decode(key, row.value()).ok().map(|claim| claim.expires_at)
                });
                if expires == Some(*at) {
                    self.claims.remove(text)?;
                }
            }
        }
        Ok(due.len())
    }
}

fn expiry_of(key: &[u8], row: &[u8]) -> Option<u64> {
    RecordRow::decode(key, row).ok().and_then(|row| row.expires_at)
}
