//! The lease from its holder's side: a token, and how long it is surely held.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::engine::{Engine, Id};
use crate::seeds::planted;

/// What the work is given: the fencing token, and whether the lease is still held.
#[derive(Clone, Debug)]
pub struct Lease {
    token: Option<u64>,
    /// Nanoseconds of the engine's clock. Zero if it was lost, or there is none.
    held_until: Arc<AtomicU64>,
    clock: Arc<dyn Engine>,
}

impl Lease {
    pub(crate) fn new(token: Option<u64>, clock: Arc<dyn Engine>) -> Self {
        Self {
            token,
            held_until: Arc::default(),
            clock,
        }
    }

    /// Tells newer executions from older ones: of two that landed one after another, the later has
    /// the higher. A store that refuses lower tokens is safe even where a lease is lost. None for a
    /// work that runs without a lease.
    ///
    /// It is the server's time in microseconds, so it can go back with that clock, and after a
    /// failover. A version column in the database beats every token.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let write = async |lease: Lease| {
    ///     // UPDATE reports SET body = $1, token = $2 WHERE token < $2
    ///     format!("made with token {:?}", lease.token())
    /// };
    /// reports.run("today", write).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn token(&self) -> Option<u64> {
        self.token
    }

    /// Whether no other process can have taken over yet, by this process's own clock and with a
    /// tenth of the lease to spare. False for a work that runs without a lease.
    ///
    /// It does not see a server that was flushed, restarted or failed over, nor a `forget`
    /// elsewhere, before the next renewal.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let send = async |lease: Lease| {
    ///     for part in ["one", "two"] {
    ///         if !lease.held() {
    ///             return format!("stopped before {part}");
    ///         }
    ///     }
    ///     "sent".to_owned()
    /// };
    /// reports.run("today", send).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn held(&self) -> bool {
        nanos(self.clock.now()) < self.held_until.load(Ordering::Relaxed)
    }

    pub(crate) fn hold_until(&self, until: Duration) {
        self.held_until.store(nanos(until), Ordering::Relaxed);
    }
}

fn nanos(at: Duration) -> u64 {
    u64::try_from(at.as_nanos()).unwrap_or(u64::MAX)
}

/// Sixty-four bits that nobody else has: the standard library seeds its hashers by the system.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A new id: as good as random on every machine, and for each process a counter.
pub(crate) fn new_id() -> Id {
    static PROCESS: LazyLock<u64> = LazyLock::new(random);
    static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(random()));
    let next = if planted("token-per-process") {
        0
    } else {
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
    (u128::from(*PROCESS) << 64 | u128::from(next)).to_le_bytes()
}
