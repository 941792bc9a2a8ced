//! Random numbers: for the identities of entries, from which their jitter comes, and for early
//! refreshes. Not for secrets.

use core::sync::atomic::{AtomicUsize, Ordering};

/// A sequence of numbers that differs with its seed: splitmix64 (Steele, Lea and Flood, 2014).
#[derive(Debug)]
pub(crate) struct Random {
    seed: u64,
    drawn: AtomicUsize,
}

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        let drawn = AtomicUsize::new(0);
        Self { seed, drawn }
    }

    /// Draws the next number.
    pub(crate) fn draw(&self) -> u64 {
        // Only the count has to be unique; it guards nothing.
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed) as u64;
        let number = self
            .seed
            .wrapping_add(drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}
