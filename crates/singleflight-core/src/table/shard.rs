//! A part of the table behind one lock. It knows slots and flights, but wakes nobody:
//! what has to be woken or dropped is returned, and the caller does it without the lock.
//!
//! A slot is in the table from the first join to the landing. Under the lock:
//!
//! | event | slot | returned to the caller |
//! |---|---|---|
//! | lead | put in | its id |
//! | follow | shared part made if need be, follower counted | id and flight |
//! | follow a vacant flight | claimed | id, as leader |
//! | land | taken out | the slot |
//! | leader lost, nobody waits | taken out | the slot, to drop |
//! | leader lost, someone waits with work | marked vacant | the flight, to wake |
//! | leader lost, all who wait are without work | taken out | the slot, to settle |
//! | last with work leaves a vacant flight | taken out | the slot, to settle or drop |
//! | work failed, someone may lead on | marked vacant | the flight, to wake |
//! | work failed, nobody can or may | taken out | the slot, to tell of the failures |
//! | leader ends it if it is alone | taken out, unless somebody waits | the slot, to drop |
//! | forget | marked | |
//! | lead while closed flights have the key's hash | those step aside, see below | |
//! | close | stays | from now on, refusals |
//!
//! A flight that was forgotten or has got too old keeps its slot until it ends, and its key's next
//! flight has the same hash. So that such flights do not pile up where every call for the key
//! has to pass them, a new flight of the table makes those that are there step aside: they move
//! under a hash of their own id, by which their leader still finds them. Each moves once.

use core::mem;
use core::num::NonZeroU64;

use hashbrown::HashTable;

use crate::platform::sync::{Arc, Mutex, const_fn, seeded};
use crate::stats::Stats;
use crate::table::pool::{FlightArc, FreeList, Pool};
use crate::table::refusal::Refusal;
use crate::table::slot::{FlightId, Id, Slot};

/// What a call became when it came.
pub(crate) enum Entry<V> {
    /// It leads: nobody was there.
    Leader(FlightId),
    /// It leads a flight that was vacant.
    Claimed(FlightId),
    /// It follows.
    Follower(FlightId, FlightArc<V>),
    /// It may neither lead nor follow.
    Refused(Refusal),
}

/// What a call is held to when it comes.
#[derive(Clone, Copy)]
pub(crate) struct JoinLimits {
    /// The group, as a number.
    pub(crate) group: usize,
    /// The lowest id that a flight of now may have.
    pub(crate) first_new_id: NonZeroU64,
    /// Flights with an id below are too old to be joined.
    pub(crate) oldest_joinable: NonZeroU64,
    /// How many followers a flight may have.
    pub(crate) max_followers: u32,
}

/// What is left to do, without the lock, after someone has gone away.
pub(crate) enum AfterUnlock<K, V> {
    /// Nothing: others carry on.
    Quiet,
    /// The flight was vacated: wake those who could claim it.
    Vacant(FlightArc<V>),
    /// The slot was taken out; if anybody still waits, tell them that the leader is lost.
    Ended(Slot<K, V>),
    /// The slot was taken out after so many failed works in a row; those who still wait are told.
    Failed(Slot<K, V>, u32),
    /// The last follower has left a leader who wants to know: wake it.
    Deserted(FlightArc<V>),
    /// The last follower has left, and what followers share goes back to its pool.
    Unused(FlightArc<V>),
}

/// How many slots stand in front of a shard's table. A group that is used by a few calls
/// at a time never touches the table.
const INLINE: usize = 2;

/// A table shrinks only above this capacity, so that a lone call in steady state still
/// allocates nothing.
const SMALL: usize = 28;

/// What one lock guards.
///
/// In this order all that a lone call writes, the lock included, is in one line of cache where
/// the key is a word: what moves between processors is that line.
#[repr(C)]
pub(crate) struct Table<K, V> {
    next: Id,
    /// How many flights were started.
    started: u64,
    inline: [Option<Slot<K, V>>; INLINE],
    spilled: HashTable<Slot<K, V>>,
    closed: bool,
    /// How many flights `spilled` may hold.
    room: usize,
    pool: Pool<V>,
    /// Of what a lone call does not do: `led` is of those who lead a flight on that somebody else
    /// had started, and what has landed is not counted, for it follows from the rest.
    stats: Stats,
}

/// What stands in a table beside the slots.
struct Rest<'a, V> {
    pool: &'a Pool<V>,
    stats: &'a mut Stats,
}

/// Storage for a fixed number of flights, taken before it is needed.
pub(crate) struct Storage<K, V> {
    spilled: HashTable<Slot<K, V>>,
    room: usize,
    spares: Arc<FreeList<V>>,
}

