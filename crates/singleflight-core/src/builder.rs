//! What a group is made with when the defaults do not fit. It does not know the group:
//! `build` stands with what it makes, in `group`.

use crate::hasher::DefaultHashBuilder;
use crate::policy::PanicPolicy;

/// The most shards a group can have.
const MOST_SHARDS: usize = 1 << 16;

/// How many shards a group has unless told otherwise: enough that two threads rarely
/// meet at one lock where there are threads, one where there are none.
const DEFAULT_SHARDS: usize = if cfg!(feature = "std") { 16 } else { 1 };

/// Makes a [`Group`](crate::Group) whose settings differ from the defaults.
///
/// # Examples
///
/// ```
/// use singleflight_core::{Builder, Group, PanicPolicy};
///
/// let group: Group<String, u64> = Builder::new()
///     .shards(4)
///     .panic_policy(PanicPolicy::HandOver)
///     .max_followers(1_000)
///     .build();
/// assert_eq!(group.shards(), 4);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder<S = DefaultHashBuilder> {
    pub(crate) hasher: S,
    pub(crate) shards: usize,
    pub(crate) panic_policy: PanicPolicy,
    pub(crate) max_followers: u32,
    pub(crate) max_failures: u32,
    pub(crate) clock: Option<fn() -> u64>,
    pub(crate) max_age: u64,
}

impl Builder {
    /// Starts from the defaults.
    pub fn new() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            shards: DEFAULT_SHARDS,
            panic_policy: PanicPolicy::default(),
            max_followers: u32::MAX,
            max_failures: u32::MAX,
            clock: None,
            max_age: u64::MAX,
        }
    }
}

impl<S> Builder<S> {
    /// Sets the hash builder.
    ///
    /// The shard is chosen by bits 41 to 56 of the hash and hashbrown uses the lowest and
    /// the highest bits, so a hasher must spread its entropy over all 64: an identity
    /// hash of small integers puts every key into one shard.
    pub fn hasher<T>(self, hasher: T) -> Builder<T> {
        Builder {
            hasher,
            shards: self.shards,
            panic_policy: self.panic_policy,
            max_followers: self.max_followers,
            max_failures: self.max_failures,
            clock: self.clock,
            max_age: self.max_age,
        }
    }

    /// Sets the number of shards, each a lock with its part of the keys.
    ///
    /// It is rounded up to a power of two and kept within 1 and 65,536. The default is 16
    /// with the feature `std`, on which threads block one another, and 1 without.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards.clamp(1, MOST_SHARDS).next_power_of_two();
        self
    }

    /// Sets what a panic in the work does to the followers.
    pub fn panic_policy(mut self, policy: PanicPolicy) -> Self {
        self.panic_policy = policy;
        self
    }

    /// Sets how many followers one flight may have. A call beyond that is refused at once
    /// with [`TooManyFollowers`](crate::CallError::TooManyFollowers). No limit by default.
    pub fn max_followers(mut self, most: u32) -> Self {
        self.max_followers = most;
        self
    }

    /// Sets after how many failed works in a row the error of a `try_run` is shared with
    /// those who wait, rather than kept while the next one tries. At least 1, which is what
    /// `run` does. No limit by default.
    pub fn max_failures(mut self, most: u32) -> Self {
        self.max_failures = most.max(1);
        self
    }

    /// Gives the group a clock, so that [`Group::flights`](crate::Group::flights) tells ages.
    /// It is read once in each call.
    ///
    /// `now` returns ticks that do not go back: of a millisecond at the finest, since only
    /// 2^43 of them are told apart (278 years of milliseconds), and fine enough that fewer than
    /// 500,000 flights start in one tick and shard, since more look younger than they are and
    /// outlive their age limit. Front ends have one: `milliseconds`.
    pub fn clock(mut self, now: fn() -> u64) -> Self {
        self.clock = Some(now);
        self
    }

    /// Sets the age, in ticks of `now`, beyond which a flight is not joined any more: one
    /// newcomer leads a successor and the others join that. Those who wait for the old flight
    /// still receive its value if it comes. So a leader that is stuck holds its key no longer
    /// than this, and a group of works that hang fills up with them.
    ///
    /// [`clock`](Self::clock) says what `now` must be.
    pub fn max_age(mut self, ticks: u64, now: fn() -> u64) -> Self {
        self.max_age = ticks;
        self.clock(now)
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}
