//! A flight as it stands in the table: for most of them, all there ever is.

use core::fmt;
use core::num::NonZeroU64;

use crate::platform::sync::Arc;
use crate::table::flight::Flight;
use crate::table::pool::FlightArc;

/// Tells the flights of one shard apart for ever. Removal is by identity, never by key,
/// so that an old flight cannot evict a newer one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Id(NonZeroU64);

impl Id {
    /// The lowest bit of a slot's tag says "forgotten", so ids count in twos.
    const STEP: u64 = 2;

    /// Where a group has a clock, ids carry the tick at which the flight started above this
    /// bit, so that a flight's age costs its slot nothing. Half a million flights in one
    /// tick and shard borrow from the next, and look that much younger.
    const TICK_BIT: u32 = 20;

    /// Later ticks count as this one: half of all ids lie above it, for flights to come.
    const LAST_TICK: u64 = u64::MAX >> (Self::TICK_BIT + 1);

    pub(crate) const FIRST: Self = Self(NonZeroU64::MIN.saturating_add(Self::STEP - 1));

    /// Returns the next id, and steps on. Ids only grow. Without a clock, when `floor` is the
    /// least number, they last for 292 years at a flight a nanosecond.
    #[inline]
    pub(crate) fn advance(&mut self, floor: NonZeroU64) -> Self {
        let id = Self(self.0.max(floor));
        // It never comes to the last one: see `LAST_TICK`.
        self.0 = NonZeroU64::new(id.0.get().wrapping_add(Self::STEP)).unwrap_or(id.0);
        id
    }

    /// A hash that is made without the key: where a flight lies that newcomers do not look for.
    ///
    /// Ids that carry ticks are alike in their lowest bits, by which hashbrown chooses a bucket.
    pub(crate) fn hash(self) -> u64 {
        let mixed = self.0.get().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 32)
    }

    /// Returns the id as a number, which is never 0.
    #[cfg(all(feature = "std", not(any(loom, shuttle))))]
    #[inline]
    pub(crate) fn number(self) -> u64 {
        self.0.get()
    }

    /// The lowest id of a flight that starts at `tick`.
    pub(crate) fn floor(tick: u64) -> NonZeroU64 {
        let floor = tick.min(Self::LAST_TICK) << Self::TICK_BIT;
        NonZeroU64::new(floor).unwrap_or(NonZeroU64::MIN)
    }

    /// The tick at which the flight started, if the group has a clock.
    pub(crate) fn tick(self) -> u64 {
        self.0.get() >> Self::TICK_BIT
    }
}

/// Tells a flight from every other of its group, those that have ended included.
///
/// Equal in its leader, in those who follow it, and in whoever leads it on. It means nothing in
/// another group. An outcome does not carry it, which would make every spawned call dearer: ask the
/// leader or the follower before they end.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct FlightId {
    /// Of the key: it chooses the shard, and where in its table the flight lies.
    pub(crate) hash: u64,
    pub(crate) id: Id,
}

impl fmt::Debug for FlightId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FlightId")
            .field(&self.id.0)
            .finish_non_exhaustive()
    }
}

/// A key in the table. It moves behind an `Arc` when someone lists what is in flight, so
/// that the listing can be read with no lock held and no `Clone` asked for.
enum SlotKey<K> {
    Own(K),
    Shared(Arc<K>),
    /// Only for the moment of moving from the one to the other.
    Moving,
}

/// One flight in the table: 40 bytes with a `u64` key.
pub(crate) struct Slot<K, V> {
    /// By what the table finds it: its key's hash, or that of its id once it stands aside. Kept,
    /// so that a growing table calls no caller's code and the leader finds the slot without
    /// hashing again.
    pub(crate) hash: u64,
    /// The id; with the lowest bit set, forgotten: joined no more, still found by id.
    tag: NonZeroU64,
    key: SlotKey<K>,
    /// Made by the first follower.
    pub(crate) shared: FlightArc<V>,
}

impl<K, V> Slot<K, V> {
    pub(crate) fn new(hash: u64, id: Id, key: K) -> Self {
        Self {
            hash,
            tag: id.0,
            key: SlotKey::Own(key),
            shared: FlightArc::NONE,
        }
    }

    #[inline]
    pub(crate) fn is(&self, id: Id) -> bool {
        self.tag.get() ^ id.0.get() <= 1
    }

    pub(crate) fn id(&self) -> Id {
        Id(NonZeroU64::new(self.tag.get() & !1).unwrap_or(self.tag))
    }

    pub(crate) fn is_forgotten(&self) -> bool {
        self.tag.get() & 1 == 1
    }

    pub(crate) fn forget(&mut self) {
        self.tag |= 1;
    }

    /// Whether the flight has no leader, and waits for one.
    pub(crate) fn is_vacant(&self) -> bool {
        self.shared.flight().is_some_and(Flight::is_vacant)
    }

    pub(crate) fn followers(&self) -> u32 {
        self.shared.flight().map_or(0, Flight::followers)
    }

