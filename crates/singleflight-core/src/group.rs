//! The group: shards, a hasher, policies, and what happens to a flight outside the lock.
//! It does not wait.

use alloc::vec::Vec;
use core::fmt;
use core::hash::{BuildHasher, Hasher};
use core::num::NonZeroU64;
use core::ops::Deref;

use crate::builder::Builder;
use crate::error::{CallError, LeaderPanicked};
use crate::hasher::DefaultHashBuilder;
use crate::inside;
use crate::key::Key;
use crate::outcome::{Outcome, Role};
use crate::policy::{PanicPolicy, catch};
use crate::shard::{Departure, Entry, Shard, Storage, Terms};
use crate::shared::Shared;
use crate::slot::{Id, Slot};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{const_fn, seeded};
use crate::trace::{FlightSpan, Link};
use crate::wait::Signal;
use crate::waiter_kind::{HasKind, KindCell, Tether};

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
/// [`Reentrant`](CallError::Reentrant) instead of waiting for itself: for the same key, or
/// through others (A calls B, B calls A), where one work is called or polled inside the other. So
/// does a call that a work makes as it is dropped, at its end, after a panic or before its end.
/// Works that wait for each other across tasks, or side by side in one, are not noticed, nor is
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
    settings: Builder<S>,
    /// Set by `close`, after which an ended flight may be the last.
    pub(crate) closing: AtomicBool,
    /// Where those sleep who wait for the last flight to end.
    pub(crate) drained: Signal,
}

