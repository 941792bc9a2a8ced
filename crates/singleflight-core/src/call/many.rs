//! The async calls for many keys.

use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;
use core::future::Future;
use core::hash::{BuildHasher, Hash};

use super::batch::start_many;
use super::deadline::{Deadline, Limit, NoDeadline};
use crate::answers::Answers;
use crate::group::fence::{Binding, Fence};
use crate::group::{Group, GroupRef};

/// A call for many keys whose options are being chosen. Made by [`Group::call_many`].
///
/// | option | effect |
/// |---|---|
/// | [`fence`](Self::fence) | the work can ask whether one of its keys was forgotten |
/// | [`give_up_on`](Self::give_up_on) | a deadline, as a future that is ready when it comes |
#[must_use = "a call does nothing until it is run"]
pub struct CallMany<'a, K, V, S, I, X = NoDeadline> {
    group: &'a Group<K, V, S>,
    keys: I,
    limit: X,
    binding: Option<Binding>,
}

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
    /// does not return has [`NotReturned`](crate::CallError::NotReturned), and is handed over to
    /// whoever waits for it and has work; keys that it was not given are dropped. Keys that are
    /// handed over to the batch while it waits are given to the work again, together, at the poll
    /// after that in which they were claimed: a batch whose time is over by then has started no work.
    ///
    /// Two batches that overlap cannot wait for each other: what a batch has claimed lands
    /// before it waits.
    ///
    /// Costs what a call costs for each key, two clones of each claimed key, and a few
    /// allocations. For each key that somebody else loads there are two more: keys that land wake
    /// the task once, and at its poll it looks at those and at no others.
    ///
    /// # Errors
    ///
    /// Each key has its own: see [`Answers`].
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
    /// let group: Group<String, usize> = Group::new();
    /// let names = ["a", "bc", "a"].map(str::to_owned);
    /// let lengths = group
    ///     .run_many(names, async |keys| {
    ///         assert_eq!(keys, ["a", "bc"]);
    ///         keys.into_iter().map(|key| (key.clone(), key.len()))
    ///     })
    ///     .await;
    /// assert_eq!(lengths.get("bc"), Some(Ok(&2)));
    /// # });
    /// ```
    #[doc(alias = "DoX")]
    #[doc(alias = "batch")]
    pub fn run_many<I, F, T, R>(&self, keys: I, work: F) -> impl Future<Output = Answers<K, V>>
    where
        I: IntoIterator<Item = K>,
        F: FnMut(Vec<K>) -> T,
        T: Future<Output = R>,
        R: IntoIterator<Item = (K, V)>,
    {
        self.call_many(keys).run(work)
    }

    /// As [`run_many`](Self::run_many) for a work that may fail as a whole: the error is its own
    /// caller's, at once. The keys that the work was given are handed over, and those that the batch
    /// waits for are left. The failure counts towards
    /// [`max_failures`](crate::Builder::max_failures) of each key.
    ///
    /// # Errors
    ///
    /// What the work returned. Each key has its own: see [`Answers`].
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
    /// let group: Group<u64, u64> = Group::new();
    /// let failed = async |_: Vec<u64>| Err::<Vec<_>, _>("no route");
    /// assert_eq!(group.try_run_many([1, 2], failed).await.err(), Some("no route"));
    /// # });
    /// ```
    pub fn try_run_many<I, F, T, R, E>(
        &self,
        keys: I,
        work: F,
    ) -> impl Future<Output = Result<Answers<K, V>, E>>
    where
        I: IntoIterator<Item = K>,
        F: FnMut(Vec<K>) -> T,
        T: Future<Output = Result<R, E>>,
        R: IntoIterator<Item = (K, V)>,
    {
        self.call_many(keys).try_run(work)
    }

    /// Starts to describe a call for many keys; the options combine. Nothing is registered before
    /// the call is run and polled.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let hung = async |_| std::future::pending::<Vec<_>>().await;
    /// let late = group.call_many([1, 2]).give_up_on(std::future::ready(())).run(hung).await;
    /// assert_eq!(late.get(&2), Some(Err(&CallError::TimedOut)));
    /// # });
    /// ```
    pub fn call_many<I>(&self, keys: I) -> CallMany<'_, K, V, S, I>
    where
        I: IntoIterator<Item = K>,
    {
        CallMany {
            group: self,
            keys,
            limit: NoDeadline,
            binding: None,
        }
    }
}

