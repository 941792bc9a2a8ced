//! How a group comes to its end: closed to new calls, then drained.

use alloc::vec::Vec;
use core::error::Error;
use core::fmt;
use core::time::Duration;

use super::Group;
use crate::flight_info::FlightInfo;
use crate::platform::sync::atomic::Ordering;
use crate::platform::wait::until;
use crate::table::shard::Table;

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
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// assert!(!group.is_closed());
    /// group.close();
    /// assert!(group.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Closes the group and waits until nothing is in flight.
    ///
    /// The caller who ends the last flight wakes those who wait here. A waker must not poll or drop
    /// one of them from inside `wake`; see [`Follower`](crate::Follower#what-wakers-may-do). One that
    /// panics takes that caller's value with it, and may leave others asleep who wait here.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting; the group stays closed.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::future::poll_once;
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let leader = group.join(7)?;
    /// assert!(poll_once(group.drained()).await.is_none(), "a leader is left");
    /// drop(leader);
    /// group.drained().await;
    /// assert!(group.is_closed());
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    pub async fn drained(&self) {
        self.close();
        let is_drained = |group: &&Self| group.is_drained();
        until(self, |group| &group.drained, is_drained, |_, ()| ()).await;
    }

    /// As [`drained`](Self::drained), parking the calling thread; gives up when `deadline`, if there
    /// is one, comes. Returns whether nothing is in flight.
    ///
    /// # Blocking
    ///
    /// Never call it on a thread that polls tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let leader = group.join(7)?;
    /// assert!(!group.drained_blocking(Some(Instant::now())), "a leader is left");
    /// drop(leader);
    /// assert!(group.drained_blocking(None));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
    pub fn drained_blocking(&self, deadline: Option<std::time::Instant>) -> bool {
        self.close();
        let is_drained = match deadline {
            None => {
                self.drained.until_blocking(|| self.is_drained());
                Some(())
            }
            Some(deadline) => self.drained.until_deadline(|| self.is_drained(), deadline),
        };
        is_drained.or_else(|| self.is_drained()).is_some()
    }

    /// Tells what is left in flight after waiting for it to end.
    ///
    /// # Errors
    ///
    /// What is left, if anything is.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let leader = group.join(7)?;
    /// let left = group.undrained(Duration::from_secs(1)).unwrap_err();
    /// assert_eq!((*left.flights[0].key(), left.waited), (7, Duration::from_secs(1)));
    /// drop(leader);
    /// assert!(group.undrained(Duration::from_secs(1)).is_ok());
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn undrained(&self, waited: Duration) -> Result<(), Undrained<K>> {
        match self.flights() {
            flights if flights.is_empty() => Ok(()),
            flights => Err(Undrained { flights, waited }),
        }
    }

    fn is_drained(&self) -> Option<()> {
        (self.in_flight() == 0).then_some(())
    }
}

/// What was still in flight when the time to drain a group was over.
#[non_exhaustive]
pub struct Undrained<K> {
    /// The flights that were left, by key. Each has its exact age where the group has a clock
    /// ([`Builder::clock`](crate::Builder::clock)).
    pub flights: Vec<FlightInfo<K>>,
    /// How long was waited. The group was closed all the while, so each of the flights is at
    /// least as old.
    pub waited: Duration,
}

impl<K> fmt::Display for Undrained<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, waited) = (self.flights.len(), self.waited);
        write!(f, "{count} flights are left after {waited:?} of draining")
    }
}

impl<K: fmt::Debug> fmt::Debug for Undrained<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undrained")
            .field("flights", &self.flights)
            .field("waited", &self.waited)
            .finish()
    }
}

impl<K: fmt::Debug> Error for Undrained<K> {}
