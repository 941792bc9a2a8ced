//! The group: shards, a hasher, policies, and the ways into its flights and out of them.
//! It does not wait.

pub(crate) mod close;
pub(crate) mod fence;
pub(crate) mod flight_ref;
pub(crate) mod follower;
mod forget;
mod inspect;
pub(crate) mod join;
pub(crate) mod leader;
pub(crate) mod waiter;

use alloc::vec::Vec;
use core::fmt;
use core::hash::{BuildHasher, Hasher};
use core::num::NonZeroU64;
use core::ops::Deref;
use core::time::Duration;

use crate::builder::Builder;
use crate::hasher::DefaultHashBuilder;
use crate::key::Key;
use crate::platform::sync::atomic::AtomicBool;
use crate::platform::sync::const_fn;
use crate::platform::wait::Signal;
use crate::policy::PanicPolicy;
use crate::table::shard::{JoinLimits, Shard, Storage};
use crate::table::slot::Id;

/// The space in which calls with equal keys share one execution.
///
/// A group keeps no values: a flight ends when its work does, and the next call starts
/// another. Put a cache in front of it if values should last.
///
/// | | |
/// |---|---|
/// | `K` | the key: what makes calls equal. It must contain everything that the work reads, the tenant and the user included: followers receive what the leader was allowed to see. |
/// | `V` | the value; each follower receives a clone, so make it cheap to clone (`Arc<T>`), and a large one is moved about: box it. |
/// | `S` | the hash builder. |
///
/// # Calls from inside the work
///
/// A call that would wait for the work that it is made from ends at once with
/// [`Reentrant`](crate::CallError::Reentrant) instead of waiting for itself: for the same key, or
/// through others (A calls B, B calls A), where one work is called or polled inside the other. So
/// does a call that a work makes as it is dropped, at its end, after a panic or before its end.
/// Works that wait for each other across tasks, or side by side in one, are not tracked, nor is
/// anything without the feature `std`. A work that itself drives an executor counts as being
/// around all that the executor polls: calls of other tasks for its key are refused there.
///
/// # Your code, and when it runs
///
/// | code | under a lock | may call the group | if it panics |
/// |---|---|---|---|
/// | the work, and its `Drop` | no | yes, but see above for its own key | see [`PanicPolicy`] |
/// | `Hash` of a key, the hash builder | no | yes | its own call ends; nothing is registered |
/// | the payload of a panic, and its `Drop` | no | yes | its second panic goes nowhere |
/// | `Clone` of a key, [`Key::into_key`] | no | yes | the same as for `Hash` |
/// | `Eq` of a key, [`Key::matches`] | the shard's | **no**: the thread waits for itself, or under `critical-section` panics; another group, yes | its own call ends; nothing is changed |
/// | `Drop` of a key | no | yes | the flight has ended or is given up; the caller who ended it loses its value |
/// | `Clone` and `Drop` of a value | no | yes | its own caller loses the value |
/// | wakers | event-listener's, of the flight | yes, but not come back to the flight | see [`Follower`](crate::Follower#what-wakers-may-do) |
///
/// In a batch a key that panics ends the batch: what it has claimed and not landed is handed
/// over.
///
/// It is `Send` and `Sync` where `K: Send + Sync` and `V: Send + Sync`; keys and values that are not can be
/// used on one thread.
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// use singleflight_core::Group;
///
/// let group: Group<String, usize> = Group::new();
/// let length = group.run("key", async || "value".len()).await?;
/// assert_eq!(length, 5);
/// assert_eq!(group.in_flight(), 0);
/// # Ok::<_, singleflight_core::CallError>(())
/// # }).unwrap();
/// ```
pub struct Group<K, V, S = DefaultHashBuilder> {
    /// The first shard. It stands apart so that a group of one is one block of memory.
    first: Shard<K, V>,
    /// The others. Their number is one less than a power of two: it is the mask.
    others: Vec<Shard<K, V>>,
    settings: Builder<K, V, S>,
    /// Set by `close`, after which an ended flight may be the last.
    pub(crate) closing: AtomicBool,
    /// Where those sleep who wait for the last flight to end.
    pub(crate) drained: Signal,
}

/// Whether a call will wait where it was made, or in a task or on a thread of its own.
#[derive(Clone, Copy)]
pub(crate) enum WaitsHere {
    Yes,
    No,
}

/// The lowest bit of a hash that chooses the shard. Well above the bits by which hashbrown
/// chooses the bucket and, with 2^16 shards, just below its top seven, the tag: sharding
/// on the tag doubles the cost of a lone call.
const SHARD_BITS_FROM: u32 = 41;

/// A hash times this has in its higher bits what the lower ones tell too: 2^32 over the golden
/// ratio, negated (Fibonacci hashing: Knuth, *The Art of Computer Programming*, 6.4).
///
/// A hash may be good as a whole and poor in a few of its bits. With one seed of foldhash in a
/// hundred, bits 41 to 44 take only some of their values for a thousand numbers in a row.
/// A constant that needed all 64 bits would be one more instruction.
const SPREAD: u64 = 0_u64.wrapping_sub(0x61c8_8647);

