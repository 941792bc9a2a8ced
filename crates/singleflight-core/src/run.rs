//! The async `run` family, which every async front end has as it is.

use core::future::Future;
use core::hash::BuildHasher;

use crate::calling::calling;
use crate::error::CallError;
use crate::group::Group;
use crate::key::Key;
use crate::outcome::Outcome;

impl<K: Eq, V: Clone, S: BuildHasher> Group<K, V, S> {
    /// Returns the value for `key`: runs `work` in the caller's task if nobody is running it,
    /// else waits for the one who is.
    ///
    /// Whatever the work returns is shared, an `Err` included. If the leader is dropped
    /// before its work is done, the first waiting call to be polled runs its own.
    ///
    /// Nothing is registered before the first poll, and `work` is not called unless this
    /// call leads. A lone call takes two locks and, in steady state, allocates nothing and
    /// clones nothing; if its key is given as a borrow, it takes three locks and makes the key.
    ///
    /// # Panics
    ///
    /// A panic in this call's work goes on unchanged. Panics with the [`CallError`] where
    /// there is no value: the leader panicked (see [`PanicPolicy`](crate::PanicPolicy)), or
    /// the call was refused. [`run_outcome`](Self::run_outcome) returns that as an error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future of a leader drops the work and hands the flight over; dropping
    /// that of a follower leaves the flight.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::future::{yield_now, zip};
    /// use singleflight_core::Group;
    ///
    /// let group: Group<String, u32> = Group::new();
    /// let work = async || {
    ///     yield_now().await;
    ///     42
    /// };
    /// let (first, second) = zip(
    ///     group.run("answer", work),
    ///     group.run("answer", async || unreachable!("the first call leads")),
    /// )
    /// .await;
    /// assert_eq!((first, second), (42, 42));
    /// # });
    /// ```
    #[inline]
    pub fn run<Q, M, F, T>(&self, key: Q, work: F) -> impl Future<Output = V>
    where
        Q: Key<K, M>,
        F: FnOnce() -> T,
        T: Future<Output = V>,
    {
        calling(move || self.join(key), |_| work(), |_| true, value)
    }

    /// As [`run`](Self::run), and says how the value came about: the caller's role and the
    /// number of followers.
    ///
    /// # Errors
    ///
    /// Whatever leaves this call without a value: see [`CallError`].
    ///
    /// # Panics
    ///
    /// A panic in this call's work goes on unchanged.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::{Group, Role};
    ///
    /// let group: Group<u64, u32> = Group::new();
    /// let outcome = group.run_outcome(7, async || 42).await?;
    /// assert_eq!((outcome.value, outcome.role), (42, Role::Leader));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn run_outcome<Q, M, F, T>(
        &self,
        key: Q,
        work: F,
    ) -> impl Future<Output = Result<Outcome<V>, CallError>>
    where
        Q: Key<K, M>,
        F: FnOnce() -> T,
        T: Future<Output = V>,
    {
        calling(
            move || self.join(key),
            |_| work(),
            |_| true,
            |outcome| outcome,
        )
    }
}

impl<K, T, E, S> Group<K, Result<T, E>, S>
where
    K: Eq,
    T: Clone,
    E: Clone,
    S: BuildHasher,
{
    /// As [`run`](Self::run), but an `Err` stays with the caller whose work returned it,
    /// and the flight is handed over: the next waiting call runs its own work.
    ///
    /// After [`max_failures`](crate::Builder::max_failures) works in a row, 3 by default, the error is
    /// shared: N callers of a work that always fails pay for three failures. An `Err` of a flight that
    /// another call leads by [`run`](Self::run) is shared at once: which entry point led decides.
    ///
    /// # Errors
    ///
    /// What this call's work returned, or what the work of a leader that shares errors did.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::Group;
    ///
    /// let group: Group<String, Result<u32, &str>> = Group::new();
    /// assert_eq!(group.try_run("key", async || Err("unreachable host")).await, Err("unreachable host"));
    /// assert_eq!(group.try_run("key", async || Ok(42)).await, Ok(42));
    /// # });
    /// ```
    #[inline]
    pub fn try_run<Q, M, F, R>(&self, key: Q, work: F) -> impl Future<Output = Result<T, E>>
    where
        Q: Key<K, M>,
        F: FnOnce() -> R,
        R: Future<Output = Result<T, E>>,
    {
        calling(move || self.join(key), |_| work(), Result::is_ok, value)
    }
}

/// The answer of a call that has no other way to say that there is no value.
fn value<V>(outcome: Result<Outcome<V>, CallError>) -> V {
    outcome.map_or_else(|error| error.raise(), Outcome::into_value)
}
