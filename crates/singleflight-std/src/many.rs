//! Blocking calls for many keys.

use std::fmt;
use std::future::{poll_fn, ready};
use std::hash::{BuildHasher, Hash};
use std::task::Poll;
use std::time::{Duration, Instant};

#[cfg(doc)]
use singleflight_core::CallError;
use singleflight_core::{Answers, Fence, GroupRef};

use crate::group::Group;
use crate::park::block_on;

/// A call for many keys whose options are being chosen. Made by [`Group::call_many`].
///
/// | option | effect |
/// |---|---|
/// | [`timeout`](Self::timeout), [`deadline`](Self::deadline) | bound the wait; keys whose values are not there by then have [`TimedOut`](CallError::TimedOut) |
/// | [`fence`](Self::fence) | the work can ask whether one of its keys was forgotten |
#[must_use = "a call does nothing until it is run"]
pub struct CallMany<'a, K, V, S, I> {
    call: singleflight_core::CallMany<'a, K, V, S, I>,
    deadline: Option<Instant>,
}

impl<K, V, S> Group<K, V, S>
where
    K: Clone + Eq + Hash,
    V: Clone,
    S: BuildHasher,
{
    /// Returns the values for many keys: gives those that nobody is loading to `work` in one
    /// call, and waits for those who load the rest.
    ///
    /// The work is given distinct keys, and returns values by key. A key that it was given and does
    /// not return has [`NotReturned`](CallError::NotReturned), and is handed over to whoever waits
    /// for it; keys that it was not given are dropped. Keys that are handed over to the batch while
    /// it waits are given to the work again, together.
    ///
    /// Two batches that overlap never wait for each other: what a batch has claimed lands before it
    /// waits.
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
    /// # Blocking
    ///
    /// Parks the thread while others load. See [`Group`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let answers = group.run_many([2, 3], |keys| keys.into_iter().map(|key| (key, key * key)));
    /// let squares: HashMap<u64, u64> = answers.into_all()?;
    /// assert_eq!(squares, HashMap::from([(2, 4), (3, 9)]));
    /// # Ok::<_, CallError>(())
    /// ```
    #[doc(alias = "DoX")]
    #[doc(alias = "batch")]
    pub fn run_many<I, R>(&self, keys: I, work: impl FnMut(Vec<K>) -> R) -> Answers<K, V>
    where
        I: IntoIterator<Item = K>,
        R: IntoIterator<Item = (K, V)>,
    {
        self.call_many(keys).run(work)
    }

    /// As [`run_many`](Self::run_many) for a work that may fail as a whole: the error is its own
    /// caller's, at once. The keys that the work was given are handed over, and those that the batch
    /// waits for are left.
    ///
    /// # Errors
    ///
    /// What the work returned. Each key has its own: see [`Answers`].
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
    /// use singleflight_std::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let failed = group.try_run_many([1, 2], |_| Err::<Vec<_>, _>("no route"));
    /// assert_eq!(failed.err(), Some("no route"));
    /// ```
    pub fn try_run_many<I, R, E>(
        &self,
        keys: I,
        work: impl FnMut(Vec<K>) -> Result<R, E>,
    ) -> Result<Answers<K, V>, E>
    where
        I: IntoIterator<Item = K>,
        R: IntoIterator<Item = (K, V)>,
    {
        self.call_many(keys).try_run(work)
    }

    /// Starts to describe a call for many keys; the options combine.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let _stuck = group.join(7)?;
    /// let late = group.call_many([7]).timeout(Duration::from_millis(1)).run(|_| Vec::new());
    /// assert_eq!(late.get(&7), Some(Err(&CallError::TimedOut)));
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn call_many<I>(&self, keys: I) -> CallMany<'_, K, V, S, I>
    where
        I: IntoIterator<Item = K>,
    {
        CallMany {
            call: self.shared().call_many(keys),
            deadline: None,
        }
    }
}

