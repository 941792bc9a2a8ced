//! The `run` family for threads: a follower parks its thread.

use core::hash::BuildHasher;
#[cfg(not(loom))]
use std::time::{Duration, Instant};

use super::builder::{Call, bind};
use super::deadline::NoDeadline;
use super::share::{Run, ShareAll, Shares, TryRun, Verb as _};
use crate::error::{CallError, CallResult};
use crate::group::follower::{Follower, Turn};
use crate::group::join::Joined;
use crate::group::leader::Leader;
use crate::group::{Group, GroupRef};
use crate::key::Key;
use crate::outcome::Outcome;
use crate::policy::Payload;

/// What bounds the wait of a thread.
pub trait BlockingLimit {
    /// Whether the time is up of a call that has not come yet.
    fn is_over(&self) -> bool;

    /// Parks until the flight lands, or until it is this follower's turn to lead.
    ///
    /// # Errors
    ///
    /// As [`Follower::wait_blocking`], and [`TimedOut`](CallError::TimedOut).
    fn wait<G: GroupRef>(self, follower: Follower<G>) -> CallResult<Turn<G>>
    where
        G::Value: Clone;
}

impl BlockingLimit for NoDeadline {
    #[inline]
    fn is_over(&self) -> bool {
        false
    }

    #[inline]
    fn wait<G: GroupRef>(self, follower: Follower<G>) -> CallResult<Turn<G>>
    where
        G::Value: Clone,
    {
        follower.wait_blocking()
    }
}

/// When a thread gives up waiting. A clock that need not be read is not.
#[cfg(not(loom))]
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a time is a span or a point")]
pub enum TimeLimit {
    /// So long after the call has begun to wait. One that is beyond what the clock can say is no
    /// limit.
    After(Duration),
    /// At this time.
    At(Instant),
}

#[cfg(not(loom))]
impl BlockingLimit for TimeLimit {
    fn is_over(&self) -> bool {
        match self {
            Self::After(timeout) => timeout.is_zero(),
            Self::At(deadline) => Instant::now() >= *deadline,
        }
    }

    fn wait<G: GroupRef>(self, follower: Follower<G>) -> CallResult<Turn<G>>
    where
        G::Value: Clone,
    {
        let deadline = match self {
            Self::After(timeout) => Instant::now().checked_add(timeout),
            Self::At(deadline) => Some(deadline),
        };
        match deadline {
            None => follower.wait_blocking(),
            Some(deadline) => follower.wait_deadline_blocking(deadline),
        }
    }
}

/// The calls of threads, from which the front end for threads is made.
///
/// A panic in the call's own work goes on unchanged. A follower parks its thread: never call them on
/// a thread that polls tasks.
impl<K: Eq, V: Clone, S: BuildHasher> Group<K, V, S> {
    /// As [`run`](Self::run), on the calling thread.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| assert_eq!(group.run_blocking(7, || 42), Ok(42)));
    ///     }
    /// });
    /// let stats = group.stats();
    /// assert_eq!(stats.led + stats.followed, 4);
    /// ```
    #[inline]
    pub fn run_blocking<Q, M>(&self, key: Q, work: impl FnOnce() -> V) -> CallResult<V>
    where
        Q: Key<K, M>,
    {
        lead_or_wait(
            self,
            key,
            NoDeadline,
            |mut leader| {
                let result = leader.run(work);
                leader.conclude(result, |outcome| Ok(outcome.value))
            },
            |outcome| Ok(outcome.value),
        )
    }

    /// As [`run_outcome`](Self::run_outcome), on the calling thread.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Role};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let outcome = group.run_outcome_blocking(7, || 42)?;
    /// assert_eq!((outcome.value, outcome.role, outcome.followers), (42, Role::Leader, 0));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[inline]
    pub fn run_outcome_blocking<Q, M>(
        &self,
        key: Q,
        work: impl FnOnce() -> V,
    ) -> CallResult<Outcome<V>>
    where
        Q: Key<K, M>,
    {
        let lead = |leader: Leader<_>| Ok(leader.lead_blocking(work));
        lead_or_wait(self, key, NoDeadline, lead, Ok)
    }

    /// As [`try_run`](Self::try_run), on the calling thread.
    ///
    /// # Errors
    ///
    /// As [`try_run`](Self::try_run).
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// assert_eq!(group.try_run_blocking(7, || Err("no route"))?, Err("no route"));
    /// assert_eq!(group.try_run_blocking(7, || Ok::<_, &str>(42))?, Ok(42));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[inline]
    pub fn try_run_blocking<Q, M, E>(
        &self,
        key: Q,
        work: impl FnOnce() -> Result<V, E>,
    ) -> CallResult<Result<V, E>>
    where
        Q: Key<K, M>,
    {
        lead_or_wait(
            self,
            key,
            NoDeadline,
            |mut leader| {
                let result = leader.run(work);
                let outcome = TryRun::conclude(&mut leader, result, &ShareAll);
                Ok(outcome.map(Outcome::into_value))
            },
            |outcome| Ok(Ok(outcome.value)),
        )
    }
}

