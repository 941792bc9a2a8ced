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
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Returns how many callers waited for the result.
    pub fn followers(&self) -> usize {
        self.followers
    }

    /// Whether the leader was lost and nobody had claimed the flight yet.
    pub fn is_vacant(&self) -> bool {
        self.vacant
    }

    /// Whether the flight was forgotten: it goes on for those who are in it, and a new
    /// call starts another.
    pub fn is_forgotten(&self) -> bool {
        self.forgotten
    }

    /// Returns the age of the flight, if the group has a clock whose
    /// [ticks](crate::Builder::tick) are known; front ends have one by `tell_ages` and `max_age`.
    pub fn age(&self) -> Option<Duration> {
        let nanos = self.tick?.as_nanos().saturating_mul(self.age?.into());
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        let rest = u32::try_from(nanos % 1_000_000_000).unwrap_or(0);
        Some(Duration::new(seconds, rest))
    }

    /// Returns the age of the flight in ticks of the group's clock, if it has one
    /// ([`Builder::clock`](crate::Builder::clock)).
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