impl<K, V, S, I> CallMany<'_, K, V, S, I> {
    /// Gives up waiting `timeout` from now on. A batch whose time is up starts no work; a work that
    /// has started takes as long as it takes. One that is beyond what the clock can say is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let stuck = group.join(7)?;
    /// let call = group.call_many([7, 8]).timeout(Duration::from_millis(1));
    /// let answers = call.run(|keys| keys.into_iter().map(|key| (key, key)));
    /// assert_eq!(answers.get(&7), Some(Err(&CallError::TimedOut)));
    /// assert_eq!(answers.get(&8), Some(Ok(&8)));
    /// # drop(stuck);
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.deadline = Instant::now().checked_add(timeout);
        self
    }

    /// As [`timeout`](Self::timeout), at `deadline`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let _stuck = group.join(7)?;
    /// let now = Instant::now();
    /// let late = group.call_many([7]).deadline(now).run(|_| Vec::new());
    /// assert_eq!(late.get(&7), Some(Err(&CallError::TimedOut)));
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Binds `fence` to the flights that this call leads, whenever its work is given keys. The fence
    /// must be of the same group: one of another is not bound.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_std::Group;
    ///
    /// let group: Group<u64, bool> = Group::new();
    /// let fence = group.fence();
    /// let answers = group.call_many([1, 2]).fence(&fence).run(|keys| {
    ///     assert!(!fence.is_forgotten());
    ///     group.forget(2); // someone writes to one of them meanwhile
    ///     keys.into_iter().map(|key| (key, fence.is_forgotten()))
    /// });
    /// assert_eq!(answers.get(&1), Some(Ok(&true)));
    /// ```
    pub fn fence<H>(mut self, fence: &Fence<H>) -> Self
    where
        H: GroupRef<Key = K, Value = V, Hasher = S>,
    {
        self.call = self.call.fence(fence);
        self
    }
}

impl<K, V, S, I> CallMany<'_, K, V, S, I>
where
    K: Clone + Eq + Hash,
    V: Clone,
    S: BuildHasher,
    I: IntoIterator<Item = K>,
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
    /// # Blocking
    ///
    /// As [`Group::run_many`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use singleflight_std::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let call = group.call_many([2, 3]).timeout(Duration::from_secs(60));
    /// let answers = call.run(|keys| keys.into_iter().map(|key| (key, key * key)));
    /// assert_eq!(answers.get(&3), Some(Ok(&9)));
    /// ```
    pub fn run<R>(self, mut work: impl FnMut(Vec<K>) -> R) -> Answers<K, V>
    where
        R: IntoIterator<Item = (K, V)>,
    {
        let Self { call, deadline } = self;
        let work = |keys| ready(work(keys));
        match deadline {
            None => block_on(call.run(work), None),
            Some(at) => block_on(call.give_up_on(is_over(at)).run(work), deadline),
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
    /// # Blocking
    ///
    /// As [`Group::run_many`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_std::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let load = |keys: Vec<u64>| match keys.contains(&0) {
    ///     true => Err("there is no row 0"),
    ///     false => Ok(keys.into_iter().map(|key| (key, key * key))),
    /// };
    /// assert_eq!(group.call_many([0, 1]).try_run(load).err(), Some("there is no row 0"));
    /// let answers = group.call_many([1, 2]).try_run(load).unwrap();
    /// assert_eq!(answers.get(&2), Some(Ok(&4)));
    /// ```
    pub fn try_run<R, E>(
        self,
        mut work: impl FnMut(Vec<K>) -> Result<R, E>,
    ) -> Result<Answers<K, V>, E>
    where
        R: IntoIterator<Item = (K, V)>,
    {
        let Self { call, deadline } = self;
        let work = |keys| ready(work(keys));
        match deadline {
            None => block_on(call.try_run(work), None),
            Some(at) => block_on(call.give_up_on(is_over(at)).try_run(work), deadline),
        }
    }
}

/// Is ready once the deadline has come. It wakes nobody: whoever polls it keeps the time.
async fn is_over(deadline: Instant) {
    poll_fn(|_| {
        if Instant::now() < deadline {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

impl<K, V, S, I> fmt::Debug for CallMany<'_, K, V, S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallMany")
            .field("call", &self.call)
            .field("deadline", &self.deadline)
            .finish()
    }
}
