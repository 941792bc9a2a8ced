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
//! | forget | marked | |

use alloc::vec::Vec;
use core::mem;
use core::panic::{RefUnwindSafe, UnwindSafe};

use hashbrown::HashTable;

use crate::flight::Flight;
use crate::slot::{Id, Slot};
use crate::stats::Stats;
use crate::sync::{Arc, Mutex, seeded};

/// What a call became when it came.
pub(crate) enum Entry<V> {
    /// It leads: nobody was there, or the flight was vacant.
    Leader(Id),
    /// It follows.
    Follower(Id, Arc<Flight<V>>),
    /// The flight has as many followers as it may have.
    Refused,
}

/// What is left to do, without the lock, after someone has gone away.
pub(crate) enum Departure<K, V> {
    /// Nothing: others carry on.
    Quiet,
    /// The flight was vacated: wake those who could claim it.
    Vacant(Arc<Flight<V>>),
    /// The slot was taken out; if anybody still waits, tell them that the leader is lost.
    Ended(Slot<K, V>),
}

/// How many slots stand in front of a shard's table. A group that is used by a few calls
/// at a time never touches the table, which takes a quarter off the cost of a lone call.
const NEAR: usize = 2;

/// A table shrinks only above this capacity, so that a lone call in steady state still
/// allocates nothing.
const SMALL: usize = 28;

/// What one lock guards.
pub(crate) struct Table<K, V> {
    near: [Option<Slot<K, V>>; NEAR],
    far: HashTable<Slot<K, V>>,
    next: Id,
    stats: Stats,
}

/// One lock with its part of the table. On a line of cache of its own where there are
/// threads, so that neighbours do not slow each other down.
#[cfg_attr(feature = "std", repr(align(64)))]
pub(crate) struct Shard<K, V>(Mutex<Table<K, V>>);

impl<K, V> Shard<K, V> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Table {
            near: [const { None }; NEAR],
            far: HashTable::new(),
            next: Id::FIRST,
            stats: Stats::default(),
        }))
    }

    #[inline]
    pub(crate) fn with<R>(&self, inside: impl FnOnce(&mut Table<K, V>) -> R) -> R {
        self.0.with(inside)
    }
}

impl<K, V> Table<K, V> {
    /// Joins the open flight of a key, if there is one.
    #[inline]
    pub(crate) fn follow(
        &mut self,
        hash: u64,
        matches: impl Fn(&K) -> bool,
        most: u32,
    ) -> Option<Entry<V>> {
        let (slot, stats) = self.find_open(hash, matches)?;
        Some(Self::follow_slot(slot, stats, most))
    }

    #[cold]
    fn follow_slot(slot: &mut Slot<K, V>, stats: &mut Stats, most: u32) -> Entry<V> {
        let id = slot.id();
        let flight = slot.shared.get_or_insert_with(|| Arc::new(Flight::new()));
        if flight.claim() {
            stats.led += 1;
            Entry::Leader(id)
        } else if flight.admit(most) {
            stats.followed += 1;
            Entry::Follower(id, Arc::clone(flight))
        } else {
            stats.refused += 1;
            Entry::Refused
        }
    }

