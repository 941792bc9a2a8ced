//! How a call comes into a shard: it leads, follows, or is refused.

use core::cell::Cell;
use core::num::NonZeroU64;

use hashbrown::hash_table;

use super::{Entry, Table, Terms, find_far, is_open};
use crate::inside;
use crate::refusal::Refusal;
use crate::shared::{Shared, Stock};
use crate::slot::{Id, Slot};
use crate::stats::Stats;

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
                if slot.is_in_the_way(hash, terms.horizon) {
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
        let is_in_the_way =
            |slot: &Slot<K, V>| slot.is_in_the_way(hash, horizon) && !slot.is(newest);
        while let Ok(entry) = self.far.find_entry(hash, is_in_the_way) {
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
}
