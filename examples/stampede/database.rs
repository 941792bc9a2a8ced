//! The database: a real `SQLite` file, made on the first run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::failure::Failure;
use crate::ledger::{ROWS, Row};
use crate::stop::Stop;

/// Marks a file as ours ("sfsp"), so that no other database is written to.
const APPLICATION: u32 = 0x7366_7370;

/// What the rows are; raised when the formula or their number changes.
const VERSION: u32 = 1;

/// A database that is known to be complete.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
}

impl Database {
    /// Opens the database, and fills it if it is new. Returns `None` if stopped meanwhile.
    ///
    /// It is filled in one transaction: whoever is interrupted leaves an empty file, and two
    /// programs that start at once fill it once.
    pub(crate) fn open(path: &Path, stop: &Stop) -> Result<Option<Self>, Failure> {
        let refuse = |error: &dyn std::fmt::Display| {
            Failure::input(format_args!("--database {}: {error}", path.display()))
        };
        let database = Self { path: path.into() };
        let mut connection = Connection::open(path).map_err(|error| refuse(&error))?;
        let is_complete = connection
            .busy_timeout(Duration::from_secs(60))
            .and_then(|()| prepare(&mut connection, stop))
            .map_err(|error| refuse(&error))?;
        match is_complete {
            State::Complete => Ok(Some(database)),
            State::Stopped => Ok(None),
            State::Foreign => Err(refuse(&"a database of something else")),
        }
    }

    /// Opens a connection that only reads, and reads every row once: what the connection's
    /// page cache can hold, it holds.
    pub(crate) fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.pragma_update(None, "cache_size", -32_768)?;
        connection.query_row("SELECT sum(amount) FROM sale", (), |row| {
            row.get::<_, i64>(0)
        })?;
        Ok(connection)
    }
}

enum State {
    Complete,
    Stopped,
    Foreign,
}

fn prepare(connection: &mut Connection, stop: &Stop) -> rusqlite::Result<State> {
    if let Some(state) = look(connection)? {
        return Ok(state);
    }
    // Looked at again: another program may have filled it while this one waited.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(state) = look(&transaction)? {
        return Ok(state);
    }
    if fill(&transaction, stop)? {
        transaction.commit()?;
        Ok(State::Complete)
    } else {
        Ok(State::Stopped)
    }
}

/// Says what the database is, or `None` if it is empty.
fn look(connection: &Connection) -> rusqlite::Result<Option<State>> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
    let is_empty = || {
        connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", (), |row| {
            row.get(0)
        })
    };
    Ok(match (pragma("application_id")?, pragma("user_version")?) {
        (APPLICATION, VERSION) => Some(State::Complete),
        (0, 0) if is_empty()? => None,
        _ => Some(State::Foreign),
    })
}

/// Inserts the rows; returns whether it came to the end.
fn fill(transaction: &Transaction<'_>, stop: &Stop) -> rusqlite::Result<bool> {
    transaction.execute_batch(
        "CREATE TABLE sale (
            id INTEGER PRIMARY KEY,
            amount INTEGER NOT NULL,
            quantity INTEGER NOT NULL
        )",
    )?;
    let mut insert = transaction.prepare("INSERT INTO sale VALUES (?1, ?2, ?3)")?;
    for row in (1..=ROWS).map(Row::numbered) {
        if row.id % 1_000 == 0 && stop.is_asked() {
            return Ok(false);
        }
        insert.execute((row.id, row.amount, row.quantity))?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(true)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;
    use std::{env, fs};

    use rusqlite::Connection;

    use super::Database;
    use crate::stop::Stop;

    /// A folder for the files of tests, in cargo's target folder.
    pub(crate) fn folder() -> PathBuf {
        let folder = env::current_exe().unwrap().with_file_name("stampede-tests");
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// The database that tests share; the first that needs it fills it.
    pub(crate) fn shared() -> Database {
        let path = folder().join("shared.sqlite");
        Database::open(&path, &Stop::forever()).unwrap().unwrap()
    }

    #[test]
    fn filling_that_was_stopped_leaves_nothing_and_can_be_done_again() {
        let path = folder().join("stopped.sqlite");
        drop(fs::remove_file(&path));
        assert!(Database::open(&path, &Stop::already()).unwrap().is_none());
        let tables: u32 = Connection::open(&path)
            .and_then(|connection| {
                connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
            })
            .unwrap();
        assert_eq!(tables, 0);
        assert!(Database::open(&path, &Stop::forever()).unwrap().is_some());
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_is_not_ours_is_refused_and_left_alone() {
        let path = folder().join("foreign.sqlite");
        drop(fs::remove_file(&path));
        let foreign = Connection::open(&path).unwrap();
        foreign.execute_batch("CREATE TABLE theirs (id)").unwrap();
        let failure = Database::open(&path, &Stop::forever()).unwrap_err();
        assert!(failure.to_string().contains("foreign.sqlite"), "{failure}");
        assert_eq!(failure.code(), 2);
        fs::write(
            &path,
            "this is no database, and long enough to be taken for its header",
        )
        .unwrap();
        let failure = Database::open(&path, &Stop::forever()).unwrap_err();
        assert_eq!(failure.code(), 2);
        fs::remove_file(&path).unwrap();
    }
}
