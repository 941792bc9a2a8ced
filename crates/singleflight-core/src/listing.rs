//! What is in flight, told to a person who debugs.

use core::fmt;

use crate::sync::Arc;

/// One flight, as it was when [`Group::flights`](crate::Group::flights) looked.
pub struct FlightInfo<K> {
    pub(crate) key: Arc<K>,
    pub(crate) followers: usize,
    pub(crate) vacant: bool,
    pub(crate) forgotten: bool,
    pub(crate) age: Option<u64>,
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

    /// Returns the age of the flight in ticks of the group's clock, if it has one
    /// ([`Builder::clock`](crate::Builder::clock)).
    pub fn age(&self) -> Option<u64> {
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
            .field("age", &self.age)
            .finish()
    }
}