impl<G: GroupRef, Q, M, P, X> Call<G, Q, M, P, X> {
    /// Bounds the wait of the call's thread, for the verbs that block. A call whose time is up
    /// starts no work; a work that has started takes as long as it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use singleflight_core::{CallError, Group, TimeLimit};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let _leader = group.join(7)?;
    /// let now = TimeLimit::At(Instant::now());
    /// let late = group.call(7).give_up(now).run_blocking(|| 42);
    /// assert_eq!(late, Err(CallError::TimedOut));
    /// # Ok::<_, CallError>(())
    /// ```
    #[cfg(not(loom))]
    pub fn give_up(self, limit: TimeLimit) -> Call<G, Q, M, P, TimeLimit> {
        self.limited(limit)
    }
}

/// The verbs that block. See [`Group::run_blocking`].
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
    /// As [`run`](Self::run), on the calling thread.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use singleflight_core::{CallError, Group, TimeLimit};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let stuck = group.join(7)?;
    /// let soon = TimeLimit::After(Duration::from_millis(1));
    /// assert_eq!(group.call(7).give_up(soon).run_blocking(|| 42), Err(CallError::TimedOut));
    /// drop(stuck);
    /// assert_eq!(group.call(7).run_blocking(|| 42), Ok(42));
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn run_blocking(self, work: impl FnOnce() -> V) -> CallResult<V> {
        self.run_outcome_blocking(work).map(Outcome::into_value)
    }

    /// As [`run_outcome`](Self::run_outcome), on the calling thread.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Role};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let is_small = |value: &u64| *value < 10;
    /// let outcome = group.call(7).share_if(is_small).run_outcome_blocking(|| 42)?;
    /// assert_eq!((outcome.value, outcome.role), (42, Role::Leader), "its own caller has it");
    /// assert_eq!(group.stats().landed, 0, "and nobody else could have had it");
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn run_outcome_blocking(self, work: impl FnOnce() -> V) -> CallResult<Outcome<V>> {
        self.start_blocking(
            work,
            |leader, result, shares| Ok(Run::conclude(leader, result, shares)),
            Ok,
        )
    }

    /// As [`try_run`](Self::try_run), on the calling thread.
    ///
    /// # Errors
    ///
    /// As [`try_run`](Self::try_run).
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let is_small = |value: &u64| *value < 100;
    /// let failed = group.call(7).share_if(is_small).try_run_blocking(|| Err("no route"))?;
    /// assert_eq!(failed, Err("no route"));
    /// let made = group.call(7).share_if(is_small).try_run_blocking(|| Ok::<_, &str>(42))?;
    /// assert_eq!(made, Ok(42));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn try_run_blocking<E>(
        self,
        work: impl FnOnce() -> Result<V, E>,
    ) -> CallResult<Result<V, E>> {
        let outcome = self.try_run_outcome_blocking(work)?;
        Ok(outcome.map(Outcome::into_value))
    }

    /// As [`try_run_outcome`](Self::try_run_outcome), on the calling thread.
    ///
    /// # Errors
    ///
    /// As [`try_run`](Self::try_run).
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let failed = group.call(7).try_run_outcome_blocking(|| Err("no route"))?;
    /// assert_eq!(failed, Err("no route"));
    /// let made = group.call(7).try_run_outcome_blocking(|| Ok::<_, &str>(42))?;
    /// assert!(made.is_ok_and(|outcome| outcome.is_leader() && outcome.value == 42));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn try_run_outcome_blocking<E>(
        self,
        work: impl FnOnce() -> Result<V, E>,
    ) -> CallResult<Result<Outcome<V>, E>> {
        self.start_blocking(
            work,
            |leader, result, shares| Ok(TryRun::conclude(leader, result, shares)),
            |outcome| Ok(Ok(outcome)),
        )
    }

    fn start_blocking<R, A>(
        self,
        work: impl FnOnce() -> R,
        conclude: impl FnOnce(&mut Leader<G>, Result<R, Payload>, &P) -> CallResult<A>,
        answer: impl FnOnce(Outcome<V>) -> CallResult<A>,
    ) -> CallResult<A> {
        let Self {
            group,
            key,
            shares,
            limit,
            binding,
            ..
        } = self;
        let lead = |mut leader: Leader<G>| {
            bind(binding.as_ref(), &leader);
            let result = leader.run(work);
            conclude(&mut leader, result, &shares)
        };
        lead_or_wait(group, key, limit, lead, answer)
    }
}

/// Joins; leads by `lead` if that is this call's part, now or after a hand-over.
#[inline]
fn lead_or_wait<G, Q, M, X, A>(
    group: G,
    key: Q,
    limit: X,
    lead: impl FnOnce(Leader<G>) -> CallResult<A>,
    answer: impl FnOnce(Outcome<G::Value>) -> CallResult<A>,
) -> CallResult<A>
where
    G: GroupRef,
    G::Key: Eq,
    G::Value: Clone,
    G::Hasher: BuildHasher,
    Q: Key<G::Key, M>,
    X: BlockingLimit,
{
    if limit.is_over() {
        return Err(CallError::TimedOut);
    }
    let leader = match Group::join_owned(group, key)? {
        Joined::Leader(leader) => leader,
        Joined::Follower(follower) => match limit.wait(follower)? {
            Turn::Landed(outcome) => return answer(outcome),
            Turn::Lead(leader) => leader,
        },
    };
    lead(leader)
}
