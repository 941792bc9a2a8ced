//! What stands behind the cache: a real `SQLite` file with one table.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, OptionalExtension};

pub(crate) type User = Arc<str>;
pub(crate) type Failure = rusqlite::Error;

pub(crate) struct Database {
    connection: Mutex<Connection>,
    queries: AtomicUsize,
}

impl Database {
    pub(crate) fn open(path: &Path) -> Result<Arc<Self>, Failure> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "DROP TABLE IF EXISTS user;
             CREATE TABLE user (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             INSERT INTO user VALUES (1, 'Ada'), (2, 'Grace')",
        )?;
        let queries = AtomicUsize::new(0);
        Ok(Arc::new(Self {
            connection: Mutex::new(connection),
            queries,
        }))
    }

    pub(crate) async fn user(self: &Arc<Self>, id: u64) -> Result<Option<User>, Failure> {
        let query = move |connection: &Connection| {
            let mut select = connection.prepare_cached("SELECT name FROM user WHERE id = ?1")?;
            select.query_row([id], |row| row.get(0)).optional()
        };
        self.queries.fetch_add(1, Ordering::Relaxed);
        self.run(query).await
    }

    pub(crate) async fn rename(self: &Arc<Self>, id: u64, name: &str) -> Result<usize, Failure> {
        let name = name.to_owned();
        let update = "UPDATE user SET name = ?2 WHERE id = ?1";
        self.run(move |connection| connection.execute(update, (id, name)))
            .await
    }

    pub(crate) fn queries(&self) -> usize {
        self.queries.load(Ordering::Relaxed)
    }

    /// Runs what blocks where it may.
    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let database = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            work(&database.connection.lock().expect("a query does not panic"))
        });
        done.await.expect("a query does not panic")
    }
}