impl<'a, K, V, S, I, X> CallMany<'a, K, V, S, I, X> {
    /// Binds `fence` to the flights that this call leads, whenever its work is given keys. The fence
    /// must be of the same group: one of another is not bound.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, bool> = Group::new();
    /// let fence = group.fence();
    /// let load = async |keys: Vec<u64>| {
    ///     assert!(!fence.is_forgotten());
    ///     group.forget(2); // someone writes to one of them meanwhile
    ///     let is_old = fence.is_forgotten();
    ///     keys.into_iter().map(move |key| (key, is_old))
    /// };
    /// let answers = group.call_many([1, 2]).fence(&fence).run(load).await;
    /// assert_eq!(answers.get(&1), Some(Ok(&true)));
    /// # });
    /// ```
    pub fn fence<H>(mut self, fence: &Fence<H>) -> Self
    where
        H: GroupRef<Key = K, Value = V, Hasher = S>,
    {
        self.binding = fence.binding(self.group);
        self
    }

    /// Gives up when `expiry` is ready. Keys whose values are there by then have them, the others
    /// [`TimedOut`](crate::CallError::TimedOut). The work is dropped, and the keys that it was given
    /// are handed over.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::future::ready;
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let _leader = group.join(2)?;
    /// let load = async |keys: Vec<u64>| keys.into_iter().map(|key| (key, key * key));
    /// let timer = ready(()); // of the runtime; it is over
    /// let answers = group.call_many([1, 2]).give_up_on(timer).run(load).await;
    /// assert_eq!(answers.get(&2), Some(Err(&CallError::TimedOut)));
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn give_up_on<Y: Future<Output = ()>>(
        self,
        expiry: Y,
    ) -> CallMany<'a, K, V, S, I, Deadline<Y>> {
        CallMany {
            group: self.group,
            keys: self.keys,
            limit: Deadline::new(expiry),
            binding: self.binding,
        }
    }
}

impl<K, V, S, I, X> CallMany<'_, K, V, S, I, X>
where
    K: Clone + Eq + Hash,
    V: Clone,
    S: BuildHasher,
    I: IntoIterator<Item = K>,
    X: for<'g> Limit<&'g Group<K, V, S>>,
{
    /// Makes the call. See [`Group::run_many`].
    ///
    /// # Errors
    ///
    /// Each key has its own: see [`Answers`].
    ///
    /// # Panics
    ///
    /// As [`Group::run_many`].
    ///
    /// # Cancel safety
    ///
    /// As [`Group::run_many`].
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let load = async |keys: Vec<u64>| keys.into_iter().map(|key| (key, key * key));
    /// let answers = group.call_many([2, 3]).give_up_on(std::future::pending()).run(load).await;
    /// assert_eq!(answers.get(&3), Some(Ok(&9)));
    /// # });
    /// ```
    pub async fn run<F, T, R>(self, work: F) -> Answers<K, V>
    where
        F: FnMut(Vec<K>) -> T,
        T: Future<Output = R>,
        R: IntoIterator<Item = (K, V)>,
    {
        // Collected here: an iterator that the work returns is part of the work.
        let loaded = |pairs: R| Ok::<_, Infallible>(pairs.into_iter().collect());
        let Self {
            group,
            keys,
            limit,
            binding,
        } = self;
        match start_many(group, keys, work, loaded, limit, binding).await {
            Ok(answers) => answers,
            Err(never) => match never {},
        }
    }

    /// Makes the call for a work that may fail as a whole. See [`Group::try_run_many`].
    ///
    /// # Errors
    ///
    /// What the work returned. Each key has its own: see [`Answers`].
    ///
    /// # Panics
    ///
    /// As [`Group::run_many`].
    ///
    /// # Cancel safety
    ///
    /// As [`Group::run_many`].
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let load = async |keys: Vec<u64>| match keys.contains(&0) {
    ///     true => Err("there is no row 0"),
    ///     false => Ok(keys.into_iter().map(|key| (key, key * key))),
    /// };
    /// let failed = group.call_many([0, 1]).try_run(load).await;
    /// assert_eq!(failed.err(), Some("there is no row 0"));
    /// let answers = group.call_many([1, 2]).try_run(load).await.unwrap();
    /// assert_eq!(answers.get(&2), Some(Ok(&4)));
    /// # });
    /// ```
    pub async fn try_run<F, T, R, E>(self, work: F) -> Result<Answers<K, V>, E>
    where
        F: FnMut(Vec<K>) -> T,
        T: Future<Output = Result<R, E>>,
        R: IntoIterator<Item = (K, V)>,
    {
        let loaded = |result: Result<R, E>| result.map(|pairs| pairs.into_iter().collect());
        let Self {
            group,
            keys,
            limit,
            binding,
        } = self;
        start_many(group, keys, work, loaded, limit, binding).await
    }
}

impl<K, V, S, I, X> fmt::Debug for CallMany<'_, K, V, S, I, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallMany")
            .field("group", self.group)
            .finish_non_exhaustive()
    }
}
