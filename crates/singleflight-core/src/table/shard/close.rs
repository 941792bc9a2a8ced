//! How flights, and a whole shard, are closed to newcomers.

use core::num::NonZeroU64;

use super::{Table, find_spilled, is_open};
use crate::table::slot::{FlightId, Slot};

impl<K, V> Table<K, V> {
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
        let inline = self.inline.iter_mut().flatten().find(|slot| open(slot));
        let found = match inline {
            Some(slot) => Some(slot),
            None => find_spilled(&mut self.spilled, hash, open),
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

    /// Closes one flight to newcomers, for its leader: it is not counted as forgotten.
    ///
    /// One that has stepped aside is closed. One with another hash is of another group, which counts
    /// its flights as this one does.
    pub(crate) fn close_to_newcomers(&mut self, flight: FlightId) {
        let found = self.find_id(flight).map(|(slot, _)| slot);
        if let Some(slot) = found.filter(|slot| slot.hash == flight.hash) {
            slot.forget();
        }
    }

    /// Whether nobody waits for the value of a flight that has not ended.
    pub(crate) fn is_alone(&mut self, flight: FlightId) -> bool {
        self.find_id(flight)
            .is_some_and(|(slot, _)| slot.followers() == 0)
    }

    /// Refuses all calls from now on.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Closes every flight to newcomers that they could join; says how many.
    pub(crate) fn forget_all(&mut self, horizon: NonZeroU64) -> usize {
        let mut count = 0;
        for slot in self.inline.iter_mut().flatten().chain(&mut self.spilled) {
            if !slot.is_closed(horizon) {
                slot.forget();
                count += 1;
            }
        }
        self.stats.forgotten += count as u64;
        count
    }
}