    /// Starts a flight. The key must have no open one.
    #[inline]
    pub(crate) fn lead(&mut self, hash: u64, key: K) -> Id {
        let id = self.next.advance();
        self.stats.led += 1;
        let slot = Slot::new(hash, id, key);
        match self.near.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(slot),
            None => self.put_far(slot),
        }
        id
    }

    #[cold]
    #[inline(never)]
    fn put_far(&mut self, slot: Slot<K, V>) {
        self.far.insert_unique(slot.hash, slot, |slot| slot.hash);
    }

    /// Takes out the slot of a flight that has its value.
    #[inline]
    pub(crate) fn land(&mut self, hash: u64, id: Id) -> Option<Slot<K, V>> {
        self.stats.landed += 1;
        self.remove(hash, id)
    }

    /// Takes out the slot of a flight whose work panicked.
    pub(crate) fn land_panicked(&mut self, hash: u64, id: Id) -> Option<Slot<K, V>> {
        self.stats.panicked += 1;
        self.remove(hash, id)
    }

    /// The leader is gone without a value.
    pub(crate) fn abandon(&mut self, hash: u64, id: Id) -> Departure<K, V> {
        self.stats.abandoned += 1;
        let Some((slot, _)) = self.find_id(hash, id) else {
            return Departure::Quiet;
        };
        match &slot.shared {
            Some(flight) if flight.has_claimants() => {
                flight.vacate();
                Departure::Vacant(Arc::clone(flight))
            }
            _ => self.end(hash, id),
        }
    }

    /// A follower takes a vacant flight over.
    pub(crate) fn claim(&mut self, hash: u64, id: Id) -> bool {
        let Some((slot, stats)) = self.find_id(hash, id) else {
            return false;
        };
        let claimed = slot.shared.as_ref().is_some_and(|flight| {
            let claimed = flight.claim();
            if claimed && !seeded("claim-keeps-its-seat") {
                flight.dismiss(true);
            }
            claimed
        });
        if claimed {
            stats.handed_over += 1;
        }
        claimed
    }

    /// A follower goes away.
    pub(crate) fn leave(&mut self, hash: u64, id: Id, has_work: bool) -> Departure<K, V> {
        self.step_back(hash, id, |flight| flight.dismiss(has_work))
    }

    /// A follower stays, but has no work of its own after all.
    pub(crate) fn disarm(&mut self, hash: u64, id: Id) -> Departure<K, V> {
        self.step_back(hash, id, Flight::disarm)
    }

    /// Does `step`, and ends the flight if that leaves it with nobody who could lead.
    fn step_back(&mut self, hash: u64, id: Id, step: impl FnOnce(&Flight<V>)) -> Departure<K, V> {
        let Some((slot, _)) = self.find_id(hash, id) else {
            return Departure::Quiet;
        };
        let Some(flight) = &slot.shared else {
            return Departure::Quiet;
        };
        step(flight);
        if flight.is_vacant() && !flight.has_claimants() && !seeded("vacant-entry-stays") {
            self.end(hash, id)
        } else {
            Departure::Quiet
        }
    }

    fn end(&mut self, hash: u64, id: Id) -> Departure<K, V> {
        self.remove(hash, id)
            .map_or(Departure::Quiet, Departure::Ended)
    }

    /// Closes the open flight of a key to newcomers, if `may` allows it.
    pub(crate) fn forget(
        &mut self,
        hash: u64,
        matches: impl Fn(&K) -> bool,
        may: impl FnOnce(&Slot<K, V>) -> bool,
    ) -> Option<bool> {
        let (slot, stats) = self.find_open(hash, matches)?;
        let allowed = may(slot);
        if allowed {
            slot.forget();
            stats.forgotten += 1;
        }
        Some(allowed)
    }

    /// Closes every flight to newcomers; says how many were open.
    pub(crate) fn forget_all(&mut self) -> usize {
        let mut count = 0;
        for slot in self.near.iter_mut().flatten().chain(&mut self.far) {
            if !slot.is_forgotten() {
                slot.forget();
                count += 1;
            }
        }
        self.stats.forgotten += count as u64;
        count
    }

    pub(crate) fn followers(&mut self, hash: u64, matches: impl Fn(&K) -> bool) -> Option<u32> {
        self.find_open(hash, matches)
            .map(|(slot, _)| slot.followers())
    }

    pub(crate) fn len(&self) -> usize {
        self.near.iter().flatten().count() + self.far.len()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.stats
    }

    /// Describes every flight by `describe`, which runs under the lock.
    pub(crate) fn list<T>(
        &mut self,
        into: &mut Vec<T>,
        describe: impl FnMut(&mut Slot<K, V>) -> Option<T>,
    ) {
        into.reserve(self.len());
        let slots = self.near.iter_mut().flatten().chain(&mut self.far);
        into.extend(slots.filter_map(describe));
    }

    #[inline]
    fn find_open(
        &mut self,
        hash: u64,
        matches: impl Fn(&K) -> bool,
    ) -> Option<(&mut Slot<K, V>, &mut Stats)> {
        self.find(hash, |slot| slot.is_open_for(hash, &matches))
    }

    #[inline]
    fn find_id(&mut self, hash: u64, id: Id) -> Option<(&mut Slot<K, V>, &mut Stats)> {
        self.find(hash, |slot| slot.is(id))
    }

    #[inline]
    fn find(
        &mut self,
        hash: u64,
        is: impl Fn(&Slot<K, V>) -> bool,
    ) -> Option<(&mut Slot<K, V>, &mut Stats)> {
        let slot = match self.near.iter_mut().flatten().find(|slot| is(slot)) {
            Some(slot) => slot,
            None if self.far.is_empty() => return None,
            None => self.far.find_mut(hash, is)?,
        };
        Some((slot, &mut self.stats))
    }

    #[inline]
    fn remove(&mut self, hash: u64, id: Id) -> Option<Slot<K, V>> {
        for place in &mut self.near {
            if place
                .as_ref()
                .is_some_and(|slot| slot.is(id) || seeded("remove-by-key"))
            {
                return mem::take(place);
            }
        }
        self.remove_far(hash, id)
    }

    #[cold]
    #[inline(never)]
    fn remove_far(&mut self, hash: u64, id: Id) -> Option<Slot<K, V>> {
        let (slot, _) = self.far.find_entry(hash, |slot| slot.is(id)).ok()?.remove();
        // P6: a table that grew in a burst shrinks again.
        let (len, capacity) = (self.far.len(), self.far.capacity());
        if capacity > SMALL && len <= capacity / 8 {
            self.far.shrink_to(SMALL.max(2 * len), |slot| slot.hash);
        }
        Some(slot)
    }
}

// The same under every feature set, whatever the lock says: the only caller's code that
// runs under the lock is key equality, and it runs before anything is changed.
impl<K, V> UnwindSafe for Shard<K, V> {}
impl<K, V> RefUnwindSafe for Shard<K, V> {}
