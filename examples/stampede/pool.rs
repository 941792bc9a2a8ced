//! A bounded pool of connections: where queries are run, and counted.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use smol::future::block_on;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::database::Database;
use crate::failure::Failure;
use crate::ledger::{Ledger, Sales};

/// Connections to the database. Cheaply cloned; clones share the connections.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    idle: Arc<Mutex<Vec<Connection>>>,
    /// One for each idle connection. Tokio's semaphore, because it works on every executor
    /// and serves in the order of arrival: who waits longest is next, and no latency is due
    /// to an unfair queue.
    permits: Arc<Semaphore>,
    ledger: Arc<Ledger>,
    queries: Arc<AtomicU64>,
}

impl Pool {
    /// Opens `connections` fresh ones, each warmed alike.
    pub(crate) fn open(
        database: &Database,
        connections: u32,
        ledger: &Arc<Ledger>,
    ) -> Result<Self, Failure> {
        let idle: Vec<_> = (0..connections)
            .map(|_| database.connect())
            .collect::<rusqlite::Result<_>>()
            .map_err(|error| Failure::service(format_args!("cannot query: {error}")))?;
        Ok(Self {
            permits: Arc::new(Semaphore::new(idle.len())),
            idle: Arc::new(Mutex::new(idle)),
            ledger: Arc::clone(ledger),
            queries: Arc::default(),
        })
    }

    /// Waits for a connection, in a task.
    pub(crate) async fn take(&self) -> Result<Lease, QueryFailed> {
        let permit = Arc::clone(&self.permits).acquire_owned().await?;
        Ok(Lease {
            connection: self.with(Vec::pop),
            pool: self.clone(),
            _permit: permit,
        })
    }

    /// Waits for a connection, parking the thread.
    pub(crate) fn take_blocking(&self) -> Result<Lease, QueryFailed> {
        block_on(self.take())
    }

    /// Returns how many queries have reached the database.
    pub(crate) fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// Turns away everyone who waits for a connection, now and later.
    pub(crate) fn close(&self) {
        self.permits.close();
    }

    fn with<R>(&self, f: impl FnOnce(&mut Vec<Connection>) -> R) -> R {
        // A push or a pop leaves the list whole even if it panics.
        f(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A connection that is in use, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Option<Connection>,
    pool: Pool,
    /// Given back after the connection: fields are dropped after `drop`.
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Runs the query for a key, blocking the thread, and gives the connection back.
    pub(crate) fn query(self, key: &str) -> Result<Sales, QueryFailed> {
        let connection = self
            .connection
            .as_ref()
            .expect("there is a connection for each permit");
        let range = self.pool.ledger.range(key);
        let mut select = connection.prepare_cached(
            "SELECT count(*), sum(amount * quantity) FROM sale WHERE id BETWEEN ?1 AND ?2",
        )?;
        self.pool.queries.fetch_add(1, Ordering::Relaxed);
        let sales = select.query_row((range.start(), range.end()), |row| {
            Ok(Sales {
                rows: row.get(0)?,
                total: row.get(1)?,
            })
        })?;
        Ok(sales)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.with(|idle| idle.push(connection));
        }
    }
}

/// Why a query has no result: a text, because followers receive a clone.
#[derive(Clone, Debug)]
pub(crate) struct QueryFailed(Arc<str>);

impl<E: std::error::Error> From<E> for QueryFailed {
    fn from(error: E) -> Self {
        Self(error.to_string().into())
    }
}

impl fmt::Display for QueryFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