/// Where a call will wait.
#[derive(Clone, Copy)]
pub(crate) enum Origin {
    /// Where it was made.
    Here,
    /// In a task or on a thread of its own.
    Elsewhere,
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
        self.settings.panic_policy
    }

    /// Returns the hash builder.
    pub fn hasher(&self) -> &S {
        &self.settings.hasher
    }

    /// Takes the storage of a group with a [fixed capacity](Builder::fixed_capacity) that was
    /// made by [`Builder::build_const`]; until then the group has two places and its flights
    /// have no followers. It allocates, once; for other groups, and later, it does nothing.
    pub fn prepare(&self) {
        if self.settings.is_fixed() {
            let storage = Storage::new(self.settings.capacity);
            drop(self.first.with(|table| table.furnish(storage)));
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Shard<K, V>> {
        core::iter::once(&self.first).chain(&self.others)
    }

    /// What a call of now is held to.
    #[inline]
    fn terms(&self, origin: Origin) -> Terms {
        let (floor, horizon) = match self.settings.clock {
            None => (NonZeroU64::MIN, NonZeroU64::MIN),
            Some(now) => self.moment(now),
        };
        Terms {
            group: match origin {
                Origin::Here => self.address(),
                // No group is there, so no work can be inside of one of its flights.
                Origin::Elsewhere => 0,
            },
            floor,
            horizon,
            most: self.settings.max_followers,
        }
    }

    /// The group, as a number that tells it apart while it lives.
    #[inline]
    pub(crate) fn address(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    #[cold]
    #[inline(never)]
    fn moment(&self, now: fn() -> u64) -> (NonZeroU64, NonZeroU64) {
        let now = now();
        let oldest = now.saturating_sub(self.settings.max_age);
        (Id::floor(now), Id::floor(oldest))
    }

    /// The lowest id that a flight can have and not be too old to be joined.
    pub(crate) fn horizon(&self) -> NonZeroU64 {
        self.settings
            .clock
            .map_or(NonZeroU64::MIN, |now| self.moment(now).1)
    }

    /// The time, if the group has a clock.
    pub(crate) fn now(&self) -> Option<u64> {
        self.settings.clock.map(|now| now())
    }

    #[inline]
    pub(crate) fn shard(&self, hash: u64) -> &Shard<K, V> {
        let index = (hash >> SHARD_BITS_FROM) as u32 as usize & self.others.len();
        // Index 0 wraps to one that is out of bounds, and is the first.
        self.others
            .get(index.wrapping_sub(1))
            .unwrap_or(&self.first)
    }
}

impl<K: Eq, V, S: BuildHasher> Group<K, V, S> {
    #[inline]
    pub(crate) fn hash<Q: Key<K, M>, M>(&self, key: &Q) -> u64 {
        let mut state = self.settings.hasher.build_hasher();
        key.hash_into(&mut state);
        state.finish()
    }

    /// Joins the flight of `key`, or starts one.
    ///
    /// A key that is not owned yet is made outside the lock: look, let go, make it, look
    /// again. A key that was not needed is returned: its `Drop` may panic, and by then the
    /// entry must be in the hands of somebody who gives it up.
    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub(crate) fn enter<Q: Key<K, M>, M>(
        &self,
        key: Q,
        origin: Origin,
    ) -> (u64, Entry<V>, Option<K>) {
        let hash = self.hash(&key);
        let shard = self.shard(hash);
        let terms = self.terms(origin);
        if !Q::OWNED {
            let followed =
                shard.with(|table| table.follow(hash, |known| key.matches(known), &terms));
            if let Some(entry) = followed {
                return (hash, entry, None);
            }
        }
        let mut key = Some(key.into_key());
        let entry = shard.with(|table| table.enter(hash, &mut key, &terms));
        (hash, entry, key)
    }
}

impl<K: Eq, V, S: BuildHasher> Group<K, V, S> {
    /// As [`enter`](Self::enter), for a call that is cancelled when nobody wants it: its handle is
    /// registered with it. Where the call leads, its flight's shared part comes with it.
    pub(crate) fn enter_with_handle<Q: Key<K, M>, M>(
        &self,
        key: Q,
        origin: Origin,
    ) -> (u64, Entry<V>, Shared<V>, Option<K>) {
        let hash = self.hash(&key);
        let shard = self.shard(hash);
        let terms = self.terms(origin);
        let mut made = None;
        let followed = shard.with(|table| {
            let entry = table.follow(hash, |known| key.matches(known), &terms)?;
            Some(table.enter_with_handle(hash, entry, &mut made))
        });
        let (entry, flight) = followed.unwrap_or_else(|| {
            made = Some(key.into_key());
            shard.with(|table| {
                let entry = table.enter(hash, &mut made, &terms);
                table.enter_with_handle(hash, entry, &mut made)
            })
        });
        (hash, entry, flight, made)
    }
}

/// The same in two steps, for a batch, which hashes its keys once and clones them by itself.
impl<K: Eq, V, S> Group<K, V, S> {
    /// Joins the flight of a key, if there is one.
    #[inline]
    pub(crate) fn follow_hashed(&self, hash: u64, key: &K) -> Option<Entry<V>> {
        let terms = self.terms(Origin::Here);
        let shard = self.shard(hash);
        shard.with(|table| table.follow(hash, |known| known == key, &terms))
    }

    /// Joins the flight of a key, or starts one, which takes the key. The key must be there.
    #[inline]
    pub(crate) fn enter_hashed(&self, hash: u64, key: &mut Option<K>) -> Entry<V> {
        let terms = self.terms(Origin::Here);
        let shard = self.shard(hash);
        shard.with(|table| table.enter(hash, key, &terms))
    }
}

/// What becomes of a flight, outside the lock. None of it needs the key or the hasher.
impl<K, V, S> Group<K, V, S> {
    /// Lands a flight with its value and returns the leader's share.
    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub(crate) fn land(&self, hash: u64, id: Id, value: V, span: &FlightSpan) -> Outcome<V>
    where
        V: Clone,
    {
        // P2: leaves the table before the result is handed out.
        let slot = self.shard(hash).with(|table| table.land(hash, id));
        match slot {
            Some(slot) if slot.shared.is_some() => self.land_shared(slot, value, span),
            // P7: nobody came. The value is not touched, the key is dropped here.
            _ => {
                self.ended();
                Outcome::new(value, Role::Leader, 0)
            }
        }
    }

    /// As [`land`](Self::land), and puts the leader's share where it is wanted: a batch has many of
    /// them, and moving each costs more than making it.
    #[inline]
    pub(crate) fn land_and(
        &self,
        hash: u64,
        id: Id,
        value: V,
        span: &FlightSpan,
        put: impl FnOnce(Outcome<V>),
    ) where
        V: Clone,
    {
        // P2: leaves the table before the result is handed out.
        let slot = self.shard(hash).with(|table| table.land(hash, id));
        match slot {
            Some(slot) if slot.shared.is_some() => put(self.land_shared(slot, value, span)),
            _ => {
                self.ended();
                put(Outcome::new(value, Role::Leader, 0));
            }
        }
    }

    /// Followers come first: what runs after them is other people's code, and may panic.
    #[cold]
    #[inline(never)]
    fn land_shared(&self, mut slot: Slot<K, V>, value: V, span: &FlightSpan) -> Outcome<V>
    where
        V: Clone,
    {
        let flight = slot.shared.take();
        let followers = flight.followers();
        if followers == 0 {
            // P7: an heir has to know that the work is done, and needs no value.
            self.land_without_value(&flight, CallError::TaskLost, Link::NONE);
            return Outcome::new(value, Role::Leader, 0);
        }
        self.tell(|| flight.land(Ok(value), span.link()));
        // First of all that is left to do, so that what they share is soon free.
        let share = flight.share(Role::Leader);
        span.landed(followers as usize);
        share.expect("this flight landed with a value")
    }

    fn land_without_value(&self, flight: &Shared<V>, error: CallError, link: Link) {
        self.tell(|| {
            if flight.is_awaited() && !seeded("end-without-settling") {
                flight.land(Err(error), link);
            }
        });
    }

    /// Ends a flight by `land`, which runs wakers: if one of them panics, those who drain the
    /// group are told all the same.
    fn tell(&self, land: impl FnOnce()) {
        let landed = catch(|| inside::outside(land));
        self.ended();
        if let Err(panic) = landed {
            panic.resume();
        }
    }

    /// Ends a flight whose work panicked, as the group's policy has it.
    #[cold]
    pub(crate) fn land_panicked(&self, hash: u64, id: Id, message: &str, span: &FlightSpan) {
        let error = || LeaderPanicked::new(message).into();
        match self.settings.panic_policy {
            PanicPolicy::Share => {
                let slot = self.shard(hash).with(|table| table.land_panicked(hash, id));
                if let Some(slot) = slot {
                    self.settle(slot, error, span.link());
                }
            }
            PanicPolicy::HandOver => {
                let shard = self.shard(hash);
                match shard.with(|table| table.abandon_panicked(hash, id)) {
                    // Those who are left cannot lead: they receive what there is to know.
                    Departure::Ended(slot) => self.settle(slot, error, span.link()),
                    departure => self.depart(departure),
                }
            }
        }
    }

    /// The work failed and its error is its caller's own, unless nobody else can or may try.
    #[cold]
    pub(crate) fn keep(&self, hash: u64, id: Id, value: V, span: &FlightSpan) -> Outcome<V>
    where
        V: Clone,
    {
        let most = self.settings.max_failures;
        match self.shard(hash).with(|table| table.fail(hash, id, most)) {
            Departure::Failed(slot) => self.land_shared(slot, value, span),
            departure => {
                self.depart(departure);
                Outcome::new(value, Role::Leader, 0)
            }
        }
    }

    /// A flight has left the table. If the group is closing, it may have been the last.
    ///
    /// Pairs with the looks in `drained`: the closing is stored before the table is looked
    /// at under its lock, and this load comes after the slot was taken out under that lock.
    #[inline]
    fn ended(&self) {
        if self.closing.load(Ordering::Relaxed) && !seeded("silent-end") {
            self.tell_drained();
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_drained(&self) {
        inside::outside(|| self.drained.notify_all());
    }

    /// The leader is lost: hands the flight over, or ends it if there is nobody.
    #[cold]
    pub(crate) fn abandon(&self, hash: u64, id: Id) {
        let departure = self.shard(hash).with(|table| table.abandon(hash, id));
        self.depart(departure);
    }

    /// Whether newcomers no longer join a flight.
    pub(crate) fn is_closed_to_newcomers(&self, hash: u64, id: Id) -> bool {
        let horizon = self.horizon();
        self.shard(hash)
            .with(|table| table.is_closed_to_newcomers(hash, id, horizon))
    }

    /// Whether a flight has neither ended nor is ending.
    pub(crate) fn has(&self, hash: u64, id: Id) -> bool {
        self.shard(hash).with(|table| table.has(hash, id))
    }

    /// A follower who is awake takes the flight over, if it is vacant. Of a spawned call, says
    /// whether its handle `wants` it.
    #[cold]
    pub(crate) fn claim(&self, hash: u64, id: Id, waiter: &impl HasKind, wants: bool) -> bool {
        self.shard(hash)
            .with(|table| table.claim(hash, id, waiter, wants))
    }

    /// The leader wants to be told when nobody waits any more.
    pub(crate) fn listen(&self, hash: u64, id: Id) {
        self.shard(hash).with(|table| table.listen(hash, id));
    }

    /// One that waits goes away without a result.
    pub(crate) fn leave(&self, hash: u64, id: Id, kind: &KindCell) {
        let departure = self.shard(hash).with(|table| table.leave(hash, id, kind));
        self.depart(departure);
    }

    /// The handle goes of a spawned call that followed when it came. Its task is woken if it has
    /// to go, too.
    pub(crate) fn cut(&self, hash: u64, id: Id, tether: &Tether, may_stay: bool) {
        let shard = self.shard(hash);
        let departure = shard.with(|table| table.cut(hash, id, tether, may_stay));
        let told = catch(|| {
            if tether.is_cut() && !seeded("silent-parting") {
                inside::outside(|| tether.signal.notify_all());
            }
        });
        self.depart(departure);
        if let Err(panic) = told {
            panic.resume();
        }
    }

    /// The handle goes of a spawned call that led when it came.
    pub(crate) fn leave_handle(&self, hash: u64, id: Id, turn: u32) {
        let shard = self.shard(hash);
        let departure = shard.with(|table| table.leave_handle(hash, id, turn));
        self.depart(departure);
    }

    /// A follower turns out to have no work of its own.
    pub(crate) fn disarm(&self, hash: u64, id: Id, kind: &KindCell) {
        let departure = self.shard(hash).with(|table| table.disarm(hash, id, kind));
        self.depart(departure);
    }

    fn depart(&self, departure: Departure<K, V>) {
        match departure {
            Departure::Quiet => {}
            // P3: everyone is woken, and the first who is polled claims.
            Departure::Vacant(flight) => {
                if !seeded("silent-loss") {
                    inside::outside(|| flight.tell());
                }
            }
            Departure::Deserted(flight) => inside::outside(|| flight.tell()),
            Departure::Unused(flight) => drop(flight),
            Departure::Ended(slot) | Departure::Failed(slot) => {
                self.settle(slot, || CallError::LeaderLost, Link::NONE);
            }
        }
    }

    /// Tells those who still wait for a slot that was taken out, then drops its key.
    fn settle(&self, mut slot: Slot<K, V>, error: impl FnOnce() -> CallError, link: Link) {
        let flight = slot.shared.take();
        if flight.is_some() {
            self.land_without_value(&flight, error(), link);
        } else {
            self.ended();
        }
    }
}

impl<S> Builder<S> {
    /// Makes the group. A fixed capacity is taken now.
    #[must_use = "a group coalesces nothing until it is used"]
    pub fn build<K, V>(self) -> Group<K, V, S> {
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
        pub const fn build_const<K, V>(self) -> Group<K, V, S> {
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
            .field("shards", &self.shards())
            .field("panic_policy", &self.settings.panic_policy)
            .field("max_followers", &self.settings.max_followers)
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

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_are_spread_over_all_shards() {
        for shards in [1, 2, 16] {
            let group: Group<u64, ()> = Builder::new().shards(shards).build();
            let shard = |key| core::ptr::from_ref(group.shard(group.hash(&key)));
            let seen: BTreeSet<_> = (0..1_000).map(shard).collect();
            assert_eq!(seen.len(), shards);
        }
    }
}
