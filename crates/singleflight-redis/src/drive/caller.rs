//! What a caller brings along to Redis.

use std::sync::atomic::AtomicBool;

use crate::key::Slot;

/// A call's key and work, and where their ends are put.
pub(crate) struct Call<'a, W, E> {
    pub(crate) slot: &'a Slot,
    /// Taken when it runs.
    pub(crate) work: &'a mut Option<W>,
    /// Where the work's error is put.
    pub(crate) error: &'a mut Option<E>,
    /// Set while the work runs: its time is its own.
    pub(crate) leads: &'a AtomicBool,
    /// Whether it waits for another process.
    pub(crate) waits: bool,
}
