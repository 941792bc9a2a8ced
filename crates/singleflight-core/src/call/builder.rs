//! A call with options: they combine here, instead of each combination being a method.

use core::fmt;
use core::future::Future;
use core::hash::BuildHasher;
use core::marker::PhantomData;

use super::deadline::{Deadline, Limit, NoDeadline};
use super::future::calling;
use super::share::{Run, ShareAll, Shares, TryRun, Verb as _};
#[cfg(doc)]
use crate::error::CallError;
use crate::error::CallResult;
use crate::group::fence::{Binding, Fence};
use crate::group::leader::Leader;
use crate::group::{Group, GroupRef};
use crate::key::Key;
use crate::outcome::Outcome;
use crate::policy::Payload;

/// A call whose options are being chosen. Made by [`Group::call`] and [`Group::call_owned`].
///
/// | option | effect |
/// |---|---|
/// | [`share_if`](Self::share_if) | a value that the predicate refuses stays with its caller |
/// | [`fence`](Self::fence) | the work can ask whether its flight was forgotten |
/// | [`give_up_on`](Self::give_up_on) | a deadline, as a future that is ready when it comes |
///
/// | verb | what the work gives | what the call returns |
/// |---|---|---|
/// | [`run`](Self::run) | `V` | `Result<V, CallError>` |
/// | [`run_outcome`](Self::run_outcome) | `V` | `Result<Outcome<V>, CallError>` |
/// | [`try_run`](Self::try_run) | `Result<V, E>` | `Result<Result<V, E>, CallError>` |
/// | [`try_run_outcome`](Self::try_run_outcome) | `Result<V, E>` | `Result<Result<Outcome<V>, E>, CallError>` |
///
/// `G` is the reference to the group, `Q` the key as it was given (`M` tells in which way), `P` says
/// which values are shared, `X` is the deadline.
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// use singleflight_core::{CallError, Group};
///
/// let group: Group<u64, u32> = Group::new();
/// let late = group
///     .call(7)
///     .give_up_on(std::future::ready(())) // at once
///     .run(std::future::pending)
///     .await;
/// assert_eq!(late, Err(CallError::TimedOut));
/// assert_eq!(group.in_flight(), 0);
/// # });
/// ```
#[must_use = "a call does nothing until it is run"]
pub struct Call<G: GroupRef, Q, M, P = ShareAll, X = NoDeadline> {
    pub(crate) group: G,
    pub(crate) key: Q,
    pub(crate) shares: P,
    pub(crate) limit: X,
    pub(crate) binding: Option<Binding>,
    marker: PhantomData<fn(M)>,
}

impl<K: Eq, V: Clone, S: BuildHasher> Group<K, V, S> {
    /// Starts to describe a call for `key`; the options combine. Nothing is registered before
    /// the call is run and polled.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let call = group.call(7);
    /// assert_eq!(group.in_flight(), 0, "nothing is registered yet");
    /// assert_eq!(call.run(async || 42).await?, 42);
    /// let late = group.call(7).give_up_on(std::future::ready(())).run(async || 42).await;
    /// assert_eq!(late, Err(CallError::TimedOut));
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn call<Q, M>(&self, key: Q) -> Call<&Self, Q, M>
    where
        Q: Key<K, M>,
    {
        Self::call_owned(self, key)
    }

    /// As [`call`](Self::call), through a reference of the caller's choice, such as an `Arc` of the
    /// group: the call's future owns it and borrows nothing from the group.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use singleflight_core::Group;
    ///
    /// let group: Arc<Group<u64, u32>> = Arc::default();
    /// let call = Group::call_owned(Arc::clone(&group), 7).run(async || 42);
    /// let thread = std::thread::spawn(|| futures_lite::future::block_on(call));
    /// assert_eq!(thread.join().unwrap(), Ok(42));
    /// ```
    pub fn call_owned<G, Q, M>(group: G, key: Q) -> Call<G, Q, M>
    where
        G: GroupRef<Key = K, Value = V, Hasher = S>,
        Q: Key<K, M>,
    {
        Call {
            group,
            key,
            shares: ShareAll,
            limit: NoDeadline,
            binding: None,
            marker: PhantomData,
        }
    }
}

