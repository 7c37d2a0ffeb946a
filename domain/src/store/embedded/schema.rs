//! The tables of the file, its version, and how older files become newer ones.

use redb::{Database, Durability, ReadableDatabase, TableDefinition, TableError, WriteTransaction};

/// Numbers about the file: see [`LAYOUT`] and [`VERSION`].
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// [`Key`](crate::store::Key) to record row.
pub(super) const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
/// A claim's key to claim row.
pub(super) const CLAIMS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("claims");
/// What ceases to be, by its time: (milliseconds, [`OF_RECORD`] or [`OF_CLAIM`], key).
pub(super) const EXPIRY: TableDefinition<'_, (u64, u8, &[u8]), ()> = TableDefinition::new("expiry");

/// The layout's number, in [`META`].
pub(super) const LAYOUT: &str = "layout";
/// The version of the last commit, in [`META`].
pub(super) const VERSION: &str = "version";

pub(super) const OF_RECORD: u8 = 0;
pub(super) const OF_CLAIM: u8 = 1;

/// The layout that this program writes.
const NEWEST: u64 = 1;

/// What leads from each older layout to the next one, in order; the last one leads to [`NEWEST`].
/// A change of the tables above is a row here.
const MIGRATIONS: &[Migration] = &[];

/// One step from an older layout to a newer one.
#[derive(Clone, Copy)]
struct Migration {
    from: u64,
    to: u64,
    run: fn(&WriteTransaction) -> Result<(), redb::Error>,
}

/// Why a file is not one that this program writes to. It was left as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("its layout is {found}, and this version knows up to {known}: start a newer version")]
    Newer { found: u64, known: u64 },
    #[error("its layout is {found}, and nothing leads from there to {known}")]
    Unknown { found: u64, known: u64 },
    #[error("it is the file of another program")]
    Foreign,
    #[error(transparent)]
    Database(#[from] redb::Error),
}

/// Makes the tables of a new file, and brings an older one up to date in one transaction.
pub(super) fn prepare(database: &Database) -> Result<(), SchemaError> {
    bring_to(database, NEWEST, MIGRATIONS)
}

/// The version of the last commit in the file.
pub(super) fn last_version(database: &Database) -> Result<u64, redb::Error> {
    let meta = database.begin_read()?.open_table(META)?;
    Ok(meta.get(VERSION)?.map_or(0, |version| version.value()))
}

fn bring_to(database: &Database, newest: u64, migrations: &[Migration]) -> Result<(), SchemaError> {
    let mut layout = match layout(database)? {
        Some(found) if found == newest => return Ok(()),
        Some(found) if found > newest => {
            return Err(SchemaError::Newer { found, known: newest });
        }
        Some(found) => found,
        None => return create(database, newest),
    };
    let unknown = SchemaError::Unknown { found: layout, known: newest };
    let mut transaction = database.begin_write().map_err(redb::Error::from)?;
    transaction.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
    while layout != newest {
        let Some(step) = migrations.iter().find(|step| step.from == layout) else {
            return Err(unknown);
        };
        tracing::info!(from = step.from, to = step.to, "the store's file gets a newer layout");
        (step.run)(&transaction)?;
        layout = step.to;
    }
    set_layout(&transaction, newest)?;
    transaction.commit().map_err(redb::Error::from)?;
    Ok(())
}

/// The layout's number; `None` of an empty file.
fn layout(database: &Database) -> Result<Option<u64>, SchemaError> {
    let read = database.begin_read().map_err(redb::Error::from)?;
    let meta = match read.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => {
            let mut others = read.list_tables().map_err(redb::Error::from)?;
            return if others.next().is_none() { Ok(None) } else { Err(SchemaError::Foreign) };
        }
        Err(TableError::Storage(error)) => return Err(SchemaError::Database(error.into())),
        Err(_) => return Err(SchemaError::Foreign),
    };
    let layout = meta.get(LAYOUT).map_err(redb::Error::from)?;
    layout.map(|layout| Some(layout.value())).ok_or(SchemaError::Foreign)
}

fn create(database: &Database, layout: u64) -> Result<(), SchemaError> {
    let make = || -> Result<(), redb::Error> {
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        transaction.open_table(RECORDS)?;
        transaction.open_table(CLAIMS)?;
        transaction.open_table(EXPIRY)?;
        set_layout(&transaction, layout)?;
        transaction.commit()?;
        Ok(())
    };
    Ok(make()?)
}

fn set_layout(transaction: &WriteTransaction, layout: u64) -> Result<(), redb::Error> {
    transaction.open_table(META)?.insert(LAYOUT, layout)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use redb::{ReadableTable, backends::InMemoryBackend};

    use super::*;

    const OLD: TableDefinition<'_, &str, u64> = TableDefinition::new("old");

    /// A file of layout 3, which had its numbers in a table of another name.
    fn older() -> Database {
        let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(OLD).unwrap().insert("version", 41).unwrap();
        set_layout(&transaction, 3).unwrap();
        transaction.commit().unwrap();
        database
    }

    const THREE_TO_FOUR: Migration = Migration {
        from: 3,
        to: 4,
        run: |transaction| {
            let old = transaction.open_table(OLD)?;
            let version = old.get("version")?.map_or(0, |version| version.value());
            transaction.open_table(META)?.insert(VERSION, version)?;
            Ok(())
        },
    };
    const FOUR_TO_FIVE: Migration = Migration {
        from: 4,
        to: 5,
        run: |transaction| {
            transaction.delete_table(OLD)?;
            Ok(())
        },
    };
    const FOUR_TO_FAILURE: Migration =
        Migration { from: 4, to: 5, run: |_| Err(redb::Error::Corrupted("on the way".to_owned())) };

    #[test]
    fn an_older_file_takes_every_step_to_the_newest_layout() {
        let database = older();
        bring_to(&database, 5, &[THREE_TO_FOUR, FOUR_TO_FIVE]).unwrap();
        assert_eq!(layout(&database).unwrap(), Some(5));
        assert_eq!(last_version(&database).unwrap(), 41);
        assert!(database.begin_read().unwrap().open_table(OLD).is_err());
    }

    #[test]
    fn a_migration_that_fails_half_way_changes_nothing() {
        let database = older();
        let failed = bring_to(&database, 5, &[THREE_TO_FOUR, FOUR_TO_FAILURE]);
        assert!(matches!(failed, Err(SchemaError::Database(_))), "{failed:?}");
        assert_eq!(layout(&database).unwrap(), Some(3));
        assert_eq!(last_version(&database).unwrap(), 0);
    }

    #[test]
    fn a_newer_or_unknown_layout_is_refused_and_left_as_it_is() {
        let database = older();
        let newer = bring_to(&database, 2, &[]);
        assert!(matches!(newer, Err(SchemaError::Newer { found: 3, known: 2 })), "{newer:?}");
        let unknown = bring_to(&database, 5, &[FOUR_TO_FIVE]);
        assert!(matches!(unknown, Err(SchemaError::Unknown { found: 3, known: 5 })), "{unknown:?}");
        assert_eq!(layout(&database).unwrap(), Some(3));
    }

    #[test]
    fn the_file_of_another_program_is_refused() {
        let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(OLD).unwrap();
        transaction.commit().unwrap();
        assert!(matches!(prepare(&database), Err(SchemaError::Foreign)));
    }

    #[test]
    fn the_list_leads_from_every_layout_to_the_newest() {
        for step in MIGRATIONS {
            assert!(step.to > step.from);
            let next = MIGRATIONS.iter().any(|other| other.from == step.to);
            assert!(next || step.to == NEWEST, "{} leads nowhere", step.to);
        }
    }
}
