//! Opening the file, the first time and again.

use std::{
    cell::Cell,
    fmt,
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use redb::{Builder, Database, DatabaseError, StorageError};

use super::schema::{self, SchemaError};

/// What the file's name ends with while it is being made.
const UNFINISHED: &str = ".new";

/// Bytes of the file that are kept in memory at most, besides what the system caches by itself.
const CACHE_BYTES: usize = 64 << 20;

/// Why a store cannot be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made, or the file in it cannot be read and written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The folder or the file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another process has it.
    #[error("{}: another process is using this folder", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// The file is of a newer or unknown version, of another program, or damaged.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// A sentence.
        reason: String,
    },
}

/// Where the database is, to be opened as often as it takes.
pub(super) struct Source {
    folder: PathBuf,
    /// Its name in the folder.
    name: String,
    open: Open,
}

type Open = Box<dyn Fn(&mut Builder) -> Result<Database, DatabaseError> + Send>;

impl Source {
    /// A file in a folder; both are made if they are not there.
    pub(super) fn folder(folder: &Path, name: &str) -> Result<Self, OpenError> {
        let failed = |error| OpenError::Io { path: folder.to_owned(), error };
        make_private(folder).map_err(failed)?;
        let file = folder.join(name);
        let open = move |builder: &mut Builder| builder.create(&file);
        let source =
            Self { folder: folder.to_owned(), name: name.to_owned(), open: Box::new(open) };
        source.make_file()?;
        Ok(source)
    }

    /// Makes the file where there is none. It gets its name once it is whole and on the disk: a file
    /// whose making was cut short is none that could be opened again.
    fn make_file(&self) -> Result<(), OpenError> {
        let file = self.file();
        let unfinished = self.folder.join(format!("{}{UNFINISHED}", self.name));
        let failed = |error| OpenError::Io { path: file.clone(), error };
        let folder = File::open(&self.folder).map_err(failed)?;
        // Only one process makes it. A file system without locks has one process all the same.
        if let Err(TryLockError::WouldBlock) = folder.try_lock() {
            return Err(OpenError::Locked { folder: self.folder.clone() });
        }
        if file.try_exists().map_err(failed)? {
            return Ok(());
        }
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let database = Builder::new().create(&unfinished).map_err(|error| self.explain(error))?;
        self.prepare(&database)?;
        drop(database);
        std::fs::rename(&unfinished, &file).and_then(|()| folder.sync_all()).map_err(failed)
    }

    /// Anything that redb can be opened on; `name` is for messages.
    pub(super) fn custom(
        name: &str,
        open: impl Fn(&mut Builder) -> Result<Database, DatabaseError> + Send + 'static,
    ) -> Self {
        Self { folder: PathBuf::from(name), name: "crier.redb".to_owned(), open: Box::new(open) }
    }

    pub(super) fn open(&self) -> Result<Database, OpenError> {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        let told = Cell::new(false);
        builder.set_repair_callback(move |_| {
            if !told.replace(true) {
                tracing::warn!("the store was not closed the last time; its file is being checked");
            }
        });
        let database = (self.open)(&mut builder).map_err(|error| self.explain(error))?;
        self.prepare(&database)?;
        Ok(database)
    }

    fn prepare(&self, database: &Database) -> Result<(), OpenError> {
        schema::prepare(database).map_err(|error| match error {
            SchemaError::Database(redb::Error::Io(error)) => {
                OpenError::Io { path: self.file(), error }
            }
            other => self.unusable(other.to_string()),
        })
    }

    fn explain(&self, error: DatabaseError) -> OpenError {
        match error {
            DatabaseError::DatabaseAlreadyOpen => OpenError::Locked { folder: self.folder.clone() },
            // What redb says of a file that is none of its own.
            DatabaseError::Storage(StorageError::Io(error))
                if error.kind() == io::ErrorKind::InvalidData =>
            {
                self.unusable(error.to_string())
            }
            DatabaseError::Storage(StorageError::Io(error)) => {
                OpenError::Io { path: self.file(), error }
            }
            other => self.unusable(other.to_string()),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    pub(super) fn unusable(&self, reason: String) -> OpenError {
        OpenError::Unusable { path: self.file(), reason }
    }
}

/// Makes a folder for the eyes of its owner: what is in it is not for every user of the machine.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("folder", &self.folder).finish_non_exhaustive()
    }
}
