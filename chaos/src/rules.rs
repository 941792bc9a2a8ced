//! What differs from round to round.

use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;

/// The settings of one round: of the group, and of those who call it. Drawn from the seed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rules {
    /// A panic hands the flight over, instead of being told.
    pub panics_hand_over: bool,
    /// How many followers a flight may have.
    pub max_followers: Option<u32>,
    /// After how many failures in a row those who wait are told, instead of trying.
    pub max_failures: Option<u32>,
    /// Flights that were there when [`ticks`] was raised by more than this are too old.
    pub max_age: Option<u64>,
    /// In how many parts the table is split.
    pub shards: usize,
    /// Keys below this are hot.
    pub hot_keys: u64,
    /// How many calls of a thousand are for a hot key.
    pub hot_share: u32,
    /// How many calls of a thousand are given up half way.
    pub lost_share: u32,
    /// How many works of a thousand panic.
    pub panic_share: u32,
    /// How many works of a thousand fail.
    pub fault_share: u32,
    /// How many works of a thousand make what is their caller's own, of calls that say so.
    pub private_share: u32,
    /// How many steps of a thousand are a `forget`. Zero in every second round: there, no
    /// two executions of a key may ever overlap.
    pub forget_share: u32,
    /// How many steps of a thousand are a call for many keys.
    pub batch_share: u32,
    /// The group is closed before the round ends. In every third round.
    pub closes: bool,
}

impl Rules {
    /// Draws the settings of a round.
    pub(crate) fn draw(seed: u64, round: u64) -> Self {
        let mut rng = Rng::with_seed(mixed(seed, round));
        let forgets = round % 2 == 1;
        Self {
            panics_hand_over: rng.u32(..3) == 0,
            max_followers: (rng.u32(..4) == 0).then(|| rng.u32(1..6)),
            max_failures: rng.bool().then(|| rng.u32(1..4)),
            max_age: (forgets && rng.bool()).then_some(10),
            shards: 1 << rng.u32(..5),
            hot_keys: rng.u64(1..5),
            hot_share: rng.u32(300..900),
            lost_share: rng.u32(10..200),
            panic_share: rng.u32(5..60),
            fault_share: rng.u32(5..100),
            private_share: rng.u32(100..500),
            forget_share: if forgets { rng.u32(2..30) } else { 0 },
            batch_share: if rng.u32(..4) == 0 {
                250
            } else {
                rng.u32(5..30)
            },
            closes: round % 3 == 2,
        }
    }
}

/// Makes a seed of its own for part of what has a seed.
pub(crate) fn mixed(seed: u64, part: u64) -> u64 {
    Rng::with_seed(seed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15)).u64(..)
}

static TICKS: AtomicU64 = AtomicU64::new(1);

/// The clock of a group with an age limit. It stands still until somebody makes all flights
/// too old at once, so that age is an event like any other.
pub fn ticks() -> u64 {
    TICKS.load(Ordering::Relaxed)
}

/// Makes every flight too old that is there now.
pub(crate) fn outlive(max_age: u64) {
    TICKS.fetch_add(max_age + 1, Ordering::Relaxed);
}
