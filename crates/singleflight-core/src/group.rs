//! The group: shards, a hasher, policies, and what happens to a flight outside the lock.
//! It does not wait.

use alloc::vec::Vec;
use core::fmt;
use core::hash::{BuildHasher, Hasher};
use core::ops::Deref;

use crate::builder::Builder;
use crate::error::{CallError, LeaderPanicked};
use crate::flight::Flight;
use crate::hasher::DefaultHashBuilder;
use crate::key::Key;
use crate::listing::FlightInfo;
use crate::outcome::{Outcome, Role};
use crate::policy::PanicPolicy;
use crate::shard::{Departure, Entry, Shard, Table};
use crate::slot::{Id, Slot};
use crate::stats::Stats;
use crate::sync::seeded;

/// The space in which calls with equal keys share one execution.
///
/// A group keeps no values: a flight ends when its work does, and the next call starts
/// another. Put a cache in front of it if values should last.
///
/// | | |
/// |---|---|
/// | `K` | the key: what makes calls equal. It must contain everything that the work reads, the tenant and the user included: followers receive what the leader was allowed to see. |
/// | `V` | the value; each follower receives a clone, so make it cheap to clone (`Arc<T>`). |
/// | `S` | the hash builder. |
///
/// It is `Sync` where `K: Send` and `V: Send + Sync`; keys and values that are not can be
/// used on one thread.
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// use singleflight_core::Group;
///
/// let group: Group<String, usize> = Group::new();
/// let length = group.run("key", async || "value".len()).await;
/// assert_eq!(length, 5);
/// assert_eq!(group.in_flight(), 0);
/// # });
/// ```
pub struct Group<K, V, S = DefaultHashBuilder> {
    /// The first shard. It stands apart so that a group of one is one block of memory.
    first: Shard<K, V>,
    /// The others. Their number is one less than a power of two: it is the mask.
    others: Vec<Shard<K, V>>,
    hasher: S,
    panic_policy: PanicPolicy,
    max_followers: u32,
}

/// The lowest bit of a hash that chooses the shard. Well above the bits by which hashbrown
/// chooses the bucket and, with 2^16 shards, just below its top seven, the tag: sharding
/// on the tag doubles the cost of a lone call.
const SHARD_BITS_FROM: u32 = 41;

impl<K, V> Group<K, V> {
    /// Makes a group with the default hasher, shards and policies.
    ///
    /// Allocates the shards' locks (none with one shard), and no table until the group is used.
    #[must_use = "a group coalesces nothing until it is used"]
    pub fn new() -> Self {
        Builder::new().build()
    }
}

impl<K, V, S> Group<K, V, S> {
    /// Makes a group with a hash builder of the caller's. See [`Builder::hasher`] for what
    /// is asked of it.
    #[must_use = "a group coalesces nothing until it is used"]
    pub fn with_hasher(hasher: S) -> Self {
        Builder::new().hasher(hasher).build()
    }

    /// Returns the number of shards.
    pub fn shards(&self) -> usize {
        1 + self.others.len()
    }

    /// Returns what a panic in the work does to the followers.
    pub fn panic_policy(&self) -> PanicPolicy {
        self.panic_policy
    }

    /// Returns the hash builder.
    pub fn hasher(&self) -> &S {
        &self.hasher
    }

    /// Returns how many executions the group holds: flights that are led, vacant or landing,
    /// the forgotten ones included.
    ///
    /// Takes each shard's lock in turn: a sum over moments that are not the same.
    pub fn in_flight(&self) -> usize {
        self.all()
            .map(|shard| shard.with(|table| table.len()))
            .sum()
    }