impl<G: GroupRef, Q, M, P, X> Call<G, Q, M, P, X> {
    /// Shares only values that the predicate accepts. Another stays with the caller whose work made
    /// it and never reaches a second caller: the flight is handed over, and the refusal counts
    /// towards [`max_failures`](crate::Builder::max_failures). Where nobody who waits can or may
    /// lead on, they receive [`NotShared`](CallError::NotShared).
    ///
    /// For values that are often private it is cheaper to share a marker that says so, and to let
    /// callers who receive it go alone.
    ///
    /// A predicate that panics loses its own caller the value, and hands the flight over.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::Group;
    ///
    /// let group: Group<&str, String> = Group::new();
    /// let is_public = |page: &String| !page.contains("Set-Cookie");
    /// let page = group.call("/").share_if(is_public).run(async || "hello".to_owned()).await?;
    /// assert_eq!(page, "hello");
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn share_if<R>(self, predicate: R) -> Call<G, Q, M, R, X>
    where
        R: Fn(&G::Value) -> bool,
    {
        Call {
            group: self.group,
            key: self.key,
            shares: predicate,
            limit: self.limit,
            binding: self.binding,
            marker: PhantomData,
        }
    }

    /// Binds `fence` to the flight if this call comes to lead it. The fence must be of the same
    /// group: one of another is not bound.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::cell::Cell;
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let cached = Cell::new(None);
    /// let fence = group.fence();
    /// let load = async || {
    ///     cached.set(Some(42));
    ///     if fence.is_forgotten() {
    ///         cached.set(None); // it may be older than what was written since
    ///     }
    ///     42
    /// };
    /// group.call(7).fence(&fence).run(load).await?;
    /// assert_eq!(cached.get(), Some(42), "nothing was written meanwhile");
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn fence<H>(mut self, fence: &Fence<H>) -> Self
    where
        H: GroupRef<Key = G::Key, Value = G::Value, Hasher = G::Hasher>,
    {
        self.binding = fence.binding(self.group.group());
        self
    }

    /// Gives up when `expiry` is ready: a follower leaves the flight, a leader drops its work
    /// and hands the flight over. Runtimes have timers that are such futures.
    ///
    /// A value that is there wins over an `expiry` that is ready. A call whose time is up starts no
    /// work: `expiry` is polled before the call leads, and before it takes a lost leader's place.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::future::{pending, ready};
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let _leader = group.join(7)?;
    /// let timer = ready(()); // of the runtime; it is over
    /// let late = group.call(7).give_up_on(timer).run(async || 42).await;
    /// assert_eq!(late, Err(CallError::TimedOut));
    /// let in_time = group.call(8).give_up_on(pending()).run(async || 42).await;
    /// assert_eq!(in_time, Ok(42));
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn give_up_on<Y: Future<Output = ()>>(self, expiry: Y) -> Call<G, Q, M, P, Deadline<Y>> {
        self.limited(Deadline::new(expiry))
    }

    /// Makes the call by another reference to the same group: an owned one, for example.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::Group;
    ///
    /// let group: Arc<Group<u64, u64>> = Arc::default();
    /// let call = group.call(7).by_group(|_| Arc::clone(&group)).run(async || 42);
    /// let thread = std::thread::spawn(|| block_on(call)); // it borrows nothing any more
    /// assert_eq!(thread.join().unwrap(), Ok(42));
    /// ```
    pub fn by_group<H>(self, by: impl FnOnce(G) -> H) -> Call<H, Q, M, P, X>
    where
        H: GroupRef<Key = G::Key, Value = G::Value, Hasher = G::Hasher>,
    {
        Call {
            group: by(self.group),
            key: self.key,
            shares: self.shares,
            limit: self.limit,
            binding: self.binding,
            marker: PhantomData,
        }
    }

