//! The ways into a flight: `join`, which gives handles, and the async `run` family.

use core::fmt;
use core::future::Future;
use core::hash::BuildHasher;

use crate::error::CallError;
use crate::follower::{Follower, Turn};
use crate::group::{Group, Handle};
use crate::key::Key;
use crate::leader::Leader;
use crate::outcome::Outcome;
use crate::shard::Entry;

/// What a call became: the leader of a flight, or a follower of one.
#[expect(
    clippy::exhaustive_enums,
    reason = "a call either runs the work or does not"
)]
#[must_use = "dropping it leaves the flight, or hands it over"]
pub enum Joined<G: Handle> {
    /// Nobody was running the work: this call must.
    Leader(Leader<G>),
    /// Someone is running it: this call waits.
    Follower(Follower<G>),
}

impl<G: Handle> fmt::Debug for Joined<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader(leader) => leader.fmt(f),
            Self::Follower(follower) => follower.fmt(f),
        }
    }
}

impl<K: Eq, V, S: BuildHasher> Group<K, V, S> {
    /// Joins the flight of `key`, or starts one, and gives the handle from which front ends
    /// are made. It registers at once; most callers want [`run`](Self::run).
    ///
    /// A lone join takes one lock and, in steady state, allocates nothing (a key given as a
    /// borrow: two locks, and the key). Joining allocates nothing for itself; the first
    /// follower of a flight makes its shared part.
    ///
    /// # Errors
    ///
    /// [`TooManyFollowers`](CallError::TooManyFollowers) if the flight is full.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<String, u32> = Group::new();
    /// let first = group.join("key")?;
    /// assert!(matches!(first, Joined::Leader(_)));
    /// assert!(matches!(group.join("key")?, Joined::Follower(_)));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[inline]
    pub fn join<Q, M>(&self, key: Q) -> Result<Joined<&Self>, CallError>
    where
        Q: Key<K, M>,
    {
        Self::join_owned(self, key)
    }

    /// [`join`](Self::join) through a handle of the caller's choice, such as an `Arc` of the
    /// group, so that the leader or follower borrows nothing.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Arc<Group<u64, u32>> = Arc::default();
    /// let Joined::Leader(leader) = Group::join_owned(Arc::clone(&group), 7)? else {
    ///     unreachable!("nobody else is here");
    /// };
    /// let thread = std::thread::spawn(move || leader.complete(1).value);
    /// assert_eq!(thread.join().unwrap(), 1);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[inline]
    pub fn join_owned<G, Q, M>(handle: G, key: Q) -> Result<Joined<G>, CallError>
    where
        G: Handle<Key = K, Value = V, Hasher = S>,
        Q: Key<K, M>,
    {
        let (hash, entry) = handle.enter(key);
        match entry {
            Entry::Leader(id) => Ok(Joined::Leader(Leader::new(handle, hash, id))),
            Entry::Follower(id, flight) => {
                Ok(Joined::Follower(Follower::new(handle, hash, id, flight)))
            }
            Entry::Refused => Err(CallError::TooManyFollowers),
        }
    }
}

impl<K: Eq, V: Clone, S: BuildHasher> Group<K, V, S> {
    /// Returns the value for `key`: runs `work` in the caller's task if nobody is running it,
    /// else waits for the one who is.
    ///
    /// Whatever the work returns is shared, an `Err` included. If the leader is dropped
    /// before its work is done, the first waiting call to be polled runs its own.
    ///
    /// Nothing is registered before the first poll, and `work` is not called unless this
    /// call leads. A lone call takes two locks and, in steady state, allocates nothing and
    /// clones nothing.
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
    pub async fn run<Q, M, F, T>(&self, key: Q, work: F) -> V
    where
        Q: Key<K, M>,
        F: FnOnce() -> T,
        T: Future<Output = V>,
    {
        self.run_outcome(key, work)
            .await
            .map_or_else(|error| error.raise(), Outcome::into_value)
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
    pub async fn run_outcome<Q, M, F, T>(&self, key: Q, work: F) -> Result<Outcome<V>, CallError>
    where
        Q: Key<K, M>,
        F: FnOnce() -> T,
        T: Future<Output = V>,
    {
        match self.turn(key).await? {
            Turn::Landed(outcome) => Ok(outcome),
            Turn::Lead(leader) => Ok(leader.lead(work).await),
        }
    }

    /// Joins, and waits until there is a value or it is this call's turn to lead.
    async fn turn<Q, M>(&self, key: Q) -> Result<Turn<&Self>, CallError>
    where
        Q: Key<K, M>,
    {
        match self.join(key)? {
            Joined::Leader(leader) => Ok(Turn::Lead(leader)),
            Joined::Follower(follower) => follower.wait().await,
        }
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
    /// An `Err` of a flight that another call leads by [`run`](Self::run) is shared all the
    /// same: which entry point led decides. N callers of a work that always fails pay for N
    /// failures in a row.
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
    pub async fn try_run<Q, M, F, R>(&self, key: Q, work: F) -> Result<T, E>
    where
        Q: Key<K, M>,
        F: FnOnce() -> R,
        R: Future<Output = Result<T, E>>,
    {
        match self.turn(key).await {
            Ok(Turn::Landed(outcome)) => outcome.value,
            Ok(Turn::Lead(leader)) => leader.try_lead(work).await.value,
            Err(error) => error.raise(),
        }
    }
}
