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
//! | work failed, nobody can or may | taken out | the slot, to share the error |
//! | forget | marked | |
//! | lead while closed flights have the key's hash | those step aside, see below | |
//! | close | stays | from now on, refusals |
//!
//! A flight that was forgotten or has got too old keeps its slot until it ends, and its key's next
//! flight has the same hash. So that such flights do not pile up where every call for the key
//! has to pass them, a new flight of the table makes those that are there step aside: they move
//! under a hash of their own id, by which their leader still finds them. Each moves once.

use core::cell::Cell;
use core::mem;
use core::num::NonZeroU64;
use core::panic::{RefUnwindSafe, UnwindSafe};

use hashbrown::{HashTable, hash_table};

use crate::flight::Flight;
use crate::inside;
use crate::refusal::Refusal;
use crate::shared::{Shared, Spares, Stock};
use crate::slot::{Id, Slot};
use crate::stats::Stats;
use crate::sync::{Arc, Mutex, const_fn, seeded};
use crate::waiter_kind::{KindCell, WaiterKind};

/// What a call became when it came.
pub(crate) enum Entry<V> {
    /// It leads: nobody was there.
    Leader(Id),
    /// It leads a flight that was vacant.
    Claimant(Id),
    /// It follows.
    Follower(Id, Shared<V>),
    /// It may neither lead nor follow.
    Refused(Refusal),
}

/// What a call is held to when it comes.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    /// The group, as a number.
    pub(crate) group: usize,
    /// The lowest id that a flight of now may have.
    pub(crate) floor: NonZeroU64,
    /// Flights with an id below are too old to be joined.
    pub(crate) horizon: NonZeroU64,
    /// How many followers a flight may have.
    pub(crate) most: u32,
}

/// What is left to do, without the lock, after someone has gone away.
pub(crate) enum Departure<K, V> {
    /// Nothing: others carry on.
    Quiet,
    /// The flight was vacated: wake those who could claim it.
    Vacant(Shared<V>),
    /// The slot was taken out; if anybody still waits, tell them that the leader is lost.
    Ended(Slot<K, V>),
    /// The slot was taken out; those who wait receive the error of the work that failed.
    Failed(Slot<K, V>),
    /// The last follower has left a leader who wants to know: wake it.
    Deserted(Shared<V>),
    /// The last follower has left, and what followers share goes back to its stock.
    Unused(Shared<V>),
}

/// How many slots stand in front of a shard's table. A group that is used by a few calls
/// at a time never touches the table.
const NEAR: usize = 2;

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
    near: [Option<Slot<K, V>>; NEAR],
    far: HashTable<Slot<K, V>>,
    closed: bool,
    /// How many flights `far` may hold.
    room: usize,
    stock: Stock<V>,
    /// Of what a lone call does not do: `led` is of those who lead a flight on that somebody else
    /// had started, and what has landed is not counted, for it follows from the rest.
    stats: Stats,
}

/// What stands in a table beside the slots.
struct Rest<'a, V> {
    stock: &'a Stock<V>,
    stats: &'a mut Stats,
}

/// Storage for a fixed number of flights, taken before it is needed.
pub(crate) struct Storage<K, V> {
    far: HashTable<Slot<K, V>>,
    room: usize,
    spares: Arc<Spares<V>>,
}

