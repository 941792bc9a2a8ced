//! One blocking call for many keys.

use std::future::ready;
use std::hash::{BuildHasher, Hash};

use singleflight_core::Answers;

use crate::group::Group;

impl<K, V, S> Group<K, V, S>
where
    K: Clone + Eq + Hash,
    V: Clone,
    S: BuildHasher,
{
    /// Returns the values for many keys: gives those that nobody is loading to `work` in one
    /// call, and waits for those who load the rest.
    ///
    /// The rules are those of the core's
    /// [`run_many`](singleflight_core::Group::run_many): a key that the work was given and does
    /// not return is absent and handed over; keys that are handed over to the batch while it
    /// waits are given to the work again, together; two batches never wait for each other.
    ///
    /// # Panics
    ///
    /// A panic in the work goes on unchanged; those who wait for the keys that the work was
    /// given are told, or handed over to, as the group's policy has it.
    ///
    /// # Blocking
    ///
    /// Parks the thread while others load. See [`Group`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// let group: singleflight_std::Group<u64, u64> = Default::default();
    /// let squares = group.run_many([2, 3], |keys| keys.into_iter().map(|key| (key, key * key)));
    /// let squares: HashMap<u64, u64> = squares.into_values().collect();
    /// assert_eq!(squares, HashMap::from([(2, 4), (3, 9)]));
    /// ```
    pub fn run_many<I, R>(&self, keys: I, mut work: impl FnMut(Vec<K>) -> R) -> Answers<K, V>
    where
        I: IntoIterator<Item = K>,
        R: IntoIterator<Item = (K, V)>,
    {
        pollster::block_on(self.shared().run_many(keys, |keys| ready(work(keys))))
    }
}

impl<K, T, E, S> Group<K, Result<T, E>, S>
where
    K: Clone + Eq + Hash,
    T: Clone,
    E: Clone,
    S: BuildHasher,
{
    /// As [`run_many`](Self::run_many) for a work that may fail as a whole: its error is then
    /// shared by every key that it was given.
    ///
    /// # Panics
    ///
    /// As [`run_many`](Self::run_many).
    ///
    /// # Blocking
    ///
    /// As [`run_many`](Self::run_many).
    ///
    /// # Examples
    ///
    /// ```
    /// let group: singleflight_std::Group<u64, Result<u64, &str>> = Default::default();
    /// let answers = group.try_run_many([1, 2], |_| Err::<Vec<_>, _>("no route"));
    /// assert!(answers.into_values().all(|(_, value)| value == Err("no route")));
    /// ```
    pub fn try_run_many<I, R>(
        &self,
        keys: I,
        mut work: impl FnMut(Vec<K>) -> Result<R, E>,
    ) -> Answers<K, Result<T, E>>
    where
        I: IntoIterator<Item = K>,
        R: IntoIterator<Item = (K, T)>,
    {
        pollster::block_on(self.shared().try_run_many(keys, |keys| ready(work(keys))))
    }
}
