//! How a group is told that what is in flight is out of date.

use core::hash::BuildHasher;

use super::Group;
use super::flight_ref::FlightRef;
use crate::key::Key;
use crate::table::shard::Table;
use crate::table::slot::FlightId;

impl<K, V, S> Group<K, V, S> {
    /// Lets no newcomer join a flight any more, as [`Leader::close_to_newcomers`] does: for a follower
    /// that has waited too long and does not want to join it again. Nothing happens if the flight has
    /// ended, or is one of another group (which is known by its hash: two groups whose hash builders
    /// were seeded alike are not told apart).
    ///
    /// Takes the shard's lock.
    ///
    /// [`Leader::close_to_newcomers`]: crate::Leader::close_to_newcomers
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let leader = group.join(7)?;
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!("somebody leads") };
    /// let flight = follower.flight_id();
    /// drop(follower); // it has waited too long
    /// group.close_to_newcomers(flight);
    /// assert!(matches!(group.join(7)?, Joined::Leader(_)));
    /// # drop(leader);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn close_to_newcomers(&self, flight: FlightId) {
        FlightRef {
            group: self,
            id: flight,
        }
        .close_to_newcomers();
    }

    /// Forgets every flight, as [`forget`](Self::forget) does for one; returns how many.
    ///
    /// Takes each shard's lock in turn: a flight that starts meanwhile may be missed.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let _old = [group.join(1)?, group.join(2)?];
    /// assert_eq!(group.forget_all(), 2);
    /// assert!(matches!(group.join(2)?, Joined::Leader(_)));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn forget_all(&self) -> usize {
        let horizon = self.horizon();
        let forget = |table: &mut Table<K, V>| table.forget_all(horizon);
        self.all().map(|shard| shard.with(forget)).sum()
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a key comes in as it does to `run`"
)]
impl<K: Eq, V, S: BuildHasher> Group<K, V, S> {
    /// Lets the next call for `key` start afresh. Returns whether there was a flight to forget.
    ///
    /// The work goes on, and those who already wait receive its value; calls that come
    /// later do not join it, so two executions may overlap. Use it when what the work has
    /// read may have changed since. A work that stores what it has read can ask its
    /// [`Fence`](crate::Fence) whether it was forgotten.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, &str> = Group::new();
    /// let old = group.join(7).unwrap();
    /// assert!(group.forget(7));
    /// assert!(matches!(group.join(7), Ok(Joined::Leader(_))));
    /// assert!(!group.forget(8), "nothing was in flight");
    /// # drop(old);
    /// ```
    pub fn forget<Q: Key<K, M>, M>(&self, key: Q) -> bool {
        let (hash, horizon) = (self.hash(&key), self.horizon());
        let (_, forgotten) = self
            .shard(hash)
            .with(|table| table.forget(hash, |known| key.matches(known), |_| true, horizon));
        forgotten
    }

    /// Forgets the flight of `key` unless someone waits for it. Returns whether the next
    /// call will start afresh: true if the flight was forgotten or there was none, as in
    /// Go's internal `ForgetUnshared` (golang/go 54439).
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, &str> = Group::new();
    /// let leader = group.join(7).unwrap();
    /// let follower = group.join(7).unwrap();
    /// assert!(!group.forget_unshared(7), "a follower waits");
    /// drop(follower);
    /// assert!(group.forget_unshared(7));
    /// # drop(leader);
    /// ```
    pub fn forget_unshared<Q: Key<K, M>, M>(&self, key: Q) -> bool {
        let (hash, horizon) = (self.hash(&key), self.horizon());
        let (found, forgotten) = self.shard(hash).with(|table| {
            table.forget(
                hash,
                |known| key.matches(known),
                |slot| slot.followers() == 0,
                horizon,
            )
        });
        !found || forgotten
    }
}