impl<K, V> Storage<K, V> {
    pub(crate) fn new(flights: usize) -> Self {
        let room = flights.saturating_sub(INLINE);
        Self {
            // A table that is at most half full reuses the places of what was removed in place.
            spilled: HashTable::with_capacity(2 * room),
            room,
            spares: Arc::new(FreeList::new(flights.max(INLINE))),
        }
    }
}

/// One lock with its part of the table. On a line of cache of its own where there are
/// threads, so that neighbours do not slow each other down.
#[cfg_attr(feature = "std", repr(align(64)))]
pub(crate) struct Shard<K, V>(Mutex<Table<K, V>>);

impl<K, V> Shard<K, V> {
    const_fn! {
        pub(crate) const fn new(is_fixed: bool) -> Self {
            Self(Mutex::new(Table {
                next: Id::FIRST,
                started: 0,
                inline: [const { None }; INLINE],
                spilled: HashTable::new(),
                closed: false,
                room: if is_fixed { 0 } else { usize::MAX },
                pool: if is_fixed { Pool::Fixed(None) } else { Pool::Heap },
                stats: Stats::ZERO,
            }))
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub(crate) fn with<R>(&self, inside: impl FnOnce(&mut Table<K, V>) -> R) -> R {
        self.0.with(inside)
    }
}

impl<K, V> Table<K, V> {
    /// Moves into storage that was taken for it, unless it has done so before. What it does
    /// not use any more is returned, to be freed without the lock.
    pub(crate) fn install(&mut self, mut storage: Storage<K, V>) -> Storage<K, V> {
        if let Pool::Fixed(pool @ None) = &mut self.pool {
            // It is empty: there was no room.
            mem::swap(&mut self.spilled, &mut storage.spilled);
            self.room = storage.room;
            *pool = Some(Arc::clone(&storage.spares));
        }
        storage
    }

    /// Takes out the slot of a flight that has its value.
    #[inline]
    pub(crate) fn land(&mut self, flight: FlightId) -> Option<Slot<K, V>> {
        self.remove(flight)
    }

    #[inline]
    fn find_id(&mut self, flight: FlightId) -> Option<(&mut Slot<K, V>, Rest<'_, V>)> {
        let FlightId { hash, id } = flight;
        let is = move |slot: &Slot<K, V>| slot.is(id);
        let slot = match self.inline.iter_mut().flatten().find(|slot| is(slot)) {
            Some(slot) => slot,
            None if self.spilled.find(hash, is).is_some() => {
                find_spilled(&mut self.spilled, hash, is)?
            }
            // It may have stepped aside.
            None => find_spilled(&mut self.spilled, id.hash(), is)?,
        };
        let rest = Rest {
            pool: &self.pool,
            stats: &mut self.stats,
        };
        Some((slot, rest))
    }

    #[inline]
    fn remove(&mut self, flight: FlightId) -> Option<Slot<K, V>> {
        for place in &mut self.inline {
            if place
                .as_ref()
                .is_some_and(|slot| slot.is(flight.id) || seeded("remove-by-key"))
            {
                return mem::take(place);
            }
        }
        self.remove_spilled(flight)
    }

    #[cold]
    #[inline(never)]
    fn remove_spilled(&mut self, flight: FlightId) -> Option<Slot<K, V>> {
        let FlightId { hash, id } = flight;
        let is = |slot: &Slot<K, V>| slot.is(id);
        let entry = match self.spilled.find_entry(hash, is) {
            Ok(entry) => entry,
            // It may have stepped aside.
            Err(absent) => absent.into_table().find_entry(id.hash(), is).ok()?,
        };
        let (slot, _) = entry.remove();
        if self.spilled.len() <= self.spilled.capacity() / 8 {
            self.shrink();
        }
        Some(slot)
    }

    /// P6: a table that grew in a burst shrinks again.
    #[cold]
    fn shrink(&mut self) {
        if matches!(self.pool, Pool::Heap) && self.spilled.capacity() > SMALL {
            let least = SMALL.max(2 * self.spilled.len());
            self.spilled.shrink_to(least, |slot| slot.hash);
        }
    }
}

/// Whether a slot is for a key, and its flight may be joined.
#[inline]
fn is_open<K, V>(
    hash: u64,
    matches: impl Fn(&K) -> bool + Copy,
    horizon: NonZeroU64,
) -> impl Fn(&Slot<K, V>) -> bool + Copy {
    move |slot| slot.is_for(hash, matches) && !slot.is_retired(horizon)
}

/// Out of line, so that what stands around the inline slots is small enough to be inlined.
#[inline(never)]
fn find_spilled<K, V>(
    spilled: &mut HashTable<Slot<K, V>>,
    hash: u64,
    is: impl Fn(&Slot<K, V>) -> bool,
) -> Option<&mut Slot<K, V>> {
    spilled.find_mut(hash, is)
}

mod close;
mod enter;
mod inspect;
mod leave;
#[cfg(test)]
mod tests;
