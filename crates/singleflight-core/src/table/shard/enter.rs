//! How a call comes into a shard: it leads, follows, or is refused.

use core::cell::Cell;
use core::num::NonZeroU64;

use hashbrown::hash_table;

use super::{Entry, JoinLimits, Table, find_spilled, is_open};
use crate::stats::Stats;
use crate::table::pool::{FlightArc, Pool};
use crate::table::reentrancy;
use crate::table::refusal::Refusal;
use crate::table::slot::{FlightId, Id, Slot};

impl<K, V> Table<K, V> {
    /// Joins the open flight of a key, if there is one.
    #[inline]
    pub(crate) fn follow(
        &mut self,
        hash: u64,
        matches: impl Fn(&K) -> bool + Copy,
        limits: &JoinLimits,
    ) -> Option<Entry<V>> {
        if self.closed {
            return Some(self.refuse(Refusal::Closed));
        }
        let open = is_open(hash, matches, limits.oldest_joinable);
        let inline = self.inline.iter_mut().flatten().find(|slot| open(slot));
        let slot = match inline {
            Some(slot) => slot,
            None if self.spilled.is_empty() => return None,
            None => find_spilled(&mut self.spilled, hash, open)?,
        };
        Some(Self::follow_slot(slot, &self.pool, &mut self.stats, limits))
    }

    /// Joins the open flight of a key. If there is none it starts one and takes the key, if there
    /// is room for it. The key must be there.
    #[inline]
    pub(crate) fn enter(&mut self, hash: u64, key: &mut Option<K>, limits: &JoinLimits) -> Entry<V>
    where
        K: Eq,
    {
        if self.closed {
            return self.refuse(Refusal::Closed);
        }
        let open = is_open(
            hash,
            |known| key.as_ref() == Some(known),
            limits.oldest_joinable,
        );
        if let Some(slot) = self.inline.iter_mut().flatten().find(|slot| open(slot)) {
            return Self::follow_slot(slot, &self.pool, &mut self.stats, limits);
        }
        if self.spilled.is_empty() {
            if let Some(place) = self.inline.iter_mut().find(|place| place.is_none()) {
                let id = self.next.advance(limits.first_new_id);
                self.started += 1;
                if let Some(key) = key.take() {
                    *place = Some(Slot::new(hash, id, key));
                }
                return Entry::Leader(FlightId { hash, id });
            }
        }
        self.enter_spilled(hash, key, limits)
    }

    /// The rest of [`enter`](Self::enter): no inline slot is the key's, and there is a spilled one or
    /// has to be.
    #[cold]
    #[inline(never)]
    fn enter_spilled(&mut self, hash: u64, key: &mut Option<K>, limits: &JoinLimits) -> Entry<V>
    where
        K: Eq,
    {
        let matches = |known: &K| key.as_ref() == Some(known);
        let open = is_open(hash, matches, limits.oldest_joinable);
        let is_in_the_way = Cell::new(false);
        let inline = self.inline.iter_mut().find(|place| place.is_none());
        // P7: an entry makes room before it looks, which a follower does not need.
        if inline.is_some() || self.spilled.len() >= self.room.min(self.spilled.capacity()) {
            if let Some(slot) = self.spilled.find_mut(hash, open) {
                return Self::follow_slot(slot, &self.pool, &mut self.stats, limits);
            }
        }
        let id;
        if let Some(place) = inline {
            id = self.next.advance(limits.first_new_id);
            *place = key.take().map(|key| Slot::new(hash, id, key));
        } else if self.spilled.len() >= self.room {
            return self.refuse(Refusal::Full);
        } else {
            // One look for the key and for a place: each may miss the cache.
            let passes = |slot: &Slot<K, V>| {
                if slot.is_in_the_way(hash, limits.oldest_joinable) {
                    is_in_the_way.set(true);
                }
                open(slot)
            };
            match self.spilled.entry(hash, passes, |slot| slot.hash) {
                hash_table::Entry::Occupied(slot) => {
                    let slot = slot.into_mut();
                    return Self::follow_slot(slot, &self.pool, &mut self.stats, limits);
                }
                hash_table::Entry::Vacant(place) => {
                    id = self.next.advance(limits.first_new_id);
                    if let Some(key) = key.take() {
                        place.insert(Slot::new(hash, id, key));
                    }
                }
            }
        }
        self.started += 1;
        if is_in_the_way.get() {
            self.make_way(hash, id, limits.oldest_joinable);
        }
        Entry::Leader(FlightId { hash, id })
    }

    /// Makes the flights step aside that have this hash and can be joined no more.
    #[cold]
    fn make_way(&mut self, hash: u64, newest: Id, horizon: NonZeroU64) {
        let is_in_the_way =
            |slot: &Slot<K, V>| slot.is_in_the_way(hash, horizon) && !slot.is(newest);
        while let Ok(entry) = self.spilled.find_entry(hash, is_in_the_way) {
            let slot = entry.remove().0.step_aside();
            self.spilled
                .insert_unique(slot.hash, slot, |slot| slot.hash);
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
        pool: &Pool<V>,
        stats: &mut Stats,
        limits: &JoinLimits,
    ) -> Entry<V> {
        let id = FlightId {
            hash: slot.hash,
            id: slot.id(),
        };
        if reentrancy::contains(limits.group, id) {
            stats.refused += 1;
            return Entry::Refused(Refusal::Reentrant);
        }
        let followers = match slot.shared.flight() {
            Some(flight) if flight.claim() => {
                stats.led += 1;
                return Entry::Claimed(id);
            }
            Some(flight) => flight.followers(),
            None => 0,
        };
        // Before a shared part is taken, which a refused call would leave behind.
        if followers >= limits.max_followers {
            stats.refused += 1;
            return Entry::Refused(Refusal::TooManyFollowers);
        }
        let Some(flight) = slot.shared.get_or_take(pool) else {
            stats.refused += 1;
            return Entry::Refused(Refusal::Full);
        };
        flight.add_follower();
        stats.followed += 1;
        stats.most_followers = stats.most_followers.max(u64::from(followers) + 1);
        Entry::Follower(id, flight.clone())
    }

    /// Registers the handle of a call that has just come to lead, with the flight's shared part,
    /// at which the leader will listen. Without one the call is refused: nothing was registered.
    pub(crate) fn enter_with_handle(
        &mut self,
        entry: Entry<V>,
        key: &mut Option<K>,
    ) -> (Entry<V>, FlightArc<V>) {
        let (Entry::Leader(id) | Entry::Claimed(id)) = entry else {
            return (entry, FlightArc::NONE);
        };
        let found = self.find_id(id);
        let flight = found.and_then(|(slot, rest)| slot.shared.get_or_take(rest.pool).cloned());
        if let Some(flight) = flight {
            flight.add_handle();
            return (entry, flight);
        }
        // Only a new flight has no shared part, and nobody has seen it yet.
        *key = self.remove(id).and_then(Slot::into_key);
        self.started -= 1;
        (self.refuse(Refusal::Full), FlightArc::NONE)
    }
}
