//! The callers that wait: with work of their own, or without.

use core::fmt;
use core::future::Future;
#[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
use std::time::Instant;

use super::GroupRef;
use super::flight_ref::FlightRef;
use super::leader::Leader;
use super::waiter::{Seen, Waiter};
use crate::error::CallError;
use crate::outcome::Outcome;
use crate::table::pool::FlightArc;
use crate::table::slot::FlightId;
use crate::table::waiter_kind::KindCell;

/// A caller that waits for a flight and has work of its own: if the leader is lost, it may
/// become the leader.
///
/// Dropping it leaves the flight, whoever leads.
///
/// # What wakers may do
///
/// event-listener, by which followers sleep, clones, calls and drops wakers under a lock of its
/// own, one for each flight. From inside, a waker may poll, drop and end other flights, and make
/// new calls, but not come back to the flight that it is woken from: poll or drop one of its
/// followers (a waker that owns the last handle to its task drops the task), drop the handle of a
/// spawned call that is part of it, or claim it and complete or drop that leader. The thread then waits for itself; under the feature
/// `critical-section` it panics, and may panic again on the way out, which aborts. Nor may a waker
/// *wait* for another thread that may be polling or dropping a follower of the flight: one that
/// sends into a full bounded queue, for example, while the executor that would empty it is about to
/// leave the flight. Executors schedule from their wakers without waiting and are not concerned.
///
/// A waker that panics takes the caller who landed or lost the flight with it. The followers
/// behind it are not woken: a task finds out when it is next polled, a parked thread never. And
/// event-listener has lost count of that flight's followers: with overflow checks one that leaves
/// panics, without them nobody may be woken any more. No other flight is concerned.
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// use singleflight_core::{Group, Joined, Turn};
///
/// let group: Group<u64, &str> = Group::new();
/// let Ok(Joined::Leader(leader)) = group.join(7) else { unreachable!() };
/// let Ok(Joined::Follower(follower)) = group.join(7) else { unreachable!() };
///
/// drop(leader);
/// let Ok(Turn::Lead(leader)) = follower.wait().await else { unreachable!() };
/// assert_eq!(leader.complete("made by the follower").value, "made by the follower");
/// # });
/// ```
#[must_use = "dropping a follower leaves the flight"]
pub struct Follower<G: GroupRef> {
    waiter: Waiter<G>,
}

/// A caller that waits for a flight and has no work of its own: it never leads. If only
/// such callers are left when the leader is lost, they receive
/// [`LeaderLost`](CallError::LeaderLost).
///
/// Made by [`Follower::without_work`]. Dropping it leaves the flight, whoever leads.
#[must_use = "dropping a watcher leaves the flight"]
pub struct Watcher<G: GroupRef> {
    waiter: Waiter<G>,
}

/// How a follower's wait ended.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a flight lands, or its follower leads"
)]
#[must_use = "a turn holds the value, or the duty to lead"]
pub enum Turn<G: GroupRef> {
    /// The flight landed; this is the follower's share.
    Landed(Outcome<G::Value>),
    /// The leader was lost; the follower leads the same flight now.
    Lead(Leader<G>),
}

impl<G: GroupRef> Follower<G> {
    pub(crate) fn new(flight: FlightRef<G>, shared: FlightArc<G::Value>) -> Self {
        Self {
            waiter: Waiter::with(flight, shared, KindCell::FOLLOWER),
        }
    }

    /// Returns what tells its flight apart.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// assert_eq!(Some(follower.flight_id()), leader.flight_id());
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn flight_id(&self) -> FlightId {
        self.waiter.flight().id
    }

    /// Waits until the flight lands, or until it is this follower's turn to lead.
    ///
    /// Allocates nothing: where it sleeps is part of the future.
    ///
    /// # Errors
    ///
    /// [`LeaderPanicked`](CallError::LeaderPanicked) if the work panicked and the group
    /// shares panics, [`TooManyFailures`](CallError::TooManyFailures) if so many works in a row have
    /// failed, [`NotShared`](CallError::NotShared) if the last of them made a value that it does not
    /// share, [`Reentrant`](CallError::Reentrant) if it waits inside that work.
    ///
    /// # Panics
    ///
    /// If `V::clone` panics; nobody else is concerned.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the flight. Nobody else is concerned.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::{Group, Joined, Role, Turn};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// assert_eq!(leader.complete(42).followers, 1);
    /// let Turn::Landed(outcome) = follower.wait().await? else { unreachable!() };
    /// assert_eq!((outcome.value, outcome.role), (42, Role::Follower));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn wait(self) -> impl Future<Output = Result<Turn<G>, CallError>>
    where
        G::Value: Clone,
    {
        self.waiter.wait(conclude)
    }

