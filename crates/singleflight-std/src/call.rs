//! A blocking call with options: they combine here, instead of each combination being a method.

use std::fmt;
use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use singleflight_core::{CallError, Joined, Key, Leader, Outcome, Turn};

use crate::group::{Group, Shared};

/// The fence that a thread's work receives.
pub type Fence<'a, K, V, S> = singleflight_core::Fence<&'a Shared<K, V, S>>;

/// A call whose options are being chosen. Made by [`Group::call`].
///
/// | option | effect |
/// |---|---|
/// | [`keep_errors`](Self::keep_errors) | an `Err` stays with the caller whose work returned it, as in [`try_run`](Group::try_run) |
/// | [`deadline`](Self::deadline), [`timeout`](Self::timeout) | bound the wait of a follower |
/// | [`run_fenced`](Self::run_fenced) | the work receives a [`Fence`] |
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use singleflight_std::Group;
///
/// let group: Group<&str, Result<u32, String>> = Group::new();
/// let outcome = group
///     .call("key")
///     .keep_errors()
///     .timeout(Duration::from_secs(1))
///     .run(|| Ok(42))?;
/// assert_eq!(outcome.value, Ok(42));
/// # Ok::<_, singleflight_std::CallError>(())
/// ```
#[must_use = "a call does nothing until it is run"]
pub struct Call<'a, K, V, S, Q, M> {
    group: &'a Shared<K, V, S>,
    key: Q,
    shares: fn(&V) -> bool,
    limit: Limit,
    marker: PhantomData<fn(M)>,
}

/// How long a call waits. A clock that need not be read is not.
#[derive(Clone, Copy, Debug)]
enum Limit {
    None,
    /// From when it begins to wait.
    For(Duration),
    Until(Instant),
}

impl Limit {
    /// Whether the time of a call is up that has not come yet.
    fn is_over(self) -> bool {
        match self {
            Self::None => false,
            Self::For(timeout) => timeout.is_zero(),
            Self::Until(deadline) => Instant::now() >= deadline,
        }
    }

    fn deadline(self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::For(timeout) => Instant::now().checked_add(timeout),
            Self::Until(deadline) => Some(deadline),
        }
    }
}

impl<K: Eq, V: Clone, S: BuildHasher> Group<K, V, S> {
    /// Starts to describe a call for `key`; the options combine.
    pub fn call<Q, M>(&self, key: Q) -> Call<'_, K, V, S, Q, M>
    where
        Q: Key<K, M>,
    {
        Call {
            group: self.shared(),
            key,
            shares: |_| true,
            limit: Limit::None,
            marker: PhantomData,
        }
    }

    /// As [`run_outcome`](Self::run_outcome), waiting for `timeout` at most. It bounds the wait
    /// of a follower; work that runs on this thread takes as long as it takes.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](CallError::TimedOut), and whatever else leaves the call without a value.
    ///
    /// # Panics
    ///
    /// A panic in this call's work goes on unchanged.
    ///
    /// # Blocking
    ///
    /// A follower parks its thread. See [`Group`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use singleflight_std::{CallError, Group, Joined};
    ///
    /// let group: Group<u64, u32> = Group::new();
    /// let stuck = group.join(7)?;
    /// let waited = group.run_timeout(7, Duration::from_millis(1), || 42);
    /// assert_eq!(waited.err(), Some(CallError::TimedOut));
    /// # drop(stuck);
    /// # Ok::<_, singleflight_std::CallError>(())
    /// ```
    pub fn run_timeout<Q, M>(
        &self,
        key: Q,
        timeout: Duration,
        work: impl FnOnce() -> V,
    ) -> Result<Outcome<V>, CallError>
    where
        Q: Key<K, M>,
    {
        self.call(key).timeout(timeout).run(work)
    }
}

impl<K, T, E, S, Q, M> Call<'_, K, Result<T, E>, S, Q, M> {
    /// Keeps an `Err` with the caller whose work returned it, and hands the flight over.
    ///
    /// After [`Builder::max_failures`](crate::Builder::max_failures) failures in a row, and
    /// where nobody who waits has work of its own, it is shared all the same.
    pub fn keep_errors(mut self) -> Self {
        self.shares = Result::is_ok;
        self
    }
}

impl<K, V, S, Q, M> Call<'_, K, V, S, Q, M> {
    /// Gives up waiting at `deadline`. Threads cannot be cancelled: it bounds the wait of a
    /// follower. A call whose time is up starts no work, as a newcomer or in a lost leader's place;
    /// a work that has started takes as long as it takes.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.limit = Limit::Until(deadline);
        self
    }

    /// As [`deadline`](Self::deadline), `timeout` after the call has come. One that is beyond what
    /// the clock can say is none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limit = Limit::For(timeout);
        self
    }
}

impl<'a, K, V, S, Q, M> Call<'a, K, V, S, Q, M>
where
    K: Eq,
    V: Clone,
    S: BuildHasher,
    Q: Key<K, M>,
{
    /// Makes the call.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](CallError::TimedOut) if the deadline came first, and whatever else leaves
    /// this call without a value: see [`CallError`].
    ///
    /// # Panics
    ///
    /// A panic in this call's work goes on unchanged.
    ///
    /// # Blocking
    ///
    /// A follower parks its thread. See [`Group`].
    #[inline]
    pub fn run(self, work: impl FnOnce() -> V) -> Result<Outcome<V>, CallError> {
        let shares = self.shares;
        self.lead_or_wait(|leader| leader.lead_blocking_if(work, shares))
    }

    /// As [`run`](Self::run), and gives the work a [`Fence`], by which it learns whether its
    /// flight was forgotten while it ran.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Blocking
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// let group: singleflight_std::Group<u64, bool> = Default::default();
    /// let outcome = group.call(7).run_fenced(|fence| {
    ///     group.forget(7); // someone invalidates what the work has read
    ///     fence.is_forgotten()
    /// })?;
    /// assert!(outcome.value);
    /// # Ok::<_, singleflight_std::CallError>(())
    /// ```
    pub fn run_fenced(
        self,
        work: impl FnOnce(Fence<'a, K, V, S>) -> V,
    ) -> Result<Outcome<V>, CallError> {
        let shares = self.shares;
        self.lead_or_wait(|leader| {
            let fence = leader.fence();
            leader.lead_blocking_if(|| work(fence), shares)
        })
    }

    /// Joins; leads by `lead` if that is this call's part, now or after a hand-over.
    #[inline]
    fn lead_or_wait(
        self,
        lead: impl FnOnce(Leader<&'a Shared<K, V, S>>) -> Outcome<V>,
    ) -> Result<Outcome<V>, CallError> {
        if self.limit.is_over() {
            return Err(CallError::TimedOut);
        }
        let leader = match self.group.join(self.key)? {
            Joined::Leader(leader) => leader,
            Joined::Follower(follower) => {
                let turn = match self.limit.deadline() {
                    None => follower.wait_blocking(),
                    Some(deadline) => follower.wait_deadline_blocking(deadline),
                };
                match turn? {
                    Turn::Landed(outcome) => return Ok(outcome),
                    Turn::Lead(leader) => leader,
                }
            }
        };
        Ok(lead(leader))
    }
}

impl<K, V, S, Q, M> fmt::Debug for Call<'_, K, V, S, Q, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("group", &self.group)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
