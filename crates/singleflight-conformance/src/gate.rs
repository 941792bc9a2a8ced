//! What orders events: a door that opens once, for tasks and threads alike.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_lock::Semaphore;
use futures_lite::future::block_on;

/// How long anything may take before it is called a hang. Nothing waits this long unless it
/// is broken: events are ordered by gates, and no scenario depends on time.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A door that is closed until somebody opens it, and open for ever after.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// Makes a closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Opens the gate for everyone who waits and everyone who comes.
    pub fn open(&self) {
        self.0.add_permits(1);
    }

    /// Waits until the gate is open.
    pub async fn passed(&self) {
        // The permit is given back at once, so the next one passes too.
        drop(self.0.acquire().await);
    }

    /// Whether the gate is open.
    pub fn is_open(&self) -> bool {
        self.0.try_acquire().is_some()
    }

    /// Blocks the scenario's thread until the gate is open.
    ///
    /// # Panics
    ///
    /// After [`DEADLINE`], naming `what` did not happen.
    pub fn expect(&self, what: &str) {
        until(what, || self.is_open());
    }

    /// Blocks a thread of work until the gate is open.
    pub fn passed_blocking(&self) {
        block_on(self.passed());
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

/// Gives other threads their turn until `happened`, which some gate has made sure to come.
///
/// # Panics
///
/// After [`DEADLINE`], naming `what` did not happen.
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < DEADLINE, "hang: {what} did not happen");
        std::thread::yield_now();
    }
}
