//! How a group of threads comes to its end.

use std::time::Instant;

use singleflight_core::Undrained;

use crate::group::Group;

impl<K, V, S> Group<K, V, S> {
    /// Closes the group and waits until nothing is in flight, or until `deadline`.
    ///
    /// # Errors
    ///
    /// What is left, by key and age.
    ///
    /// # Blocking
    ///
    /// Parks the calling thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use singleflight_std::Group;
    ///
    /// let group: Group<&str, u32> = Group::new();
    /// let stuck = group.join("stuck");
    /// let left = group.drain(Instant::now() + Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(*left.flights[0].key(), "stuck");
    /// drop(stuck);
    /// assert!(group.drain(Instant::now()).is_ok());
    /// ```
    pub fn drain(&self, deadline: Instant) -> Result<(), Undrained<K>> {
        let started = Instant::now();
        if self.drained_blocking(deadline) {
            return Ok(());
        }
        self.undrained(started.elapsed())
    }
}
