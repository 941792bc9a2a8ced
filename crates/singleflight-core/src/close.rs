//! How a group comes to its end: closed to new calls, then drained.

use alloc::vec::Vec;

use crate::group::Group;
use crate::listing::FlightInfo;
use crate::shard::Table;
use crate::sync::atomic::Ordering;

impl<K, V, S> Group<K, V, S> {
    /// Refuses every new call with [`Closed`](crate::CallError::Closed), for good. Calls that
    /// lead or wait go on to their end; a follower may still lead on.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// group.close();
    /// let refused = group.run_outcome(7, async || 42).await;
    /// assert_eq!(refused.err(), Some(CallError::Closed));
    /// group.drained().await;
    /// # });
    /// ```
    pub fn close(&self) {
        for shard in self.all() {
            shard.with(Table::close);
        }
        // After every shard is closed, and before anyone looks whether they are empty: pairs
        // with the load in `Group::ended`.
        self.closing.store(true, Ordering::Release);
    }

    /// Whether the group was closed.
    pub fn is_closed(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Closes the group and waits until nothing is in flight.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting; the group stays closed.
    pub async fn drained(&self) {
        self.close();
        self.drained.until(|| self.is_drained()).await;
    }

    /// As [`drained`](Self::drained), parking the calling thread; gives up when `deadline`
    /// comes.
    ///
    /// # Errors
    ///
    /// What is still in flight at the deadline.
    ///
    /// # Blocking
    ///
    /// Never call it on a thread that polls tasks.
    #[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
    pub fn drained_blocking(&self, deadline: std::time::Instant) -> Result<(), Vec<FlightInfo<K>>> {
        self.close();
        match self.drained.until_deadline(|| self.is_drained(), deadline) {
            Some(()) => Ok(()),
            None => Err(self.flights()),
        }
    }

    fn is_drained(&self) -> Option<()> {
        (self.in_flight() == 0).then_some(())
    }
}
