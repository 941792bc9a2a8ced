//! What can be asked of a group while it works.

use alloc::vec::Vec;
use core::hash::BuildHasher;

use super::Group;
use crate::flight_info::FlightInfo;
use crate::key::Key;
use crate::stats::Stats;
use crate::table::flight::Flight;

impl<K, V, S> Group<K, V, S> {
    /// Returns how many flights the group holds, led or vacant, the forgotten ones included.
    ///
    /// Takes each shard's lock in turn: a sum over moments that are not the same.
    pub fn in_flight(&self) -> usize {
        self.all()
            .map(|shard| shard.with(|table| table.len()))
            .sum()
    }

    /// Returns what the group has done so far. Takes each shard's lock in turn.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for shard in self.all() {
            stats += shard.with(|table| table.stats());
        }
        stats
    }

    /// Lists what is in flight, for a person who debugs. In no order.
    ///
    /// Takes each shard's lock in turn. The keys are neither cloned nor printed under it:
    /// a key that is listed moves into an allocation that the listing and the flight share.
    pub fn flights(&self) -> Vec<FlightInfo<K>> {
        let mut flights = Vec::new();
        let now = self.now();
        for shard in self.all() {
            shard.with(|table| {
                table.list(&mut flights, |slot| {
                    Some(FlightInfo {
                        key: slot.share_key()?,
                        followers: slot.followers() as usize,
                        vacant: slot.shared.flight().is_some_and(Flight::is_vacant),
                        forgotten: slot.is_forgotten(),
                        tick: self.tick(),
                        age: now.map(|now| now.saturating_sub(slot.id().tick())),
                    })
                });
            });
        }
        flights
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a key comes in as it does to `run`"
)]
impl<K: Eq, V, S: BuildHasher> Group<K, V, S> {
    /// Returns how many callers wait for the flight of `key`, or `None` if there is no
    /// flight that a call could join.
    pub fn followers<Q: Key<K, M>, M>(&self, key: Q) -> Option<usize> {
        let (hash, horizon) = (self.hash(&key), self.horizon());
        self.shard(hash)
            .with(|table| table.followers(hash, |known| key.matches(known), horizon))
            .map(|followers| followers as usize)
    }
}
