//! The order in which things happened.

use std::sync::atomic::{AtomicU64, Ordering};

/// A moment of a round. No two events have the same one; zero is before all of them.
pub type Stamp = u64;

/// Under a sanitizer a stamp must not order what the group itself leaves unordered. The
/// processor's exchange keeps the stamps in their real order either way.
const ORDER: Ordering = if cfg!(feature = "relaxed") {
    Ordering::Relaxed
} else {
    Ordering::SeqCst
};

/// Gives each event of a round its moment: one counter for all threads, so an event that
/// ended before another began has the lower stamp.
#[derive(Debug)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(1))
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.0.fetch_add(1, ORDER)
    }
}