impl<K, V> Group<K, V> {
    /// Makes a group with the default hasher, shards and policies.
    ///
    /// Allocates the shards' locks (none with one shard), and no table until the group is used.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let users: Group<u64, String> = Group::new();
    /// let orders: Group<u64, u32> = Group::new();
    /// let _leader = users.join(7)?;
    /// assert!(matches!(orders.join(7)?, Joined::Leader(_)), "groups share nothing");
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[must_use = "a group coalesces nothing until it is used"]
    pub fn new() -> Self {
        Builder::new().build()
    }

    /// Starts to describe a group with other settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, PanicPolicy};
    ///
    /// let group: Group<u64, String> =
    ///     Group::builder().shards(1).panic_policy(PanicPolicy::HandOver).build();
    /// assert_eq!((group.shards(), group.panic_policy()), (1, PanicPolicy::HandOver));
    /// ```
    pub fn builder() -> Builder<K, V> {
        Builder::new()
    }
}

impl<K, V, S> Group<K, V, S> {
    /// Makes a group with a hash builder of the caller's. See [`Builder::hasher`] for what
    /// is asked of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::hash::{BuildHasher, RandomState};
    /// use singleflight_core::Group;
    ///
    /// let system = RandomState::new(); // for keys that come from the network
    /// let group: Group<String, u64, _> = Group::with_hasher(system.clone());
    /// assert_eq!(group.hasher().hash_one("key"), system.hash_one("key"));
    /// ```
    #[must_use = "a group coalesces nothing until it is used"]
    pub fn with_hasher(hasher: S) -> Self {
        Builder::with_hasher(hasher).build()
    }

    /// Returns the number of shards.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::builder().shards(3).build();
    /// assert_eq!(group.shards(), 4, "it is a power of two");
    /// ```
    pub fn shards(&self) -> usize {
        1 + self.others.len()
    }

    /// Returns what a panic in the work does to the followers.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, PanicPolicy};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// assert_eq!(group.panic_policy(), PanicPolicy::Share);
    /// let group: Group<u64, u64> = Group::builder().panic_policy(PanicPolicy::HandOver).build();
    /// assert_eq!(group.panic_policy(), PanicPolicy::HandOver);
    /// ```
    pub fn panic_policy(&self) -> PanicPolicy {
        self.settings.panic_policy
    }

    pub(crate) fn max_failures(&self) -> u32 {
        self.settings.max_failures
    }

    /// Returns the hash builder.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::hash::BuildHasher;
    /// use singleflight_core::{Group, SeededHashBuilder};
    ///
    /// let seeded = SeededHashBuilder::new(7);
    /// let group: Group<String, u64, _> = Group::with_hasher(seeded.clone());
    /// assert_eq!(group.hasher().hash_one("key"), seeded.hash_one("key"));
    /// ```
    pub fn hasher(&self) -> &S {
        &self.settings.hasher
    }

