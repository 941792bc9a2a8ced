//! The async calls for many keys, which every async front end has as they are.

use alloc::vec::Vec;
use core::future::Future;
use core::hash::{BuildHasher, Hash};

use crate::answers::Answers;
use crate::group::Group;
use crate::loading::Loaded;

impl<K, V, S> Group<K, V, S>
where
    K: Clone + Eq + Hash,
    V: Clone,
    S: BuildHasher,
{
    /// Returns the values for many keys: gives those that nobody is loading to `work` in one
    /// call, and waits for those who load the rest. Go-singleflightx calls it `DoX`.
    ///
    /// The work is given distinct keys, and returns values by key. A key that it was given and
    /// does not return is absent from the answers, and handed over to whoever waits for it and
    /// has work; keys that it was not given are dropped. Keys that are handed over to the batch
    /// while it waits are given to the work again, together, at the poll after that in which
    /// they were claimed: a batch whose time is over by then has started no work.
    ///
    /// Two batches that overlap cannot wait for each other: what a batch has claimed lands
    /// before it waits.
    ///
    /// Costs what a call costs for each key, two clones of each claimed key, and a few
    /// allocations. For each key that somebody else loads there are two more: keys that land wake
    /// the task once, and at its poll it looks at those and at no others.
    ///
    /// # Panics
    ///
    /// A panic in the work goes on unchanged; those who wait for the keys that the work was
    /// given are told, or handed over to, as the group's policy has it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the work, hands over the keys that it was given and leaves
    /// the flights that it waited for.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::Group;
    ///
    /// let group: Group<&str, usize> = Group::new();
    /// let lengths = group
    ///     .run_many(["a", "bc", "a"], async |keys| {
    ///         assert_eq!(keys, ["a", "bc"]);
    ///         keys.into_iter().map(|key| (key, key.len()))
    ///     })
    ///     .await;
    /// assert_eq!(lengths.get(&"bc").unwrap().unwrap().value, 2);
    /// # });
    /// ```
    pub async fn run_many<I, F, T, R>(&self, keys: I, work: F) -> Answers<K, V>
    where
        I: IntoIterator<Item = K>,
        F: FnMut(Vec<K>) -> T,
        T: Future<Output = R>,
        R: IntoIterator<Item = (K, V)>,
    {
        // Collected here: an iterator that the work returns is part of the work.
        let loaded = |pairs: R| Loaded::Each(pairs.into_iter().collect());
        self.fly_many(keys, work, loaded).await
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
    /// shared by every key that it was given, whatever
    /// [`max_failures`](crate::Builder::max_failures) says.
    ///
    /// # Panics
    ///
    /// As [`run_many`](Self::run_many).
    ///
    /// # Cancel safety
    ///
    /// As [`run_many`](Self::run_many).
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, Result<u64, &str>> = Group::new();
    /// let failed = |_: Vec<u64>| std::future::ready(Err::<Vec<_>, _>("no route"));
    /// let answers = group.try_run_many([1, 2], failed).await;
    /// for (_, answer) in answers {
    ///     assert_eq!(answer?.value, Err("no route"));
    /// }
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    pub async fn try_run_many<I, F, L, R>(&self, keys: I, work: F) -> Answers<K, Result<T, E>>
    where
        I: IntoIterator<Item = K>,
        F: FnMut(Vec<K>) -> L,
        L: Future<Output = Result<R, E>>,
        R: IntoIterator<Item = (K, T)>,
    {
        let loaded = |result: Result<R, E>| match result {
            Ok(pairs) => {
                let pairs = pairs.into_iter().map(|(key, value)| (key, Ok(value)));
                Loaded::Each(pairs.collect())
            }
            Err(error) => Loaded::Every(Err(error)),
        };
        self.fly_many(keys, work, loaded).await
    }
}