impl<K, V> Storage<K, V> {
    pub(crate) fn new(flights: usize) -> Self {
        let room = flights.saturating_sub(NEAR);
        Self {
            // A table that is at most half full reuses the places of what was removed in place.
            far: HashTable::with_capacity(2 * room),
            room,
            spares: Arc::new(Spares::new(flights.max(NEAR))),
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
                near: [const { None }; NEAR],
                far: HashTable::new(),
                closed: false,
                room: if is_fixed { 0 } else { usize::MAX },
                stock: if is_fixed { Stock::Fixed(None) } else { Stock::Heap },
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
    /// Joins the open flight of a key, if there is one.
    #[inline]
    pub(crate) fn follow(
        &mut self,
        hash: u64,
        matches: impl Fn(&K) -> bool + Copy,
        terms: &Terms,
    ) -> Option<Entry<V>> {
        if self.closed {
            return Some(self.refuse(Refusal::Closed));
        }
        let open = is_open(hash, matches, terms.horizon);
        let near = self.near.iter_mut().flatten().find(|slot| open(slot));
        let slot = match near {
            Some(slot) => slot,
            None if self.far.is_empty() => return None,
            None => find_far(&mut self.far, hash, open)?,
        };
        Some(Self::follow_slot(slot, &self.stock, &mut self.stats, terms))
    }

    /// Joins the open flight of a key. If there is none it starts one and takes the key, if there
    /// is room for it. The key must be there.
    #[inline]
    pub(crate) fn enter(&mut self, hash: u64, key: &mut Option<K>, terms: &Terms) -> Entry<V>
    where
        K: Eq,
    {
        if self.closed {
            return self.refuse(Refusal::Closed);
        }
        let open = is_open(hash, |known| key.as_ref() == Some(known), terms.horizon);
        if let Some(slot) = self.near.iter_mut().flatten().find(|slot| open(slot)) {
            return Self::follow_slot(slot, &self.stock, &mut self.stats, terms);
        }
        if self.far.is_empty() {
            if let Some(place) = self.near.iter_mut().find(|place| place.is_none()) {
                let id = self.next.advance(terms.floor);
                self.started += 1;
                if let Some(key) = key.take() {
                    *place = Some(Slot::new(hash, id, key));
                }
                return Entry::Leader(id);
            }
        }
        self.enter_far(hash, key, terms)
    }

    /// The rest of [`enter`](Self::enter): no near slot is the key's, and there is a far one or
    /// has to be.
    #[cold]
    #[inline(never)]
    fn enter_far(&mut self, hash: u64, key: &mut Option<K>, terms: &Terms) -> Entry<V>
    where
        K: Eq,
    {
        let matches = |known: &K| key.as_ref() == Some(known);
        let open = is_open(hash, matches, terms.horizon);
        let is_in_the_way = Cell::new(false);
        let near = self.near.iter_mut().find(|place| place.is_none());
        // P7: an entry makes room before it looks, which a follower does not need.
        if near.is_some() || self.far.len() >= self.room.min(self.far.capacity()) {
            if let Some(slot) = self.far.find_mut(hash, open) {
                return Self::follow_slot(slot, &self.stock, &mut self.stats, terms);
            }
        }
        let id;
        if let Some(place) = near {
            id = self.next.advance(terms.floor);
            *place = key.take().map(|key| Slot::new(hash, id, key));
        } else if self.far.len() >= self.room {
            return self.refuse(Refusal::Full);
        } else {
            // One look for the key and for a place: each may miss the cache.
            let passes = |slot: &Slot<K, V>| {
                if slot.hash == hash && slot.is_closed(terms.horizon) {
                    is_in_the_way.set(true);
                }
                open(slot)
            };
            match self.far.entry(hash, passes, |slot| slot.hash) {
                hash_table::Entry::Occupied(slot) => {
                    let slot = slot.into_mut();
                    return Self::follow_slot(slot, &self.stock, &mut self.stats, terms);
                }
                hash_table::Entry::Vacant(place) => {
                    id = self.next.advance(terms.floor);
                    if let Some(key) = key.take() {
                        place.insert(Slot::new(hash, id, key));
                    }
                }
            }
        }
        self.started += 1;
        if is_in_the_way.get() {
            self.make_way(hash, id, terms.horizon);
        }
        Entry::Leader(id)
    }

    /// Makes the flights step aside that have this hash and can be joined no more.
    #[cold]
    fn make_way(&mut self, hash: u64, newest: Id, horizon: NonZeroU64) {
        let is_closed =
            |slot: &Slot<K, V>| slot.hash == hash && slot.is_closed(horizon) && !slot.is(newest);
        while let Ok(entry) = self.far.find_entry(hash, is_closed) {
            let slot = entry.remove().0.step_aside();
            self.far.insert_unique(slot.hash, slot, |slot| slot.hash);
        }
    }

    #[cold]
    fn refuse(&mut self, refusal: Refusal) -> Entry<V> {
        self.stats.refused += 1;
        Entry::Refused(refusal)
    }

    #[cold]
    #[inline(never)]
    fn follow_slot(
        slot: &mut Slot<K, V>,
        stock: &Stock<V>,
        stats: &mut Stats,
        terms: &Terms,
    ) -> Entry<V> {
        let id = slot.id();
        if inside::contains(terms.group, slot.hash, id) {
            stats.refused += 1;
            return Entry::Refused(Refusal::Reentrant);
        }
        let followers = match slot.shared.flight() {
            Some(flight) if flight.claim() => {
                stats.led += 1;
                return Entry::Claimant(id);
            }
            Some(flight) => flight.followers(),
            None => 0,
        };
        // Before a shared part is taken, which a refused call would leave behind.
        if followers >= terms.most {
            stats.refused += 1;
            return Entry::Refused(Refusal::TooManyFollowers);
        }
        let Some(flight) = slot.shared.get_or_take(stock) else {
            stats.refused += 1;
            return Entry::Refused(Refusal::Full);
        };
        flight.admit();
        stats.followed += 1;
        stats.most_followers = stats.most_followers.max(u64::from(followers) + 1);
        Entry::Follower(id, flight.clone())
    }

    /// Registers the handle of a call that has just come to lead, with the flight's shared part,
    /// at which the leader will listen. Without one the call is refused: nothing was registered.
    pub(crate) fn enter_with_handle(
        &mut self,
        hash: u64,
        entry: Entry<V>,
        key: &mut Option<K>,
    ) -> (Entry<V>, Shared<V>) {
        let (Entry::Leader(id) | Entry::Claimant(id)) = entry else {
            return (entry, Shared::NONE);
        };
        let found = self.find_id(hash, id);
        let flight = found.and_then(|(slot, rest)| slot.shared.get_or_take(rest.stock).cloned());
        if let Some(flight) = flight {
            flight.admit_handle();
            return (entry, flight);
        }
        // Only a new flight has no shared part, and nobody has seen it yet.
        *key = self.remove(hash, id).and_then(Slot::into_key);
        self.started -= 1;
        (self.refuse(Refusal::Full), Shared::NONE)
    }

    /// Moves into storage that was taken for it, unless it has done so before. What it does
    /// not use any more is returned, to be freed without the lock.
    pub(crate) fn furnish(&mut self, mut storage: Storage<K, V>) -> Storage<K, V> {
        if let Stock::Fixed(stock @ None) = &mut self.stock {
            // It is empty: there was no room.
            mem::swap(&mut self.far, &mut storage.far);
            self.room = storage.room;
            *stock = Some(Arc::clone(&storage.spares));
        }
        storage
    }

    /// Takes out the slot of a flight that has its value.
    #[inline]
    pub(crate) fn land(&mut self, hash: u64, id: Id) -> Option<Slot<K, V>> {
        self.remove(hash, id)
    }

    /// Takes out the slot of a flight whose work panicked.
    pub(crate) fn land_panicked(&mut self, hash: u64, id: Id) -> Option<Slot<K, V>> {
        self.stats.panicked += 1;
        self.remove(hash, id)
    }

    /// The work has panicked, and who can lead on may. Those who cannot are told of the panic.
    pub(crate) fn abandon_panicked(&mut self, hash: u64, id: Id) -> Departure<K, V> {
        let flight = self
            .find_id(hash, id)
            .and_then(|(slot, _)| slot.shared.flight());
        if flight.is_some_and(|flight| flight.is_awaited() && !flight.has_claimants()) {
            self.land_panicked(hash, id)
                .map_or(Departure::Quiet, Departure::Ended)
        } else {
            self.abandon(hash, id)
        }
    }

    /// The leader is gone without a value.
    pub(crate) fn abandon(&mut self, hash: u64, id: Id) -> Departure<K, V> {
        self.stats.abandoned += 1;
        let Some((slot, _)) = self.find_id(hash, id) else {
            return Departure::Quiet;
        };
        match slot.shared.flight() {
            Some(flight) if flight.has_claimants() => {
                flight.vacate();
                Departure::Vacant(slot.shared.clone())
            }
            _ => self.end(hash, id),
        }
    }

    /// The work failed and its error is its caller's own. Those who can lead on do, unless
    /// `most` works in a row have failed; where nobody can or may, the error is shared.
    pub(crate) fn fail(&mut self, hash: u64, id: Id, most: u32) -> Departure<K, V> {
        let Some((slot, _)) = self.find_id(hash, id) else {
            return Departure::Quiet;
        };
        let shares = slot.shared.flight().is_some_and(|flight| {
            flight.is_awaited() && (!flight.has_claimants() || flight.fail(most))
        });
        if shares {
            self.land(hash, id)
                .map_or(Departure::Quiet, Departure::Failed)
        } else {
            self.abandon(hash, id)
        }
    }

    /// One that waits takes a vacant flight over. If its handle `wants` it, that is counted from
    /// now on: the leader itself is not.
    pub(crate) fn claim(&mut self, hash: u64, id: Id, kind: &KindCell, wants: bool) -> bool {
        if !kind.get().can_lead() {
            return false;
        }
        let Some((slot, rest)) = self.find_id(hash, id) else {
            return false;
        };
        let Some(flight) = slot.shared.flight().filter(|flight| flight.claim()) else {
            return false;
        };
        if !seeded("claim-keeps-its-seat") {
            flight.dismiss(kind.get());
        }
        if !seeded("claim-is-not-noted") {
            kind.set(WaiterKind::Leader);
        }
        if wants {
            flight.admit_handle();
        }
        rest.stats.handed_over += 1;
        if flight.is_unused() && rest.stock.is_fixed() {
            // Not the last hold on it: the one that claims has another.
            drop(slot.shared.take());
        }
        true
    }

    /// One that waits goes away. If it has claimed the flight meanwhile, the leader is lost.
    pub(crate) fn leave(&mut self, hash: u64, id: Id, kind: &KindCell) -> Departure<K, V> {
        match kind.get() {
            WaiterKind::Leader => self.abandon(hash, id),
            WaiterKind::Gone => Departure::Quiet,
            was => {
                kind.set(WaiterKind::Gone);
                self.step_back(hash, id, |flight| flight.dismiss(was))
            }
        }
    }

    /// The handle goes of a spawned call that followed when it came. If the call is to be done
    /// whoever wants it, its task stays as the flight's heir, unless there is one.
    pub(crate) fn cut(
        &mut self,
        hash: u64,
        id: Id,
        kind: &KindCell,
        may_stay: bool,
    ) -> Departure<K, V> {
        match kind.get() {
            WaiterKind::Follower if may_stay => {
                let found = self.find_id(hash, id);
                let flight = found.and_then(|(slot, _)| slot.shared.flight());
                if flight.is_some_and(Flight::bequeath) {
                    kind.set(WaiterKind::Heir);
                    return Departure::Quiet;
                }
                self.leave(hash, id, kind)
            }
            WaiterKind::Follower => self.leave(hash, id, kind),
            // It leads by now, and its handle was counted.
            WaiterKind::Leader if !may_stay => self.leave_handle(hash, id),
            _ => Departure::Quiet,
        }
    }

    /// The handle goes of a call that is cancelled when nobody wants it, and that leads.
    pub(crate) fn leave_handle(&mut self, hash: u64, id: Id) -> Departure<K, V> {
        self.step_back(hash, id, Flight::dismiss_handle)
    }

    /// A follower stays, but has no work of its own after all.
    pub(crate) fn disarm(&mut self, hash: u64, id: Id, kind: &KindCell) -> Departure<K, V> {
        kind.set(WaiterKind::Watcher);
        self.step_back(hash, id, Flight::disarm)
    }

    /// Whether the flight has neither ended nor is ending.
    pub(crate) fn has(&mut self, hash: u64, id: Id) -> bool {
        self.find_id(hash, id).is_some()
    }

    /// Does `step`, and ends the flight if that leaves it with nobody who could lead.
    fn step_back(&mut self, hash: u64, id: Id, step: impl FnOnce(&Flight<V>)) -> Departure<K, V> {
        let Some((slot, rest)) = self.find_id(hash, id) else {
            return Departure::Quiet;
        };
        let Some(flight) = slot.shared.flight() else {
            return Departure::Quiet;
        };
        step(flight);
        if flight.is_vacant() && !flight.has_claimants() && !seeded("vacant-entry-stays") {
            self.end(hash, id)
        } else if flight.has_deserted_leader() && !seeded("silent-desertion") {
            Departure::Deserted(slot.shared.clone())
        } else if flight.is_unused() && rest.stock.is_fixed() {
            Departure::Unused(slot.shared.take())
        } else {
            Departure::Quiet
        }
    }

    /// The leader wants to be told when nobody waits any more.
    pub(crate) fn listen(&mut self, hash: u64, id: Id) {
        if let Some((slot, _)) = self.find_id(hash, id) {
            if let Some(flight) = slot.shared.flight() {
                flight.leader_listens(true);
            }
        }
    }

    fn end(&mut self, hash: u64, id: Id) -> Departure<K, V> {
        self.remove(hash, id)
            .map_or(Departure::Quiet, Departure::Ended)
    }

    /// Closes the flight of a key to newcomers, if there is one that they could join and `may`
    /// allows it. Says whether there was one, and whether it was closed.
    ///
    /// Equality is asked before anything is changed: if it panics, nothing is.
    pub(crate) fn forget(
        &mut self,
        hash: u64,
        matches: impl Fn(&K) -> bool + Copy,
        may: impl Fn(&Slot<K, V>) -> bool,
        horizon: NonZeroU64,
    ) -> (bool, bool) {
        let open = is_open(hash, matches, horizon);
        let near = self.near.iter_mut().flatten().find(|slot| open(slot));
        let found = match near {
            Some(slot) => Some(slot),
            None => find_far(&mut self.far, hash, open),
        };
        let Some(slot) = found else {
            return (false, false);
        };
        let forgets = may(slot);
        if forgets {
            slot.forget();
            self.stats.forgotten += 1;
        }
        (true, forgets)
    }

    /// Refuses all calls from now on.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Closes every flight to newcomers that they could join; says how many.
    pub(crate) fn forget_all(&mut self, horizon: NonZeroU64) -> usize {
        let mut count = 0;
        for slot in self.near.iter_mut().flatten().chain(&mut self.far) {
            if !slot.is_closed(horizon) {
                slot.forget();
                count += 1;
            }
        }
        self.stats.forgotten += count as u64;
        count
    }

    #[inline]
    fn find_id(&mut self, hash: u64, id: Id) -> Option<(&mut Slot<K, V>, Rest<'_, V>)> {
        let is = move |slot: &Slot<K, V>| slot.is(id);
        let slot = match self.near.iter_mut().flatten().find(|slot| is(slot)) {
            Some(slot) => slot,
            None if self.far.find(hash, is).is_some() => find_far(&mut self.far, hash, is)?,
            // It may have stepped aside.
            None => find_far(&mut self.far, id.hash(), is)?,
        };
        let rest = Rest {
            stock: &self.stock,
            stats: &mut self.stats,
        };
        Some((slot, rest))
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
        let is = |slot: &Slot<K, V>| slot.is(id);
        let entry = match self.far.find_entry(hash, is) {
            Ok(entry) => entry,
            // It may have stepped aside.
            Err(absent) => absent.into_table().find_entry(id.hash(), is).ok()?,
        };
        let (slot, _) = entry.remove();
        if self.far.len() <= self.far.capacity() / 8 {
            self.shrink();
        }
        Some(slot)
    }

    /// P6: a table that grew in a burst shrinks again.
    #[cold]
    fn shrink(&mut self) {
        if matches!(self.stock, Stock::Heap) && self.far.capacity() > SMALL {
            let least = SMALL.max(2 * self.far.len());
            self.far.shrink_to(least, |slot| slot.hash);
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

/// Out of line, so that what stands around the near slots is small enough to be inlined.
#[inline(never)]
fn find_far<K, V>(
    far: &mut HashTable<Slot<K, V>>,
    hash: u64,
    is: impl Fn(&Slot<K, V>) -> bool,
) -> Option<&mut Slot<K, V>> {
    far.find_mut(hash, is)
}

// The same under every feature set, whatever the lock says: the only caller's code that
// runs under the lock is key equality, and it runs before anything is changed.
impl<K, V> UnwindSafe for Shard<K, V> {}
impl<K, V> RefUnwindSafe for Shard<K, V> {}

mod inspect;
#[cfg(test)]
mod tests;