    /// Takes the storage of a group with a [fixed capacity](Builder::fixed_capacity) that was
    /// made by [`Builder::build_const`]; until then the group has two places and its flights
    /// have no followers. It allocates, once; for other groups, and later, it does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Builder, CallError, Group, Joined, SeededHashBuilder};
    ///
    /// static READINGS: Group<u8, u16, SeededHashBuilder> =
    ///     Builder::with_hasher(SeededHashBuilder::new(7)).fixed_capacity(4).build_const();
    ///
    /// let _leader = READINGS.join(1)?;
    /// assert_eq!(READINGS.join(1).err(), Some(CallError::Full), "no room for followers yet");
    /// READINGS.prepare();
    /// assert!(matches!(READINGS.join(1)?, Joined::Follower(_)));
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn prepare(&self) {
        if self.settings.is_fixed() {
            let storage = Storage::new(self.settings.capacity);
            drop(self.first.with(|table| table.install(storage)));
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Shard<K, V>> {
        core::iter::once(&self.first).chain(&self.others)
    }

    /// What a call of now is held to.
    #[inline]
    pub(crate) fn limits(&self, waits_here: WaitsHere) -> JoinLimits {
        let (first_new_id, oldest_joinable) = match self.settings.clock {
            None => (NonZeroU64::MIN, NonZeroU64::MIN),
            Some(now) => self.id_bounds(now),
        };
        JoinLimits {
            group: match waits_here {
                WaitsHere::Yes => self.address(),
                // No group is there, so no work can be inside of one of its flights.
                WaitsHere::No => 0,
            },
            first_new_id,
            oldest_joinable,
            max_followers: self.settings.max_followers,
        }
    }

    /// The group, as a number that tells it apart while it lives.
    #[inline]
    pub(crate) fn address(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    #[cold]
    #[inline(never)]
    fn id_bounds(&self, now: fn() -> u64) -> (NonZeroU64, NonZeroU64) {
        let now = now();
        let oldest = now.saturating_sub(self.settings.max_age);
        (Id::floor(now), Id::floor(oldest))
    }

    /// The lowest id that a flight can have and not be too old to be joined.
    pub(crate) fn horizon(&self) -> NonZeroU64 {
        self.settings
            .clock
            .map_or(NonZeroU64::MIN, |now| self.id_bounds(now).1)
    }

    pub(crate) fn tick(&self) -> Option<Duration> {
        self.settings.tick
    }

    /// The time, if the group has a clock.
    pub(crate) fn now(&self) -> Option<u64> {
        self.settings.clock.map(|now| now())
    }

    #[inline]
    pub(crate) fn shard(&self, hash: u64) -> &Shard<K, V> {
        let index =
            (hash.wrapping_mul(SPREAD) >> SHARD_BITS_FROM) as u32 as usize & self.others.len();
        // The highest index is out of bounds, and is the first shard.
        self.others.get(index).unwrap_or(&self.first)
    }
}

impl<K: Eq, V, S: BuildHasher> Group<K, V, S> {
    #[inline]
    pub(crate) fn hash<Q: Key<K, M>, M>(&self, key: &Q) -> u64 {
        let mut state = self.settings.hasher.build_hasher();
        key.hash_into(&mut state);
        state.finish()
    }
}

impl<K, V, S> Builder<K, V, S> {
    /// Makes the group. A fixed capacity is taken now.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Builder, Group};
    ///
    /// let settings = Builder::new().max_followers(8);
    /// let first: Group<u64, u64> = settings.clone().build();
    /// let second: Group<u64, u64> = settings.build();
    /// let _leader = first.join(7)?;
    /// assert_eq!((first.in_flight(), second.in_flight()), (1, 0), "two groups");
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[must_use = "a group coalesces nothing until it is used"]
    pub fn build(self) -> Group<K, V, S> {
        let mut group = self.build_const();
        if !group.settings.is_fixed() {
            let others = 1..group.settings.shards;
            group.others = others.map(|_| Shard::new(false)).collect();
        }
        group.prepare();
        group
    }

    const_fn! {
        /// Makes the group in a constant expression, for a `static`. It has one shard, whatever
        /// [`shards`](Self::shards) says, and allocates nothing: a group with a
        /// [fixed capacity](Self::fixed_capacity) takes it when [`Group::prepare`] is called.
        ///
        /// # Examples
        ///
        /// ```
        /// use singleflight_core::{Builder, Group, Joined, SeededHashBuilder};
        ///
        /// static READINGS: Group<u8, u16, SeededHashBuilder> =
        ///     Builder::with_hasher(SeededHashBuilder::new(7)).fixed_capacity(4).build_const();
        ///
        /// READINGS.prepare();
        /// let Joined::Leader(leader) = READINGS.join(1)? else { unreachable!("nobody else is here") };
    /// assert_eq!(leader.complete(42).value, 42);
        /// # Ok::<_, singleflight_core::CallError>(())
        /// ```
        #[must_use = "a group coalesces nothing until it is used"]
        pub const fn build_const(self) -> Group<K, V, S> {
            Group {
                first: Shard::new(self.is_fixed()),
                others: Vec::new(),
                settings: self,
                closing: AtomicBool::new(false),
                drained: Signal::new(),
            }
        }
    }
}

impl<K, V, S: Default> Default for Group<K, V, S> {
    fn default() -> Self {
        Self::with_hasher(S::default())
    }
}

impl<K, V, S> fmt::Debug for Group<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// A way to reach a group: `&Group`, `Arc<Group>`, any other pointer to one, or the group of a
/// front end.
///
/// Leaders and followers hold one until they end. It is implemented for everything that
/// dereferences to a group, and by [`front_end!`](crate::front_end!) for what that makes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no reference to a group",
    label = "expected `&Group`, `Arc<Group>`, or the group of a front end"
)]
pub trait GroupRef {
    /// The group's key.
    type Key;
    /// The group's value.
    type Value;
    /// The group's hash builder.
    type Hasher;

    /// Returns the group. Always the same one.
    fn group(&self) -> &Group<Self::Key, Self::Value, Self::Hasher>;
}

impl<K, V, S, G> GroupRef for G
where
    G: Deref<Target = Group<K, V, S>>,
{
    type Key = K;
    type Value = V;
    type Hasher = S;

    #[inline]
    fn group(&self) -> &Group<K, V, S> {
        self
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use foldhash::SharedSeed;
    use foldhash::fast::SeedableRandomState;

    use super::*;

    #[test]
    fn keys_are_spread_over_all_shards() {
        for shards in [1, 2, 16] {
            let builder = || Builder::<u64, ()>::new().shards(shards);
            assert_eq!(shards_of_a_thousand(&builder().build()), shards);

            // One of the seeds with which bits 41 to 44 are the same for all small numbers.
            let seed = SeedableRandomState::with_seed(7, &UNLUCKY);
            let group = builder().hasher(seed).build();
            assert_eq!(shards_of_a_thousand(&group), shards);
        }
    }

    static UNLUCKY: SharedSeed = SharedSeed::from_u64(10_029);

    fn shards_of_a_thousand<S: BuildHasher>(group: &Group<u64, (), S>) -> usize {
        let shard = |key| core::ptr::from_ref(group.shard(group.hash(&key)));
        (0..1_000).map(shard).collect::<BTreeSet<_>>().len()
    }
}
