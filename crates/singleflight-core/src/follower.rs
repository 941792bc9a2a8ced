//! The callers that wait: with work of their own, or without.

use core::fmt;
use core::future::Future;
#[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
use std::time::Instant;

use crate::error::CallError;
use crate::flight_id::FlightId;
use crate::group::Handle;
use crate::leader::Leader;
use crate::outcome::Outcome;
use crate::shared::Shared;
use crate::slot::Id;
use crate::waiter::{Seen, Waiter};
use crate::waiter_kind::KindCell;

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
pub struct Follower<G: Handle> {
    waiter: Waiter<G>,
}

/// A caller that waits for a flight and has no work of its own: it never leads. If only
/// such callers are left when the leader is lost, they receive
/// [`LeaderLost`](CallError::LeaderLost).
///
/// Made by [`Follower::without_work`]. Dropping it leaves the flight, whoever leads.
#[must_use = "dropping a watcher leaves the flight"]
pub struct Watcher<G: Handle> {
    waiter: Waiter<G>,
}

/// How a follower's wait ended.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a flight lands, or its follower leads"
)]
#[must_use = "a turn holds the value, or the duty to lead"]
pub enum Turn<G: Handle> {
    /// The flight landed; this is the follower's share.
    Landed(Outcome<G::Value>),
    /// The leader was lost; the follower leads the same flight now.
    Lead(Leader<G>),
}

impl<G: Handle> Follower<G> {
    pub(crate) fn new(group: G, hash: u64, id: Id, flight: Shared<G::Value>) -> Self {
        Self {
            waiter: Waiter::with(group, hash, id, flight, KindCell::FOLLOWER),
        }
    }

    /// Waits until the flight lands, or until it is this follower's turn to lead.
    ///
    /// Allocates nothing: where it sleeps is part of the future.
    ///
    /// # Errors
    ///
    /// [`LeaderPanicked`](CallError::LeaderPanicked) if the work panicked and the group
    /// shares panics, [`Reentrant`](CallError::Reentrant) if it waits inside that work.
    ///
    /// # Panics
    ///
    /// If `V::clone` panics; nobody else is concerned.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the flight. Nobody else is concerned.
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
    pub fn without_work(self) -> Watcher<G> {
        let Self { waiter } = self;
        waiter.disarm();
        Watcher { waiter }
    }

    /// Returns what tells its flight apart from all others of the group.
    pub fn flight_id(&self) -> FlightId {
        let (_, hash, id) = self.waiter.post();
        id.of(hash)
    }

    /// Returns where its flight is found.
    pub(crate) fn post(&self) -> (&G, u64, Id) {
        self.waiter.post()
    }
}

impl<G: Handle> Watcher<G> {
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
fn conclude<G: Handle>(waiter: Waiter<G>, seen: Seen) -> Result<Turn<G>, CallError>
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
fn conclude_without_work<G: Handle>(
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

impl<G: Handle> fmt::Debug for Follower<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Follower").field(&self.waiter).finish()
    }
}

impl<G: Handle> fmt::Debug for Watcher<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watcher").field(&self.waiter).finish()
    }
}