    /// Whether this flight is for the key that `matches` accepts, and not forgotten.
    #[inline]
    pub(crate) fn is_for(&self, hash: u64, matches: impl FnOnce(&K) -> bool) -> bool {
        self.hash == hash
            && !self.is_forgotten()
            && match &self.key {
                SlotKey::Own(key) => matches(key),
                SlotKey::Shared(key) => matches(key),
                SlotKey::Moving => false,
            }
    }

    /// Whether the flight is in the way of newcomers that have this hash: it is joined no more, and
    /// has not stepped aside. (One that has may have the hash of some key by chance.)
    #[inline]
    pub(crate) fn is_in_the_way(&self, hash: u64, horizon: NonZeroU64) -> bool {
        self.hash == hash && self.is_closed(horizon) && hash != self.id().hash()
    }

    /// Whether this flight is joined no more.
    #[inline]
    pub(crate) fn is_closed(&self, horizon: NonZeroU64) -> bool {
        self.is_forgotten() || self.is_retired(horizon)
    }

    /// Gives the flight a hash of its own, out of the way of its key.
    pub(crate) fn step_aside(mut self) -> Self {
        self.hash = self.id().hash();
        self
    }

    /// Takes the key back from a slot that nobody has seen.
    pub(crate) fn into_key(self) -> Option<K> {
        match self.key {
            SlotKey::Own(key) => Some(key),
            SlotKey::Shared(_) | SlotKey::Moving => None,
        }
    }

    /// Whether this flight started before the horizon: too old to be joined.
    #[inline]
    pub(crate) fn is_retired(&self, horizon: NonZeroU64) -> bool {
        self.tag < horizon
    }

    /// Returns the key in a form that outlives the lock.
    pub(crate) fn share_key(&mut self) -> Option<Arc<K>> {
        let key = match core::mem::replace(&mut self.key, SlotKey::Moving) {
            SlotKey::Own(key) => Arc::new(key),
            SlotKey::Shared(key) => key,
            SlotKey::Moving => return None,
        };
        self.key = SlotKey::Shared(Arc::clone(&key));
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use super::*;

    /// With a clock and without one, as hashbrown looks at them: a hash by chance would give some 640
    /// of the lowest bits, and all of the highest.
    #[test]
    fn ids_are_spread() {
        let spread = |id: fn(u64) -> NonZeroU64| {
            let hashes: Vec<_> = (1..=1_000).map(|number| Id(id(number)).hash()).collect();
            let places: BTreeSet<_> = hashes.iter().map(|hash| hash % 1_024).collect();
            let tags: BTreeSet<_> = hashes.iter().map(|hash| hash >> 57).collect();
            assert!(places.len() >= 450, "{}", places.len());
            assert_eq!(tags.len(), 128);
        };
        spread(Id::floor);
        spread(|number| NonZeroU64::new(number * Id::STEP).expect("it is not 0"));
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_slot_with_a_word_for_a_key_has_forty_bytes() {
        assert_eq!(size_of::<Slot<u64, u64>>(), 40);
        assert_eq!(size_of::<Option<Slot<u64, u64>>>(), 40);
    }

    #[test]
    fn a_forgotten_slot_keeps_its_id() {
        let mut next = Id::FIRST;
        let (first, second) = (next.advance(NonZeroU64::MIN), next.advance(NonZeroU64::MIN));
        let mut slot: Slot<u64, ()> = Slot::new(1, second, 7);
        assert!(slot.is(second) && !slot.is(first) && !slot.is(next));
        assert!(slot.is_for(1, |key| *key == 7));
        slot.forget();
        assert!(slot.is(second) && slot.id() == second && slot.is_forgotten());
        assert!(!slot.is(next), "ids leave room for the bit");
        assert!(!slot.is_for(1, |key| *key == 7));
    }

    #[test]
    fn ids_carry_the_tick_and_never_go_back() {
        let mut next = Id::FIRST;
        let plain = next.advance(NonZeroU64::MIN);
        assert_eq!(plain.tick(), 0);
        let first = next.advance(Id::floor(5));
        assert_eq!(first.tick(), 5);
        let second = next.advance(Id::floor(5));
        assert!(second.tick() == 5 && second != first);
        let third = next.advance(Id::floor(3));
        assert_eq!(third.tick(), 5, "a clock that goes back is not followed");
        assert_eq!(next.advance(Id::floor(u64::MAX)).tick(), Id::LAST_TICK);
        let (one, other) = (
            next.advance(Id::floor(u64::MAX)),
            next.advance(Id::floor(u64::MAX)),
        );
        assert_ne!(one, other, "ids never run out");

        let slot: Slot<u64, ()> = Slot::new(1, first, 7);
        assert!(!slot.is_retired(Id::floor(5)));
        assert!(slot.is_retired(Id::floor(6)));
    }

    #[test]
    fn a_listed_key_is_still_matched() {
        let mut slot: Slot<u64, ()> = Slot::new(1, Id::FIRST, 7);
        let listed = slot.share_key().map(|key| *key);
        assert_eq!(listed, Some(7));
        assert!(slot.is_for(1, |key| *key == 7));
        assert!(slot.share_key().is_some());
    }
}
