//! A blocking call with options: they combine here, instead of each combination being a method.

use std::fmt;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use singleflight_core::{
    BlockingLimit, CallResult, Fence, GroupRef, Key, NoDeadline, Outcome, ShareAll, Shares,
    TimeLimit,
};

#[cfg(doc)]
use singleflight_core::CallError;

/// A call whose options are being chosen. Made by [`Group::call`](crate::Group::call).
///
/// | option | effect |
/// |---|---|
/// | [`timeout`](Self::timeout), [`deadline`](Self::deadline) | bound the wait of a follower |
/// | [`share_if`](Self::share_if) | a value that the predicate refuses stays with its caller |
/// | [`fence`](Self::fence) | the work can ask whether its flight was forgotten |
/// | [`while_wanted`](Self::while_wanted), [`on`](Self::on) | of a call that is going to be spawned |
///
/// | verb | what the work gives | what the call returns |
/// |---|---|---|
/// | [`run`](Self::run) | `V` | `Result<V, CallError>` |
/// | [`run_outcome`](Self::run_outcome) | `V` | `Result<Outcome<V>, CallError>` |
/// | [`try_run`](Self::try_run) | `Result<V, E>` | `Result<Result<V, E>, CallError>` |
/// | [`try_run_outcome`](Self::try_run_outcome) | `Result<V, E>` | `Result<Result<Outcome<V>, E>, CallError>` |
/// | [`spawn`](Self::spawn) | `V` | [`Spawned`](crate::Spawned), which is joined |
/// | [`try_spawn`](Self::try_spawn) | `Result<V, E>` | [`TrySpawned`](crate::TrySpawned), which is joined |
///
/// A call with a deadline is not spawned: join its handle with a timeout, which bounds the wait and
/// nothing else.
#[must_use = "a call does nothing until it is run"]
pub struct Call<G: GroupRef, Q, M, P = ShareAll, X = NoDeadline>(
    pub(crate) singleflight_core::Call<G, Q, M, P, X>,
);

impl<G: GroupRef, Q, M, P, X> Call<G, Q, M, P, X> {
    /// Gives up waiting `timeout` after the call has come. Threads cannot be cancelled: it bounds
    /// the wait of a follower. A call whose time is up starts no work, as a newcomer or in a lost
    /// leader's place; a work that has started takes as long as it takes. One that is beyond what
    /// the clock can say is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let _stuck = group.join(7)?;
    /// let late = group.call(7).timeout(Duration::from_millis(1)).run(|| 42);
    /// assert_eq!(late, Err(CallError::TimedOut));
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn timeout(self, timeout: Duration) -> Call<G, Q, M, P, TimeLimit> {
        Call(self.0.give_up(TimeLimit::After(timeout)))
    }

    /// As [`timeout`](Self::timeout), at `deadline`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let now = Instant::now();
    /// let late = group.call(7).deadline(now).run(|| unreachable!("its time is up"));
    /// assert_eq!(late, Err(CallError::TimedOut));
    /// let in_time = group.call(7).deadline(now + Duration::from_secs(60)).run(|| 42);
    /// assert_eq!(in_time, Ok(42));
    /// ```
    pub fn deadline(self, deadline: Instant) -> Call<G, Q, M, P, TimeLimit> {
        Call(self.0.give_up(TimeLimit::At(deadline)))
    }

    /// Shares only values that the predicate accepts. Another stays with the caller whose work made
    /// it and never reaches a second caller: the flight is handed over, and the refusal counts
    /// towards [`max_failures`](crate::Builder::max_failures). Where nobody who waits can or may
    /// lead on, they receive [`NotShared`](CallError::NotShared).
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<u64, &str> = Group::new();
    /// let is_public = |page: &&str| !page.contains("private");
    /// let page = group.call(7).share_if(is_public).run(|| "a private page")?;
    /// assert_eq!(page, "a private page", "its own caller has it");
    /// assert_eq!(group.stats().landed, 0, "and nobody else could have had it");
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn share_if<R>(self, predicate: R) -> Call<G, Q, M, R, X>
    where
        R: Fn(&G::Value) -> bool,
    {
        Call(self.0.share_if(predicate))
    }

