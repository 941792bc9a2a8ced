//! What is in flight, told to a person who debugs.

use core::fmt;
use core::time::Duration;

use crate::platform::sync::Arc;

/// One flight, as it was when [`Group::flights`](crate::Group::flights) looked.
pub struct FlightInfo<K> {
    pub(crate) key: Arc<K>,
    pub(crate) followers: usize,
    pub(crate) vacant: bool,
    pub(crate) forgotten: bool,
    pub(crate) age: Option<u64>,
    pub(crate) tick: Option<Duration>,
}

impl<K> FlightInfo<K> {
    /// Returns the key of the flight.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<String, u64> = Group::new();
    /// let _leader = group.join("users/7")?;
    /// assert_eq!(group.flights()[0].key(), "users/7");
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Returns how many callers waited for the result.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let _leader = group.join(7)?;
    /// let _followers = [group.join(7)?, group.join(7)?];
    /// assert_eq!(group.flights()[0].followers(), 2);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn followers(&self) -> usize {
        self.followers
    }

    /// Whether the leader was lost and nobody had claimed the flight yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let leader = group.join(7)?;
    /// let _follower = group.join(7)?;
    /// assert!(!group.flights()[0].is_vacant());
    /// drop(leader); // the follower may lead on, and has not yet been polled
    /// assert!(group.flights()[0].is_vacant());
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn is_vacant(&self) -> bool {
        self.vacant
    }

    /// Whether the flight was forgotten: it goes on for those who are in it, and a new
    /// call starts another.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let _leader = group.join(7)?;
    /// assert!(!group.flights()[0].is_forgotten());
    /// group.forget(7);
    /// assert!(group.flights()[0].is_forgotten());
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn is_forgotten(&self) -> bool {
        self.forgotten
    }

    /// Returns the age of the flight, if the group has a clock whose
    /// [ticks](crate::Builder::tick) are known; front ends have one by `tell_ages` and `max_age`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> =
    ///     Group::builder().clock(|| 20).tick(Duration::from_millis(1)).build(); // it stands still
    /// let _leader = group.join(7)?;
    /// assert_eq!(group.flights()[0].age(), Some(Duration::ZERO));
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let _leader = group.join(7)?;
    /// assert_eq!(group.flights()[0].age(), None, "it has no clock");
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn age(&self) -> Option<Duration> {
        let nanos = self.tick?.as_nanos().saturating_mul(self.age?.into());
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        let rest = u32::try_from(nanos % 1_000_000_000).unwrap_or(0);
        Some(Duration::new(seconds, rest))
    }

    /// Returns the age of the flight in ticks of the group's clock, if it has one
    /// ([`Builder::clock`](crate::Builder::clock)).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use singleflight_core::Group;
    ///
    /// static TICKS: AtomicU64 = AtomicU64::new(100); // a timer counts it up
    ///
    /// let group: Group<u64, u64> = Group::builder().clock(|| TICKS.load(Ordering::Relaxed)).build();
    /// let _leader = group.join(7)?;
    /// TICKS.store(103, Ordering::Relaxed);
    /// assert_eq!(group.flights()[0].age_in_ticks(), Some(3));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn age_in_ticks(&self) -> Option<u64> {
        self.age
    }
}

impl<K: fmt::Debug> fmt::Debug for FlightInfo<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlightInfo")
            .field("key", self.key())
            .field("followers", &self.followers)
            .field("vacant", &self.vacant)
            .field("forgotten", &self.forgotten)
            .field("age", &self.age())
            .field("age_in_ticks", &self.age)
            .finish_non_exhaustive()
    }
}
