//! A call with options: they combine here, instead of each combination being a method.

use core::fmt;
use core::future::{Future, Pending};
use core::hash::BuildHasher;
use core::marker::PhantomData;

use crate::calling::limited;
use crate::error::CallError;
use crate::fence::Fence;
use crate::group::{Group, Handle};
use crate::key::Key;
use crate::leader::Leader;
use crate::limit::Expiry;
use crate::outcome::Outcome;

/// A call whose options are being chosen. Made by [`Group::call`].
///
/// | option | effect |
/// |---|---|
/// | [`keep_errors`](Self::keep_errors) | an `Err` stays with the caller whose work returned it, as in [`try_run`](Group::try_run) |
/// | [`give_up_on`](Self::give_up_on) | a deadline, as a future that is ready when it comes |
/// | [`run_fenced`](Self::run_fenced) | the work receives a [`Fence`] |
///
/// `G` is the handle to the group, `Q` the key as it was given, `X` the deadline.
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// use singleflight_core::{CallError, Group};
///
/// let group: Group<u64, Result<u32, &str>> = Group::new();
/// let outcome = group
///     .call(7)
///     .keep_errors()
///     .give_up_on(std::future::ready(())) // at once
///     .run(std::future::pending)
///     .await;
/// assert_eq!(outcome.err(), Some(CallError::TimedOut));
/// assert_eq!(group.in_flight(), 0);
/// # });
/// ```
#[must_use = "a call does nothing until it is run"]
pub struct Call<G: Handle, Q, M, X = Pending<()>> {
    group: G,
    key: Q,
    shares: fn(&G::Value) -> bool,
    expiry: X,
    marker: PhantomData<fn(M)>,
}

impl<K: Eq, V: Clone, S: BuildHasher> Group<K, V, S> {
    /// Starts to describe a call for `key`; the options combine. Nothing is registered before
    /// the call is run and polled.
    pub fn call<Q, M>(&self, key: Q) -> Call<&Self, Q, M>
    where
        Q: Key<K, M>,
    {
        Call {
            group: self,
            key,
            shares: |_| true,
            expiry: core::future::pending(),
            marker: PhantomData,
        }
    }
}

impl<G, Q, M, X, T, E> Call<G, Q, M, X>
where
    G: Handle<Value = Result<T, E>>,
{
    /// Keeps an `Err` with the caller whose work returned it, and hands the flight over.
    ///
    /// After [`Builder::max_failures`](crate::Builder::max_failures) failures in a row, and
    /// where nobody who waits has work of its own, it is shared all the same.
    pub fn keep_errors(mut self) -> Self {
        self.shares = Result::is_ok;
        self
    }
}

impl<G: Handle, Q, M, X> Call<G, Q, M, X> {
    /// Gives up when `expiry` is ready: a follower leaves the flight, a leader drops its work
    /// and hands the flight over. Runtimes have timers that are such futures.
    ///
    /// A value that is there wins over an `expiry` that is ready. A call whose time is up starts no
    /// work: `expiry` is polled before the call leads, and before it takes a lost leader's place.
    pub fn give_up_on<Y: Future<Output = ()>>(self, expiry: Y) -> Call<G, Q, M, Y> {
        Call {
            group: self.group,
            key: self.key,
            shares: self.shares,
            expiry,
            marker: PhantomData,
        }
    }
}

impl<K, V, S, G, Q, M, X> Call<G, Q, M, X>
where
    K: Eq,
    V: Clone,
    S: BuildHasher,
    G: Handle<Key = K, Value = V, Hasher = S> + Clone,
    Q: Key<K, M>,
    X: Future<Output = ()>,
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
    pub fn run<F, T>(self, work: F) -> impl Future<Output = Result<Outcome<V>, CallError>>
    where
        F: FnOnce() -> T,
        T: Future<Output = V>,
    {
        self.fly(|_: &_| work())
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
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub fn run_fenced<F, T>(self, work: F) -> impl Future<Output = Result<Outcome<V>, CallError>>
    where
        F: FnOnce(Fence<G>) -> T,
        T: Future<Output = V>,
    {
        self.fly(|leader: &Leader<G>| work(leader.fence()))
    }

    fn fly<F, T>(self, work: F) -> impl Future<Output = Result<Outcome<V>, CallError>>
    where
        F: FnOnce(&Leader<G>) -> T,
        T: Future<Output = V>,
    {
        let Self {
            group,
            key,
            shares,
            expiry,
            ..
        } = self;
        let join = move || Group::join_owned(group, key);
        let limit = Expiry { future: expiry };
        limited(join, work, shares, |outcome| outcome, limit)
    }
}

impl<G: Handle, Q, M, X> fmt::Debug for Call<G, Q, M, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("group", &*self.group)
            .finish_non_exhaustive()
    }
}