    /// Returns what the group has done so far. Takes each shard's lock in turn.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for shard in self.all() {
            stats += shard.with(|table| table.stats());
        }
        stats
    }

    /// Lists what is in flight, for a person who debugs. In no order.
    ///
    /// Takes each shard's lock in turn. The keys are neither cloned nor printed under it:
    /// a key that is listed moves into an allocation that the listing and the flight share.
    pub fn flights(&self) -> Vec<FlightInfo<K>> {
        let mut flights = Vec::new();
        for shard in self.all() {
            shard.with(|table| {
                table.list(&mut flights, |slot| {
                    Some(FlightInfo {
                        key: slot.share_key()?,
                        followers: slot.followers() as usize,
                        vacant: slot
                            .shared
                            .as_ref()
                            .is_some_and(|flight| flight.is_vacant()),
                        forgotten: slot.is_forgotten(),
                    })
                });
            });
        }
        flights
    }

    /// Forgets every flight, as [`forget`](Self::forget) does for one; returns how many.
    ///
    /// Takes each shard's lock in turn: a flight that starts meanwhile may be missed.
    pub fn forget_all(&self) -> usize {
        self.all().map(|shard| shard.with(Table::forget_all)).sum()
    }

    fn all(&self) -> impl Iterator<Item = &Shard<K, V>> {
        core::iter::once(&self.first).chain(&self.others)
    }

    #[inline]
    fn shard(&self, hash: u64) -> &Shard<K, V> {
        let index = (hash >> SHARD_BITS_FROM) as u32 as usize & self.others.len();
        // Index 0 wraps to one that is out of bounds, and is the first.
        self.others
            .get(index.wrapping_sub(1))
            .unwrap_or(&self.first)
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a key comes in as it does to `run`"
)]
impl<K: Eq, V, S: BuildHasher> Group<K, V, S> {
    /// Lets the next call for `key` start afresh. Returns whether there was a flight to forget.
    ///
    /// The work goes on, and those who already wait receive its value; calls that come
    /// later do not join it, so two executions may overlap. Use it when what the work has
    /// read may have changed since.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, &str> = Group::new();
    /// let old = group.join(7).unwrap();
    /// assert!(group.forget(7));
    /// assert!(matches!(group.join(7), Ok(Joined::Leader(_))));
    /// assert!(!group.forget(8), "nothing was in flight");
    /// # drop(old);
    /// ```
    pub fn forget<Q: Key<K, M>, M>(&self, key: Q) -> bool {
        let hash = self.hash(&key);
        self.shard(hash)
            .with(|table| table.forget(hash, |known| key.matches(known), |_| true))
            .is_some()
    }

    /// Forgets the flight of `key` unless someone waits for it. Returns whether the next
    /// call will start afresh: true if the flight was forgotten or there was none, as in
    /// Go's internal `ForgetUnshared` (golang/go 54439).
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, &str> = Group::new();
    /// let leader = group.join(7).unwrap();
    /// let follower = group.join(7).unwrap();
    /// assert!(!group.forget_unshared(7), "a follower waits");
    /// drop(follower);
    /// assert!(group.forget_unshared(7));
    /// # drop(leader);
    /// ```
    pub fn forget_unshared<Q: Key<K, M>, M>(&self, key: Q) -> bool {
        let hash = self.hash(&key);
        self.shard(hash)
            .with(|table| {
                table.forget(
                    hash,
                    |known| key.matches(known),
                    |slot| slot.followers() == 0,
                )
            })
            .unwrap_or(true)
    }

    /// Returns how many callers wait for the flight of `key`, or `None` if there is no
    /// flight that a call could join.
    pub fn followers<Q: Key<K, M>, M>(&self, key: Q) -> Option<usize> {
        let hash = self.hash(&key);
        self.shard(hash)
            .with(|table| table.followers(hash, |known| key.matches(known)))
            .map(|followers| followers as usize)
    }

    #[inline]
    fn hash<Q: Key<K, M>, M>(&self, key: &Q) -> u64 {
        let mut state = self.hasher.build_hasher();
        key.hash_into(&mut state);
        state.finish()
    }

    /// Joins the flight of `key`, or starts one.
    ///
    /// A key that is not owned yet is made outside the lock: look, let go, make it, look
    /// again. What is not needed is dropped outside the lock.
    #[inline]
    pub(crate) fn enter<Q: Key<K, M>, M>(&self, key: Q) -> (u64, Entry<V>) {
        let hash = self.hash(&key);
        let shard = self.shard(hash);
        let most = self.max_followers;
        if !Q::OWNED {
            let followed = shard.with(|table| table.follow(hash, |known| key.matches(known), most));
            if let Some(entry) = followed {
                return (hash, entry);
            }
        }
        let mut key = Some(key.into_key());
        let entry = shard.with(|table| {
            match table.follow(hash, |known| key.as_ref() == Some(known), most) {
                Some(entry) => entry,
                None => match key.take() {
                    Some(key) => Entry::Leader(table.lead(hash, key)),
                    None => Entry::Refused,
                },
            }
        });
        (hash, entry)
    }
}

