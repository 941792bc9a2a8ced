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
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let leader = group.join(7)?;
    /// group.forget(7);
    /// assert_eq!(group.in_flight(), 1, "the work goes on");
    /// drop(leader);
    /// assert_eq!(group.in_flight(), 0);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn in_flight(&self) -> usize {
        self.all()
            .map(|shard| shard.with(|table| table.len()))
            .sum()
    }

    /// Returns what the group has done so far. Takes each shard's lock in turn.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let _follower = group.join(7)?;
    /// assert_eq!(leader.complete(42).value, 42);
    /// let stats = group.stats();
    /// assert_eq!((stats.led, stats.followed, stats.landed), (1, 1, 1));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<String, u64> = Group::new();
    /// let _leader = group.join("users/7")?;
    /// let _follower = group.join("users/7")?;
    /// let waiting: Vec<String> = group
    ///     .flights()
    ///     .iter()
    ///     .map(|flight| format!("{}: {} wait", flight.key(), flight.followers()))
    ///     .collect();
    /// assert_eq!(waiting, ["users/7: 1 wait"]);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// assert_eq!(group.followers(7), None);
    /// let _leader = group.join(7)?;
    /// assert_eq!(group.followers(7), Some(0));
    /// let _follower = group.join(7)?;
    /// assert_eq!(group.followers(7), Some(1));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn followers<Q: Key<K, M>, M>(&self, key: Q) -> Option<usize> {
        let (hash, horizon) = (self.hash(&key), self.horizon());
        self.shard(hash)
            .with(|table| table.followers(hash, |known| key.matches(known), horizon))
            .map(|followers| followers as usize)
    }
}