    pub(crate) fn limited<Y>(self, limit: Y) -> Call<G, Q, M, P, Y> {
        Call {
            group: self.group,
            key: self.key,
            shares: self.shares,
            limit,
            binding: self.binding,
            marker: PhantomData,
        }
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
    X: Limit<G>,
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
    /// # Cancel safety
    ///
    /// As [`Group::run`].
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::future::pending;
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let late = group.call(7).give_up_on(async {}).run(pending).await;
    /// assert_eq!(late, Err(CallError::TimedOut));
    /// let value = group.call(7).give_up_on(pending()).run(async || 42).await?;
    /// assert_eq!(value, 42);
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn run<F, T>(self, work: F) -> impl Future<Output = CallResult<V>>
    where
        F: FnOnce() -> T,
        T: Future<Output = V>,
    {
        self.start(
            work,
            |leader, result, shares| Ok(Run::conclude(leader, result, shares).value),
            |outcome| outcome.map(Outcome::into_value),
        )
    }

    /// As [`run`](Self::run), and says how the value came about: the caller's role and the
    /// number of followers.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`Group::run`].
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::future::{yield_now, zip};
    /// use singleflight_core::{Group, Role};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let work = async || {
    ///     yield_now().await;
    ///     42
    /// };
    /// let first = group.call(7).run_outcome(work);
    /// let second = group.call(7).run_outcome(work);
    /// let (first, second) = zip(first, second).await;
    /// assert_eq!((first?.role, second?.role), (Role::Leader, Role::Follower));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn run_outcome<F, T>(self, work: F) -> impl Future<Output = CallResult<Outcome<V>>>
    where
        F: FnOnce() -> T,
        T: Future<Output = V>,
    {
        self.start(
            work,
            |leader, result, shares| Ok(Run::conclude(leader, result, shares)),
            |outcome| outcome,
        )
    }

    /// As [`run`](Self::run), for a work that may fail: see [`Group::try_run`].
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); inside, what this call's own work failed with.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`Group::run`].
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::future::{yield_now, zip};
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let fails = async || {
    ///     yield_now().await;
    ///     Err("no route")
    /// };
    /// let first = group.call(7).try_run(fails);
    /// let second = group.call(7).try_run(async || Ok::<_, &str>(42));
    /// let (first, second) = zip(first, second).await;
    /// assert_eq!((first?, second?), (Err("no route"), Ok(42)));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn try_run<F, T, E>(self, work: F) -> impl Future<Output = CallResult<Result<V, E>>>
    where
        F: FnOnce() -> T,
        T: Future<Output = Result<V, E>>,
    {
        self.start(
            work,
            |leader, result, shares| {
                let outcome = TryRun::conclude(leader, result, shares);
                Ok(outcome.map(Outcome::into_value))
            },
            |outcome| outcome.map(|outcome| Ok(outcome.value)),
        )
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
    /// # Cancel safety
    ///
    /// As [`Group::run`].
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let failed = group.call(7).try_run_outcome(async || Err("no route")).await?;
    /// assert_eq!(failed, Err("no route"));
    /// let made = group.call(7).try_run_outcome(async || Ok::<_, &str>(42)).await?;
    /// assert!(made.is_ok_and(|outcome| outcome.is_leader() && outcome.value == 42));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn try_run_outcome<F, T, E>(
        self,
        work: F,
    ) -> impl Future<Output = CallResult<Result<Outcome<V>, E>>>
    where
        F: FnOnce() -> T,
        T: Future<Output = Result<V, E>>,
    {
        self.start(
            work,
            |leader, result, shares| Ok(TryRun::conclude(leader, result, shares)),
            |outcome| outcome.map(Ok),
        )
    }

    fn start<F, T, A>(
        self,
        work: F,
        conclude: impl Fn(&mut Leader<G>, Result<T::Output, Payload>, &P) -> A,
        answer: impl Fn(CallResult<Outcome<V>>) -> A,
    ) -> impl Future<Output = A>
    where
        F: FnOnce() -> T,
        T: Future,
    {
        let Self {
            group,
            key,
            shares,
            limit,
            binding,
            ..
        } = self;
        let bound = move |leader: &Leader<G>| {
            bind(binding.as_ref(), leader);
            work()
        };
        calling(
            move || Group::join_owned(group, key),
            bound,
            move |leader: &mut Leader<G>, result| conclude(leader, result, &shares),
            answer,
            limit,
        )
    }
}

/// Binds a call's fence, if it has one, to the flight that it leads.
pub(crate) fn bind<G: GroupRef>(binding: Option<&Binding>, leader: &Leader<G>) {
    if let Some(binding) = binding {
        binding.bind(leader.flight_id());
    }
}

impl<G: GroupRef, Q, M, P, X> fmt::Debug for Call<G, Q, M, P, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("group", self.group.group())
            .finish_non_exhaustive()
    }
}
