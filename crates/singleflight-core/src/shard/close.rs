//! How flights, and a whole shard, are closed to newcomers.

use core::num::NonZeroU64;

use super::{Table, find_far, is_open};
use crate::slot::{Id, Slot};

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

    /// Closes a flight to newcomers, which is not to forget it: by identity, and not counted.
    pub(crate) fn close_to_newcomers(&mut self, hash: u64, id: Id) {
        if let Some((slot, _)) = self.find_id(hash, id) {
            slot.forget();
        }
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
}