    /// Parks the calling thread until the flight lands, or until it is this follower's turn
    /// to lead.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Blocking
    ///
    /// Never call it on a thread that polls tasks: it stops them all, and if one of them
    /// is the leader, for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use singleflight_core::{Group, Joined, Turn};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// let turn = thread::scope(|scope| {
    ///     scope.spawn(|| leader.complete(42));
    ///     follower.wait_blocking()
    /// })?;
    /// assert!(matches!(turn, Turn::Landed(outcome) if outcome.value == 42));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub fn wait_blocking(self) -> Result<Turn<G>, CallError>
    where
        G::Value: Clone,
    {
        let seen = self.waiter.wait_blocking();
        conclude(self.waiter, seen)
    }

    /// As [`wait_blocking`](Self::wait_blocking), but leaves the flight when `deadline` comes, and
    /// does not take the lead after it. A value that is there is received all the same.
    ///
    /// It bounds the wait and nothing else: the work goes on in its own thread or task.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](CallError::TimedOut), and as [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Blocking
    ///
    /// As [`wait_blocking`](Self::wait_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use singleflight_core::{CallError, Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let _leader = group.join(7)?;
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// let late = follower.wait_deadline_blocking(Instant::now());
    /// assert_eq!(late.err(), Some(CallError::TimedOut));
    /// assert_eq!(group.followers(7), Some(0), "it has left the flight");
    /// # Ok::<_, CallError>(())
    /// ```
    #[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
    pub fn wait_deadline_blocking(self, deadline: Instant) -> Result<Turn<G>, CallError>
    where
        G::Value: Clone,
    {
        let seen = self.waiter.wait_blocking_until(deadline);
        conclude(self.waiter, seen)
    }

    /// Waits on without work of its own: for callers that cannot lead.
    ///
    /// If the leader is lost already and no other follower has work, the flight ends now.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::{CallError, Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let leader = group.join(7)?;
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// let watcher = follower.without_work();
    /// drop(leader);
    /// assert_eq!(watcher.wait().await.err(), Some(CallError::LeaderLost));
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn without_work(self) -> Watcher<G> {
        let Self { waiter } = self;
        waiter.give_up_work();
        Watcher { waiter }
    }

    pub(crate) fn flight(&self) -> &FlightRef<G> {
        self.waiter.flight()
    }
}

impl<G: GroupRef> Watcher<G> {
    /// Waits until the flight lands.
    ///
    /// # Errors
    ///
    /// [`LeaderLost`](CallError::LeaderLost) if nobody is left who could lead, and as
    /// [`Follower::wait`].
    ///
    /// # Panics
    ///
    /// If `V::clone` panics; nobody else is concerned.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the flight. Nobody else is concerned.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// let watcher = follower.without_work();
    /// assert_eq!(leader.complete(42).followers, 1);
    /// assert_eq!(watcher.wait().await?.value, 42);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn wait(self) -> impl Future<Output = Result<Outcome<G::Value>, CallError>>
    where
        G::Value: Clone,
    {
        self.waiter.wait(conclude_without_work)
    }

    /// Parks the calling thread until the flight lands.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Blocking
    ///
    /// As [`Follower::wait_blocking`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// let watcher = follower.without_work();
    /// let outcome = thread::scope(|scope| {
    ///     scope.spawn(|| leader.complete(42));
    ///     watcher.wait_blocking()
    /// })?;
    /// assert_eq!(outcome.value, 42);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub fn wait_blocking(self) -> Result<Outcome<G::Value>, CallError>
    where
        G::Value: Clone,
    {
        let seen = self.waiter.wait_blocking();
        conclude_without_work(self.waiter, seen)
    }
}

/// Takes what a follower has seen.
fn conclude<G: GroupRef>(waiter: Waiter<G>, seen: Seen) -> Result<Turn<G>, CallError>
where
    G::Value: Clone,
{
    match seen {
        Seen::Landed => waiter.share().map(Turn::Landed),
        Seen::Claimed => Ok(Turn::Lead(waiter.lead().0)),
        Seen::Inside => Err(CallError::Reentrant),
        Seen::GivenUp => Err(CallError::TimedOut),
    }
}

/// Takes what a watcher has seen.
fn conclude_without_work<G: GroupRef>(
    waiter: Waiter<G>,
    seen: Seen,
) -> Result<Outcome<G::Value>, CallError>
where
    G::Value: Clone,
{
    match conclude(waiter, seen)? {
        Turn::Landed(outcome) => Ok(outcome),
        Turn::Lead(_) => unreachable!("a watcher never claims"),
    }
}

impl<G: GroupRef> fmt::Debug for Follower<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Follower").field(&self.waiter).finish()
    }
}

impl<G: GroupRef> fmt::Debug for Watcher<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watcher").field(&self.waiter).finish()
    }
}