/// What becomes of a flight, outside the lock. None of it needs the key or the hasher.
impl<K, V, S> Group<K, V, S> {
    /// Lands a flight with its value and returns the leader's share.
    #[inline]
    pub(crate) fn land(&self, hash: u64, id: Id, value: V) -> Outcome<V>
    where
        V: Clone,
    {
        // P2: leaves the table before the result is handed out.
        let slot = self.shard(hash).with(|table| table.land(hash, id));
        match slot {
            Some(Slot {
                shared: Some(_), ..
            }) => Self::land_shared(slot, value),
            // P7: nobody came. The value is not touched, the key is dropped here.
            _ => Outcome::new(value, Role::Leader, 0),
        }
    }

    #[cold]
    #[inline(never)]
    fn land_shared(mut slot: Option<Slot<K, V>>, value: V) -> Outcome<V>
    where
        V: Clone,
    {
        let flight = slot.as_mut().and_then(|slot| slot.shared.take());
        match flight {
            Some(flight) if flight.followers() > 0 => {
                flight.land(Ok(value));
                Flight::share(flight, Role::Leader).expect("this flight landed with a value")
            }
            _ => Outcome::new(value, Role::Leader, 0),
        }
    }

    /// Ends a flight whose work panicked, as the group's policy has it.
    #[cold]
    pub(crate) fn land_panicked(&self, hash: u64, id: Id, message: &str) {
        match self.panic_policy {
            PanicPolicy::Share => {
                let slot = self.shard(hash).with(|table| table.land_panicked(hash, id));
                if let Some(slot) = slot {
                    Self::settle(slot, || LeaderPanicked::new(message).into());
                }
            }
            PanicPolicy::HandOver => self.abandon(hash, id),
        }
    }

    /// The leader is lost: hands the flight over, or ends it if there is nobody.
    #[cold]
    pub(crate) fn abandon(&self, hash: u64, id: Id) {
        let departure = self.shard(hash).with(|table| table.abandon(hash, id));
        Self::depart(departure);
    }

    /// A follower who is awake takes the flight over, if it is vacant.
    #[cold]
    pub(crate) fn claim(&self, hash: u64, id: Id) -> bool {
        self.shard(hash).with(|table| table.claim(hash, id))
    }

    /// A follower goes away without a result.
    pub(crate) fn leave(&self, hash: u64, id: Id, has_work: bool) {
        let departure = self
            .shard(hash)
            .with(|table| table.leave(hash, id, has_work));
        Self::depart(departure);
    }

    /// A follower turns out to have no work of its own.
    pub(crate) fn disarm(&self, hash: u64, id: Id) {
        let departure = self.shard(hash).with(|table| table.disarm(hash, id));
        Self::depart(departure);
    }

    fn depart(departure: Departure<K, V>) {
        match departure {
            Departure::Quiet => {}
            // P3: everyone is woken, and the first who is polled claims.
            Departure::Vacant(flight) => {
                if !seeded("silent-loss") {
                    flight.signal.notify_all();
                }
            }
            Departure::Ended(slot) => Self::settle(slot, || CallError::LeaderLost),
        }
    }

    /// Tells those who still wait for a slot that was taken out, then drops its key.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the slot ends here, and its key is dropped without the lock"
    )]
    fn settle(slot: Slot<K, V>, error: impl FnOnce() -> CallError) {
        if let Some(flight) = &slot.shared {
            if flight.followers() > 0 && !seeded("end-without-settling") {
                flight.land(Err(error()));
            }
        }
    }
}

impl<S> Builder<S> {
    /// Makes the group.
    #[must_use = "a group coalesces nothing until it is used"]
    pub fn build<K, V>(self) -> Group<K, V, S> {
        Group {
            first: Shard::new(),
            others: (1..self.shards).map(|_| Shard::new()).collect(),
            hasher: self.hasher,
            panic_policy: self.panic_policy,
            max_followers: self.max_followers,
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
            .field("shards", &self.shards())
            .field("panic_policy", &self.panic_policy)
            .field("max_followers", &self.max_followers)
            .finish_non_exhaustive()
    }
}

/// A way to reach a group: `&Group`, `Arc<Group>`, or any other pointer to one.
///
/// Leaders and followers hold one until they end. It is implemented for everything that
/// dereferences to a group and cannot be implemented otherwise.
pub trait Handle: Deref<Target = Group<Self::Key, Self::Value, Self::Hasher>> {
    /// The group's key.
    type Key;
    /// The group's value.
    type Value;
    /// The group's hash builder.
    type Hasher;
}

impl<K, V, S, G> Handle for G
where
    G: Deref<Target = Group<K, V, S>>,
{
    type Key = K;
    type Value = V;
    type Hasher = S;
}
