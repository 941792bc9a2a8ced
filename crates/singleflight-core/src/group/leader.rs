//! The caller that runs the work.

use core::fmt;

use super::GroupRef;
use super::fence::Fence;
use super::flight_ref::{Failure, FlightRef};
use crate::outcome::Outcome;
use crate::platform::trace::{Entered, FlightSpan};
use crate::policy::{Payload, catch};
use crate::table::reentrancy::{self, Inside};
use crate::table::slot::FlightId;

/// The right, and the duty, to run the work of one flight.
///
/// End it by [`complete`](Self::complete) with a value, by [`fail`](Self::fail) without one, or let
/// [`lead`](Self::lead) or [`try_lead`](Self::try_lead) run the work and do so. Dropping it hands
/// the flight over: every follower is woken, and the first that is polled and has work of its own
/// leads on. If nobody waits, the flight ends.
///
/// Finish or drop the work *before* either, or the next execution may overlap this one.
///
/// A leader that is leaked ([`core::mem::forget`]) leaves its flight led for ever: those who
/// wait, wait on, and new calls join them until the flight is
/// [forgotten](crate::Group::forget).
///
/// # Examples
///
/// ```
/// use singleflight_core::{Group, Joined};
///
/// let group: Group<u64, String> = Group::new();
/// match group.join(7)? {
///     Joined::Leader(leader) => {
///         let outcome = leader.complete("made here".to_owned());
///         assert_eq!(outcome.value, "made here");
///     }
///     Joined::Follower(_) => unreachable!("nobody else is here"),
/// }
/// # Ok::<_, singleflight_core::CallError>(())
/// ```
#[must_use = "dropping a leader hands its flight over"]
#[clippy::has_significant_drop]
pub struct Leader<G: GroupRef> {
    /// Empty once the flight has ended or was handed over.
    flight: Option<FlightRef<G>>,
    span: FlightSpan,
}

/// A thread is inside the work until this is dropped.
pub(crate) struct Running<'a> {
    _inside: Inside,
    _entered: Entered<'a>,
}

impl<G: GroupRef> Leader<G> {
    #[inline]
    pub(crate) fn new(flight: FlightRef<G>) -> Self {
        let mut leader = Self {
            flight: Some(flight),
            span: FlightSpan::NONE,
        };
        // A subscriber is somebody else's code: if it panics, the leader is given up.
        leader.span = FlightSpan::new();
        leader
    }

    /// Lands the flight: every follower receives a clone of `value`, the last one to take
    /// its share the value itself.
    ///
    /// Costs one lock; without followers no clone, no allocation and no notification.
    ///
    /// # Panics
    ///
    /// If `V::clone` or the key's `Drop` panics. The flight has landed by then: the panic
    /// is this caller's alone.
    #[inline]
    pub fn complete(mut self, value: G::Value) -> Outcome<G::Value>
    where
        G::Value: Clone,
    {
        self.land(value)
    }