    /// Binds `fence` to the flight if this call comes to lead it. The fence must be of the same
    /// group: one of another is not bound.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<u64, [bool; 2]> = Group::new();
    /// let fence = group.fence();
    /// let load = || {
    ///     let before = fence.is_forgotten();
    ///     group.forget(7); // someone invalidates what the work has read
    ///     [before, fence.is_forgotten()]
    /// };
    /// assert_eq!(group.call(7).fence(&fence).run(load)?, [false, true]);
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn fence<H>(self, fence: &Fence<H>) -> Self
    where
        H: GroupRef<Key = G::Key, Value = G::Value, Hasher = G::Hasher>,
    {
        Self(self.0.fence(fence))
    }
}

impl<K, V, S, G, Q, M, P, X> Call<G, Q, M, P, X>
where
    K: Eq,
    V: Clone,
    S: BuildHasher,
    G: GroupRef<Key = K, Value = V, Hasher = S>,
    Q: Key<K, M>,
    P: Shares<V>,
    X: BlockingLimit,
{
    /// Makes the call. See [`Group::run`](crate::Group::run).
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
    /// A follower parks its thread. See [`Group`](crate::Group).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use singleflight_std::Group;
    ///
    /// let group: Group<u64, &str> = Group::new();
    /// let call = group.call(7).timeout(Duration::from_secs(60)).share_if(|page| !page.is_empty());
    /// assert_eq!(call.run(|| "seven")?, "seven");
    /// # Ok::<_, singleflight_std::CallError>(())
    /// ```
    #[inline]
    pub fn run(self, work: impl FnOnce() -> V) -> CallResult<V> {
        self.0.run_blocking(work)
    }

    /// Makes the call, and says how the value came about. See
    /// [`Group::run_outcome`](crate::Group::run_outcome).
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
    /// use singleflight_std::{CallError, Group, Role};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let is_small = |value: &u64| *value < 10;
    /// let outcome = group.call(7).share_if(is_small).run_outcome(|| 42)?;
    /// assert_eq!((outcome.value, outcome.role, outcome.followers), (42, Role::Leader, 0));
    /// # Ok::<_, CallError>(())
    /// ```
    #[inline]
    pub fn run_outcome(self, work: impl FnOnce() -> V) -> CallResult<Outcome<V>> {
        self.0.run_outcome_blocking(work)
    }

    /// Makes the call for a work that may fail. See [`Group::try_run`](crate::Group::try_run).
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); inside, what this call's own work failed with.
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
    /// use std::time::Duration;
    /// use singleflight_std::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let minute = Duration::from_secs(60);
    /// assert_eq!(group.call(7).timeout(minute).try_run(|| Err("no route"))?, Err("no route"));
    /// assert_eq!(group.call(7).timeout(minute).try_run(|| Ok::<_, &str>(42))?, Ok(42));
    /// # Ok::<_, singleflight_std::CallError>(())
    /// ```
    #[inline]
    pub fn try_run<E>(self, work: impl FnOnce() -> Result<V, E>) -> CallResult<Result<V, E>> {
        self.0.try_run_blocking(work)
    }

    /// As [`try_run`](Self::try_run), and says how the value came about.
    ///
    /// # Errors
    ///
    /// As [`try_run`](Self::try_run).
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
    /// use singleflight_std::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let failed = group.call(7).try_run_outcome(|| Err("no route"))?;
    /// assert_eq!(failed, Err("no route"));
    /// let made = group.call(7).try_run_outcome(|| Ok::<_, &str>(42))?;
    /// assert!(made.is_ok_and(|outcome| outcome.is_leader() && outcome.value == 42));
    /// # Ok::<_, singleflight_std::CallError>(())
    /// ```
    #[inline]
    pub fn try_run_outcome<E>(
        self,
        work: impl FnOnce() -> Result<V, E>,
    ) -> CallResult<Result<Outcome<V>, E>> {
        self.0.try_run_outcome_blocking(work)
    }
}

impl<G: GroupRef, Q, M, P, X> fmt::Debug for Call<G, Q, M, P, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
