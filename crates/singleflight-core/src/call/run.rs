//! The async `run` family.

use core::future::Future;
use core::hash::BuildHasher;

use super::deadline::NoDeadline;
use super::future::calling;
use super::share::{ShareAll, TryRun, Verb as _};
use crate::error::CallResult;
use crate::group::Group;
use crate::group::leader::Leader;
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
    /// # Errors
    ///
    /// Whatever leaves this call without a value: the leader panicked (see
    /// [`PanicPolicy`](crate::PanicPolicy)), the call was refused, or another reason that
    /// [`CallError`](crate::CallError) lists.
    ///
    /// # Panics
    ///
    /// A panic in this call's work goes on unchanged.
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
    /// assert_eq!((first?, second?), (42, 42));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "do")]
    #[doc(alias = "get_with")]
    #[doc(alias = "get_or_init")]
    #[doc(alias = "work")]
    #[doc(alias = "dogpile")]
    #[inline]
    pub fn run<Q, M, F, T>(&self, key: Q, work: F) -> impl Future<Output = CallResult<V>>
    where
        Q: Key<K, M>,
        F: FnOnce() -> T,
        T: Future<Output = V>,
    {
        calling(
            move || self.join(key),
            |_| work(),
            |leader: &mut Leader<_>, result| leader.conclude(result, |outcome| Ok(outcome.value)),
            |outcome| outcome.map(Outcome::into_value),
            NoDeadline,
        )
    }

    /// As [`run`](Self::run), and says how the value came about: the caller's role and the
    /// number of followers. Go's `DoEx`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
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
    #[doc(alias = "DoEx")]
    #[doc(alias = "do_ex")]
    #[inline]
    pub fn run_outcome<Q, M, F, T>(
        &self,
        key: Q,
        work: F,
    ) -> impl Future<Output = CallResult<Outcome<V>>>
    where
        Q: Key<K, M>,
        F: FnOnce() -> T,
        T: Future<Output = V>,
    {
        calling(
            move || self.join(key),
            |_| work(),
            |leader: &mut Leader<_>, result| leader.conclude(result, Ok),
            |outcome| outcome,
            NoDeadline,
        )
    }

    /// As [`run`](Self::run), for a work that may fail: an `Ok` is shared, an `Err` stays with the
    /// caller whose work returned it, and the next waiting call runs its own work. The error may
    /// be of any type, also one that cannot be cloned.
    ///
    /// After [`max_failures`](crate::Builder::max_failures) works in a row, 3 by default, those who
    /// still wait receive [`TooManyFailures`](crate::CallError::TooManyFailures): N callers of a
    /// work that always fails pay for three failures. So do those who wait by [`run`](Self::run),
    /// and those who have no work of their own.
    ///
    /// # Errors
    ///
    /// Outside, as [`run`](Self::run); inside, what this call's own work returned. In a function
    /// that returns either, `group.try_run(key, work).await?` is the last expression, and
    /// `.await??` gives the value.
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
    /// use singleflight_core::Group;
    ///
    /// let group: Group<String, u32> = Group::new();
    /// let failed = group.try_run("key", async || Err("unreachable host")).await?;
    /// assert_eq!(failed, Err("unreachable host"));
    /// let loaded = group.try_run("key", async || Ok::<_, &str>(42)).await?;
    /// assert_eq!(loaded, Ok(42));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "try_get_with")]
    #[doc(alias = "get_or_try_init")]
    #[inline]
    pub fn try_run<Q, M, F, T, E>(
        &self,
        key: Q,
        work: F,
    ) -> impl Future<Output = CallResult<Result<V, E>>>
    where
        Q: Key<K, M>,
        F: FnOnce() -> T,
        T: Future<Output = Result<V, E>>,
    {
        calling(
            move || self.join(key),
            |_| work(),
            |leader: &mut Leader<_>, result| {
                let outcome = TryRun::conclude(leader, result, &ShareAll);
                Ok(outcome.map(Outcome::into_value))
            },
            |outcome| outcome.map(|outcome| Ok(outcome.value)),
            NoDeadline,
        )
    }
}