    /// Ends the work without a value for others: it has failed, and what it failed with is its
    /// caller's own. The flight is handed over, and the failure is counted: after
    /// [`max_failures`](crate::Builder::max_failures) in a row, and where nobody who waits has work
    /// of its own, those who still wait receive
    /// [`TooManyFailures`](crate::CallError::TooManyFailures).
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{CallError, Group, Joined};
    ///
    /// let group: Group<u64, String> = Group::builder().max_failures(1).build();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// leader.fail();
    /// let waited = follower.wait_blocking();
    /// assert_eq!(waited.err(), Some(CallError::TooManyFailures { failures: 1 }));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn fail(mut self) {
        self.fail_as(Failure::Failed);
    }

    /// Hands the flight over, as dropping the leader does.
    pub fn hand_over(self) {
        drop(self);
    }

    /// Lets no more callers join the flight: the next call for its key starts another. Those who
    /// wait already receive this one's value. It is not counted in
    /// [`Stats::forgotten`](crate::Stats::forgotten).
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, &str> = Group::new();
    /// let Joined::Leader(first) = group.join(7)? else { unreachable!() };
    /// first.close_to_newcomers();
    /// assert!(matches!(group.join(7)?, Joined::Leader(_)));
    /// assert_eq!(group.stats().forgotten, 0);
    /// # first.complete("");
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn close_to_newcomers(&self) {
        if let Some(flight) = &self.flight {
            flight.get().close_to_newcomers();
        }
    }

    /// Ends the flight if nobody waits for it, and says whether it has: then the next call for the
    /// key starts another, and what this leader completes is its caller's alone. If somebody waits,
    /// it goes on, and newcomers may join.
    ///
    /// Both in one step: nobody joins between the look and the end.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, &str> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let follower = group.join(7)?;
    /// assert!(!leader.close_if_alone());
    /// drop(follower);
    /// assert!(leader.close_if_alone());
    /// assert_eq!(group.in_flight(), 0);
    /// assert_eq!(leader.complete("mine").value, "mine");
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn close_if_alone(&self) -> bool {
        self.flight
            .as_ref()
            .is_none_or(|flight| flight.get().close_if_alone())
    }

    /// Returns what tells its flight apart.
    ///
    /// # Panics
    ///
    /// Never: a leader that can be asked leads.
    pub fn flight_id(&self) -> FlightId {
        let flight = self.flight.as_ref();
        flight.expect("a leader that can be asked leads").id
    }

    /// Makes a fence for this flight, by which its work can learn that it was forgotten.
    ///
    /// # Panics
    ///
    /// Never: a leader that can be asked leads.
    pub fn fence(&self) -> Fence<G>
    where
        G: Clone,
    {
        let flight = self.flight.as_ref();
        let flight = flight.expect("a leader that can be asked leads");
        Fence::bound(flight.clone())
    }

    /// Runs `work` on the calling thread and lands the flight with what it returns.
    ///
    /// # Panics
    ///
    /// A panic in the work goes on unchanged; the followers are told or the flight is handed
    /// over, as the group's [`PanicPolicy`](crate::PanicPolicy) has it.
    #[inline]
    pub fn lead_blocking<F>(mut self, work: F) -> Outcome<G::Value>
    where
        F: FnOnce() -> G::Value,
        G::Value: Clone,
    {
        let result = self.run(work);
        self.conclude(result)
    }

    /// Ends the flight as the work did.
    ///
    /// The work, or its future, must have been dropped (P1). Called once.
    #[inline]
    pub(crate) fn conclude(&mut self, result: Result<G::Value, Payload>) -> Outcome<G::Value>
    where
        G::Value: Clone,
    {
        match result {
            Ok(value) => self.land(value),
            Err(payload) => self.panicked(payload),
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub(crate) fn land(&mut self, value: G::Value) -> Outcome<G::Value>
    where
        G::Value: Clone,
    {
        let flight = self.flight.take();
        let flight = flight.expect("a leader ends its flight once");
        flight.get().land(value, &self.span)
    }

    #[cold]
    pub(crate) fn fail_as(&mut self, failure: Failure) {
        if let Some(flight) = self.flight.take() {
            flight.get().fail(failure);
        }
    }

    /// Ends the work with a value that goes to nobody else.
    #[cold]
    pub(crate) fn withhold(&mut self, value: G::Value) -> Outcome<G::Value> {
        let id = self.flight_id();
        self.fail_as(Failure::NotShared);
        Outcome::alone(value, id)
    }

    /// Asks for a notification when nobody waits any more.
    pub(crate) fn listen(&self) {
        if let Some(flight) = &self.flight {
            flight.get().listen();
        }
    }

    /// Returns its flight, unless that has ended or was handed over.
    pub(crate) fn flight(&self) -> Option<&FlightRef<G>> {
        self.flight.as_ref()
    }

    /// Enters the work, so that calls from inside it are known for what they are.
    #[inline]
    pub(crate) fn enter(&self) -> Running<'_> {
        let (group, flight) = match &self.flight {
            Some(flight) => (flight.group.group().address(), Some(flight.id)),
            None => (0, None),
        };
        Running {
            _inside: reentrancy::enter(group, flight),
            _entered: self.span.enter(),
        }
    }

    /// Runs the work on this thread.
    #[inline]
    pub(crate) fn run<T>(&self, work: impl FnOnce() -> T) -> Result<T, Payload> {
        catch(|| {
            let _running = self.enter();
            work()
        })
    }

    /// Ends the flight of a work that has panicked, as the group's policy has it.
    #[cold]
    pub(crate) fn tell_panic(&mut self, payload: &Payload) {
        if let Some(flight) = self.flight.take() {
            flight.get().land_panicked(payload.message(), &self.span);
        }
    }

    #[cold]
    pub(crate) fn panicked(&mut self, payload: Payload) -> ! {
        // The first panic goes on. A waker or the key's `Drop` may add a second one.
        let _second = catch(|| self.tell_panic(&payload));
        payload.resume()
    }

    /// Out of line, so that what drops a leader that has ended is small.
    #[cold]
    #[inline(never)]
    pub(crate) fn abandon(&mut self) {
        if let Some(flight) = self.flight.take() {
            flight.get().abandon();
        }
    }
}

impl<G: GroupRef> Drop for Leader<G> {
    #[inline]
    fn drop(&mut self) {
        if self.flight.is_some() {
            self.abandon();
        }
    }
}

impl<G: GroupRef> fmt::Debug for Leader<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leader")
            .field("flight", &self.flight.as_ref().map(|flight| flight.id))
            .finish_non_exhaustive()
    }
}
