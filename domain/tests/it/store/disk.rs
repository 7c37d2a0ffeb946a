//! A disk in memory that fails as disks do: no space, errors, power cut with only some of what was not
//! synced written, whole sectors of it, in no order.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redb::{Builder, Database, DatabaseError, StorageBackend};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What programs see.
    seen: Vec<u8>,
    /// What is left after a power cut, besides some of `unsynced`.
    kept: Vec<u8>,
    unsynced: Vec<Op>,
    syncs: usize,
    /// Operations until the power goes.
    left: Option<usize>,
    fault: Option<Fault>,
}

#[derive(Clone, Debug)]
enum Op {
    Length(usize),
    Write(usize, Vec<u8>),
}

/// What goes wrong, until it no longer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The file cannot become longer.
    Full,
    /// Nothing can be written.
    Writes,
    /// What was written does not reach the disk for sure.
    Syncs,
    /// Nothing can be read.
    Reads,
}

impl Disk {
    /// How to open a database on it.
    pub(crate) fn opener(
        &self,
    ) -> impl Fn(&mut Builder) -> Result<Database, DatabaseError> + Send + use<> {
        let disk = self.clone();
        move |builder| {
            // Small enough for reads to reach the disk.
            builder.set_cache_size(64 << 10);
            builder.create_with_backend(disk.clone())
        }
    }

    pub(crate) fn fail(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
    }

    /// Lets the power go in the middle of what is done after so many operations.
    pub(crate) fn cut_after(&self, operations: usize) {
        self.lock().left = Some(operations);
    }

    pub(crate) fn syncs(&self) -> usize {
        self.lock().syncs
    }

    /// What is found when the power comes back.
    pub(crate) fn after_power_cut(&self, random: &mut Random) -> Self {
        let state = self.lock();
        let mut kept = state.kept.clone();
        for op in &state.unsynced {
            match op {
                Op::Length(length) if random.below(2) == 0 => kept.resize(*length, 0),
                Op::Length(_) => {}
                Op::Write(at, bytes) => {
                    for (n, sector) in bytes.chunks(SECTOR).enumerate() {
                        if random.below(2) == 0 {
                            write(&mut kept, at + n * SECTOR, sector);
                        }
                    }
                }
            }
        }
        let state = State { seen: kept.clone(), kept, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes an operation, where the power is on.
    fn operate(&mut self, fails: &[Fault]) -> io::Result<()> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::other("no power"))?;
        }
        match self.fault {
            Some(Fault::Full) if fails.contains(&Fault::Full) => {
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            Some(fault) if fails.contains(&fault) => Err(io::Error::other("a bad disk")),
            _ => Ok(()),
        }
    }
}

fn write(image: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if image.len() < at + bytes.len() {
        image.resize(at + bytes.len(), 0);
    }
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.lock();
        state.operate(&[Fault::Reads])?;
        let at = offset as usize;
        let found = state.seen.get(at..at + out.len());
        out.copy_from_slice(found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.lock();
        let length = len as usize;
        let grows = length > state.seen.len();
        state.operate(if grows { &[Fault::Full, Fault::Writes] } else { &[Fault::Writes] })?;
        state.seen.resize(length, 0);
        state.unsynced.push(Op::Length(length));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.operate(&[Fault::Syncs])?;
        state.syncs += 1;
        for op in std::mem::take(&mut state.unsynced) {
            match op {
                Op::Length(length) => state.kept.resize(length, 0),
                Op::Write(at, bytes) => write(&mut state.kept, at, &bytes),
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        state.operate(&[Fault::Writes])?;
        write(&mut state.seen, offset as usize, data);
        state.unsynced.push(Op::Write(offset as usize, data.to_owned()));
        Ok(())
    }
}

/// SplitMix64: the same numbers from the same seed.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}
