//! What a shard tells of its flights.

use alloc::vec::Vec;
use core::num::NonZeroU64;

use super::{Table, is_open};
use crate::stats::Stats;
use crate::table::slot::{FlightId, Slot};

impl<K, V> Table<K, V> {
    pub(crate) fn followers(
        &self,
        hash: u64,
        matches: impl Fn(&K) -> bool + Copy,
        horizon: NonZeroU64,
    ) -> Option<u32> {
        let inline = self.inline.iter().flatten();
        let open = is_open(hash, matches, horizon);
        inline
            .chain(self.spilled.iter_hash(hash))
            .find(|slot| open(slot))
            .map(Slot::followers)
    }

    /// Whether the flight has neither ended nor is ending.
    pub(crate) fn has(&mut self, flight: FlightId) -> bool {
        self.find_id(flight).is_some()
    }

    /// Whether newcomers no longer join this flight.
    pub(crate) fn is_closed_to_newcomers(&mut self, flight: FlightId, horizon: NonZeroU64) -> bool {
        self.find_id(flight)
            .is_none_or(|(slot, _)| slot.is_closed(horizon))
    }

    pub(crate) fn len(&self) -> usize {
        self.inline.iter().flatten().count() + self.spilled.len()
    }

    pub(crate) fn stats(&self) -> Stats {
        let slots = || self.inline.iter().flatten().chain(&self.spilled);
        let led = self.started + self.stats.led;
        // Each leader leads now, or it has ended in one of three ways.
        let leading = slots().filter(|slot| !slot.is_vacant()).count() as u64;
        let Stats {
            handed_over,
            panicked,
            abandoned,
            ..
        } = self.stats;
        Stats {
            led,
            landed: (led + handed_over).saturating_sub(leading + panicked + abandoned),
            in_flight: self.len() as u64,
            in_flight_forgotten: slots().filter(|slot| slot.is_forgotten()).count() as u64,
            ..self.stats
        }
    }

    /// Describes every flight by `describe`, which runs under the lock.
    pub(crate) fn list<T>(
        &mut self,
        into: &mut Vec<T>,
        describe: impl FnMut(&mut Slot<K, V>) -> Option<T>,
    ) {
        into.reserve(self.len());
        let slots = self.inline.iter_mut().flatten().chain(&mut self.spilled);
        into.extend(slots.filter_map(describe));
    }
}
