//! What a group is made with when the defaults do not fit. It does not know the group:
//! `build` stands with what it makes, in `group`.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use crate::hasher::DefaultHashBuilder;
use crate::policy::PanicPolicy;

/// The most shards a group can have.
const MOST_SHARDS: usize = 1 << 16;

/// How many shards a group has unless told otherwise: enough that two threads rarely
/// meet at one lock where there are threads, one where there are none.
const DEFAULT_SHARDS: usize = if cfg!(feature = "std") { 16 } else { 1 };

/// How many works in a row may fail before their error is shared: enough for a failure that was
/// one caller's own, and few enough for N callers of a work that always fails.
const MAX_FAILURES: u32 = 3;

/// Makes a [`Group`](crate::Group) whose settings differ from the defaults. `K` and `V` are those of
/// the group, and found by inference.
///
/// # Examples
///
/// ```
/// use singleflight_core::{Group, PanicPolicy};
///
/// let group: Group<String, u64> = Group::builder()
///     .shards(4)
///     .panic_policy(PanicPolicy::HandOver)
///     .max_followers(1_000)
///     .build();
/// assert_eq!(group.shards(), 4);
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder<K, V, S = DefaultHashBuilder> {
    pub(crate) hasher: S,
    pub(crate) shards: usize,
    pub(crate) panic_policy: PanicPolicy,
    pub(crate) max_followers: u32,
    pub(crate) max_failures: u32,
    pub(crate) clock: Option<fn() -> u64>,
    /// How long a tick of the clock is, where that is known.
    pub(crate) tick: Option<Duration>,
    pub(crate) max_age: u64,
    /// Of flights; the largest number stands for none.
    pub(crate) capacity: usize,
    marker: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Builder<K, V> {
    /// Starts from the defaults.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Builder, Group};
    ///
    /// let group: Group<String, u64> = Builder::new().shards(4).build();
    /// assert_eq!(group.shards(), 4);
    /// ```
    pub fn new() -> Self {
        Self::with_hasher(DefaultHashBuilder::default())
    }
}

impl<K, V, S> Builder<K, V, S> {
    /// Starts from the defaults, but for the [hash builder](Self::hasher). With the settings
    /// below and [`build_const`](Self::build_const) it makes a group in a constant expression.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::hash::BuildHasher;
    /// use singleflight_core::{Builder, Group, SeededHashBuilder};
    ///
    /// static READINGS: Group<u8, u16, SeededHashBuilder> =
    ///     Builder::with_hasher(SeededHashBuilder::new(7)).max_followers(8).build_const();
    ///
    /// let hash = SeededHashBuilder::new(7).hash_one(1_u8);
    /// assert_eq!(READINGS.hasher().hash_one(1_u8), hash);
    /// ```
    pub const fn with_hasher(hasher: S) -> Self {
        Self {
            hasher,
            shards: DEFAULT_SHARDS,
            panic_policy: PanicPolicy::Share,
            max_followers: u32::MAX,
            max_failures: MAX_FAILURES,
            clock: None,
            tick: None,
            max_age: u64::MAX,
            capacity: usize::MAX,
            marker: PhantomData,
        }
    }

    /// Sets the hash builder.
    ///
    /// The shard is chosen by bits 41 to 56 of the hash times a constant, which carries lower bits
    /// to them, and hashbrown uses the lowest and the highest bits as they are. So a hasher must
    /// spread its entropy over all 64, and may be weak in some of them: an identity hash of small
    /// integers puts every key into one shard.
    ///
    /// Keys with equal hashes are told apart by `Eq`. A call compares its key with each key in
    /// flight that has the same hash (twice, if the key is a borrow that has to be made into one),
    /// under the shard's lock; landing compares nothing. So a thousand keys in flight that all
    /// collide cost each call a thousand comparisons, and are otherwise served as any others.
    ///
    /// Equal keys must hash alike. Where they do not (a builder that draws a new seed for each
    /// hasher, a key that is changed while it is in flight) calls do not meet: each leads, is
    /// served, and leaves nothing behind, but a key runs several times at once, `forget` and
    /// `followers` may miss it, and a batch may miss what its own work returns.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::hash::{BuildHasher, RandomState};
    /// use singleflight_core::Group;
    ///
    /// let system = RandomState::new(); // for keys that come from the network
    /// let group: Group<String, u64, _> = Group::builder().hasher(system.clone()).build();
    /// assert_eq!(group.hasher().hash_one("key"), system.hash_one("key"));
    /// ```
    pub fn hasher<T>(self, hasher: T) -> Builder<K, V, T> {
        Builder {
            hasher,
            shards: self.shards,
            panic_policy: self.panic_policy,
            max_followers: self.max_followers,
            max_failures: self.max_failures,
            clock: self.clock,
            tick: self.tick,
            max_age: self.max_age,
            capacity: self.capacity,
            marker: PhantomData,
        }
    }

    /// Sets the number of shards, each a lock with its part of the keys.
    ///
    /// It is rounded up to a power of two and kept within 1 and 65,536. The default is 16
    /// with the feature `std`, on which threads block one another, and 1 without.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::builder().shards(5).build();
    /// assert_eq!(group.shards(), 8);
    /// ```
    pub const fn shards(mut self, shards: usize) -> Self {
        self.shards = if shards < MOST_SHARDS {
            shards.next_power_of_two()
        } else {
            MOST_SHARDS
        };
        self
    }

    /// Sets what a panic in the work does to the followers.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::panic::{AssertUnwindSafe, catch_unwind};
    /// use singleflight_core::{Group, Joined, PanicPolicy, Turn};
    ///
    /// let group: Group<u64, u64> = Group::builder().panic_policy(PanicPolicy::HandOver).build();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// let panics = || leader.lead_blocking(|| panic!("no route"));
    /// assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    /// assert!(matches!(follower.wait_blocking()?, Turn::Lead(_)));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub const fn panic_policy(mut self, policy: PanicPolicy) -> Self {
        self.panic_policy = policy;
        self
    }

    /// Sets how many followers one flight may have. A call beyond that is refused at once
    /// with [`TooManyFollowers`](crate::CallError::TooManyFollowers). No limit by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::builder().max_followers(1).build();
    /// let _leader = group.join(7)?;
    /// let _follower = group.join(7)?;
    /// assert_eq!(group.join(7).err(), Some(CallError::TooManyFollowers));
    /// # Ok::<_, CallError>(())
    /// ```
    pub const fn max_followers(mut self, most: u32) -> Self {
        self.max_followers = most;
        self
    }

    /// Sets after how many failed works in a row those who still wait, by whichever entry point,
    /// receive [`TooManyFailures`](crate::CallError::TooManyFailures), rather than that the next of
    /// them tries. At least 1; 3 by default. `u32::MAX` stands for no limit: N callers of a work
    /// that always fails then pay for N failures, one after another.
    ///
    /// What counts is an `Err` of `try_run` and the other `try_` verbs, a value that
    /// [`share_if`](crate::Call::share_if) refuses, a panic under
    /// [`PanicPolicy::HandOver`], and a key that a batch's work was given and did not return. They
    /// are counted in each flight. A leader that is lost between two failures is not counted, and
    /// does not end the row.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{CallError, Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::builder().max_failures(1).build();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// leader.fail(); // as `try_run` does with an `Err`
    /// let waited = follower.wait_blocking();
    /// assert_eq!(waited.err(), Some(CallError::TooManyFailures { failures: 1 }));
    /// # Ok::<_, CallError>(())
    /// ```
    pub const fn max_failures(mut self, most: u32) -> Self {
        self.max_failures = if most == 0 { 1 } else { most };
        self
    }

    /// Sets how many flights the group has places for, at least 2. Their storage is taken
    /// when the group is built and none later: keys, what the followers of a flight share,
    /// where they sleep. Without one, the default, the group grows and shrinks with its use.
    ///
    /// A call that finds no room is refused at once with [`Full`](crate::CallError::Full): it
    /// would start one flight too many, or be the first follower of a flight while followers of
    /// as many flights, ended ones included, have not taken their share yet. Such a group has
    /// one shard, whatever [`shards`](Self::shards) says.
    ///
    /// Building it panics or aborts, as `Vec::with_capacity` does, if there is not that much memory.
    ///
    /// A leader that has landed takes its own share after its followers were told, and is one of
    /// those who have not until it has; so is the task of a spawned call whose handle has gone, until
    /// it is polled. A follower that leaves gives back what it was the last to use.
    ///
    /// What callers bring, they still allocate: an owned key made from a borrow, a clone of the
    /// value. So do [`Group::flights`](crate::Group::flights), batches, spawned calls, the
    /// message of a panic, and a thread that blocks for the first time.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::builder().fixed_capacity(2).build();
    /// let _first = group.join(1)?;
    /// let _second = group.join(2)?;
    /// assert_eq!(group.join(3).err(), Some(CallError::Full));
    /// # Ok::<_, CallError>(())
    /// ```
    pub const fn fixed_capacity(mut self, flights: usize) -> Self {
        self.capacity = flights;
        self
    }

    pub(crate) const fn is_fixed(&self) -> bool {
        self.capacity != usize::MAX
    }

    /// Gives the group a clock, so that [`Group::flights`](crate::Group::flights) tells ages.
    /// It is read once in each call.
    ///
    /// `now` returns ticks that do not go back: of a millisecond at the finest, since only
    /// 2^43 of them are told apart (278 years of milliseconds), and fine enough that fewer than
    /// 500,000 flights start in one tick and shard, since more look younger than they are and
    /// outlive their age limit. Front ends bring their own clock, by their `max_age` and `tell_ages`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use singleflight_core::Group;
    ///
    /// static TICKS: AtomicU64 = AtomicU64::new(0); // a timer counts it up
    ///
    /// let group: Group<u64, u64> = Group::builder().clock(|| TICKS.load(Ordering::Relaxed)).build();
    /// let _leader = group.join(7)?;
    /// TICKS.store(5, Ordering::Relaxed);
    /// assert_eq!(group.flights()[0].age_in_ticks(), Some(5));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub const fn clock(mut self, now: fn() -> u64) -> Self {
        self.clock = Some(now);
        self
    }

    /// Tells how long a tick of the clock is, so that
    /// [`FlightInfo::age`](crate::FlightInfo::age) can be told as a duration.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use std::time::Duration;
    /// use singleflight_core::Group;
    ///
    /// static TICKS: AtomicU64 = AtomicU64::new(0); // a timer counts it up, each 10 ms
    ///
    /// let now = || TICKS.load(Ordering::Relaxed);
    /// let group: Group<u64, u64> =
    ///     Group::builder().clock(now).tick(Duration::from_millis(10)).build();
    /// let _leader = group.join(7)?;
    /// TICKS.store(5, Ordering::Relaxed);
    /// assert_eq!(group.flights()[0].age(), Some(Duration::from_millis(50)));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub const fn tick(mut self, length: Duration) -> Self {
        self.tick = Some(length);
        self
    }

    /// Sets the age, in ticks of `now`, beyond which a flight is not joined any more: one
    /// newcomer leads a successor and the others join that. Those who wait for the old flight
    /// still receive its value if it comes. So a leader that is stuck holds its key no longer
    /// than this, and a group of works that hang fills up with them.
    ///
    /// [`clock`](Self::clock) says what `now` must be.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use singleflight_core::{Group, Joined};
    ///
    /// static TICKS: AtomicU64 = AtomicU64::new(0); // a timer counts it up
    ///
    /// let group: Group<u64, u64> =
    ///     Group::builder().max_age(10, || TICKS.load(Ordering::Relaxed)).build();
    /// let _stuck = group.join(7)?;
    /// TICKS.store(10, Ordering::Relaxed);
    /// assert!(matches!(group.join(7)?, Joined::Follower(_)));
    /// TICKS.store(11, Ordering::Relaxed);
    /// assert!(matches!(group.join(7)?, Joined::Leader(_)), "the old flight is too old");
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub const fn max_age(mut self, ticks: u64, now: fn() -> u64) -> Self {
        self.max_age = ticks;
        self.clock(now)
    }
}

impl<K, V> Default for Builder<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V, S: Clone> Clone for Builder<K, V, S> {
    fn clone(&self) -> Self {
        Self {
            hasher: self.hasher.clone(),
            ..*self
        }
    }
}

impl<K, V, S> fmt::Debug for Builder<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The largest number stands for no limit.
        let limit = |most: u32| (most != u32::MAX).then_some(most);
        f.debug_struct("Builder")
            .field("shards", &self.shards)
            .field("panic_policy", &self.panic_policy)
            .field("max_followers", &limit(self.max_followers))
            .field("max_failures", &limit(self.max_failures))
            .field("capacity", &self.is_fixed().then_some(self.capacity))
            .finish_non_exhaustive()
    }
}
