//! The caller that runs the work.

use core::fmt;
use core::future::Future;

use super::GroupRef;
use super::fence::Fence;
use super::flight_ref::{Borrowed, Failure, FlightRef};
use crate::outcome::Outcome;
use crate::platform::trace::{Entered, FlightSpan};
use crate::platform::wait::until;
use crate::policy::{Payload, catch};
use crate::table::pool::FlightArc;
use crate::table::reentrancy::{self, Inside};
use crate::table::slot::{FlightId, Id};

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
    // Its flight, in parts: without an id it costs a lone call nothing to be inside of it.
    group: G,
    hash: u64,
    /// Empty once the flight has ended or was handed over.
    id: Option<Id>,
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
            group: flight.group,
            hash: flight.id.hash,
            id: Some(flight.id.id),
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
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined, Turn};
    ///
    /// let group: Group<u64, String> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// let outcome = leader.complete("landed".to_owned());
    /// assert_eq!((outcome.value.as_str(), outcome.followers), ("landed", 1));
    /// assert!(matches!(follower.wait_blocking()?, Turn::Landed(outcome) if outcome.value == "landed"));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[inline]
    pub fn complete(mut self, value: G::Value) -> Outcome<G::Value>
    where
        G::Value: Clone,
    {
        self.land(value, |outcome| outcome)
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
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined, Turn};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// leader.hand_over();
    /// let Turn::Lead(leader) = follower.wait_blocking()? else { unreachable!() };
    /// assert_eq!(leader.complete(42).value, 42);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn hand_over(self) {
        drop(self);
    }

    /// Returns what tells its flight apart from all others of the group, or `None` once
    /// [`close_if_alone`](Self::close_if_alone) has ended it.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(old) = group.join(7)? else { unreachable!() };
    /// group.forget(7);
    /// let Joined::Leader(mut new) = group.join(7)? else { unreachable!() };
    /// assert_ne!(old.flight_id(), new.flight_id());
    /// assert!(new.close_if_alone());
    /// assert_eq!(new.flight_id(), None);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn flight_id(&self) -> Option<FlightId> {
        let hash = self.hash;
        self.id.map(|id| FlightId { hash, id })
    }

    /// Lets no newcomer join the flight any more: the next call starts another, and two works may
    /// overlap. Those who wait receive this one's value.
    ///
    /// For a leader that knows that its value is as of now. It goes by the flight and not by the
    /// key, so it never closes a newer one; and nothing is counted as forgotten. A
    /// [`Fence`] of the flight says that it was forgotten all the same.
    ///
    /// Takes the shard's lock.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(old) = group.join(7)? else { unreachable!("nobody else is here") };
    /// let follower = group.join(7)?;
    /// old.close_to_newcomers();
    /// assert!(matches!(group.join(7)?, Joined::Leader(_)));
    /// assert_eq!(old.complete(1).followers, 1);
    /// # drop(follower);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn close_to_newcomers(&self) {
        if let Some(flight) = self.flight() {
            flight.close_to_newcomers();
        }
    }

    /// Ends the flight if nobody waits for its value, and says whether it has: then the value may
    /// be kept, or used in a way that cannot be shared, and the next call starts another flight.
    /// If somebody waits, nothing happens.
    ///
    /// For a value that is dear to share: a response that would have to be read to its end first.
    /// Those who come while this is called either wait, and it returns `false`, or start afresh.
    /// What is left of the work is no part of the flight any more, and the next one may overlap it.
    /// The flight counts as landed; after it, completing and dropping the leader do nothing.
    ///
    /// Takes the shard's lock.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(mut leader) = group.join(7)? else { unreachable!("nobody else is here") };
    /// let follower = group.join(7)?;
    /// assert!(!leader.close_if_alone(), "somebody waits");
    /// drop(follower);
    /// assert!(leader.close_if_alone());
    /// assert_eq!(group.in_flight(), 0);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn close_if_alone(&mut self) -> bool {
        let closes = self.flight().is_none_or(FlightRef::close_if_alone);
        if closes {
            self.id = None;
        }
        closes
    }

    /// Waits until nobody waits for the value, which may be at once. The future borrows nothing.
    ///
    /// For a leader that runs by itself, in a task: its work is wanted as long as its own caller or
    /// a follower is there. Somebody may come after it is ready and before the leader is gone, so
    /// drop the work first and the leader then: it hands over to them.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!("nobody else is here") };
    /// let follower = group.join(7)?;
    /// let gone = async { drop(follower) };
    /// futures_lite::future::zip(leader.left_alone(), gone).await;
    /// assert_eq!(group.followers(7), Some(0));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn left_alone(&self) -> impl Future<Output = ()> + use<G> {
        let awaited = self.flight().and_then(FlightRef::listen_if_awaited);
        async move {
            let Some(flight) = awaited else {
                return;
            };
            let is_deserted = |flight: &FlightArc<_>| flight.is_deserted().then_some(());
            until(flight, |flight| &flight.signal, is_deserted, |_, ()| ()).await;
        }
    }

    /// Runs a part of the work on the calling thread, for a work that is polled by hand: a call
    /// for its own key from inside it is refused, as in [`lead`](Self::lead).
    ///
    /// # Panics
    ///
    /// A panic in `part` goes on unchanged; the followers are told or the flight is handed over,
    /// as the group's [`PanicPolicy`](crate::PanicPolicy) has it.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{CallError, Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(mut leader) = group.join(7)? else { unreachable!("nobody else is here") };
    /// let again = leader.step(|| group.join(7).err());
    /// # #[cfg(feature = "std")]
    /// assert_eq!(again, Some(CallError::Reentrant));
    /// # Ok::<_, CallError>(())
    /// ```
    #[inline]
    pub fn step<T>(&mut self, part: impl FnOnce() -> T) -> T {
        match self.run(part) {
            Ok(made) => made,
            Err(payload) => self.panicked(payload),
        }
    }

    /// Makes a fence for this flight, by which its work can learn that it was forgotten. Of a flight
    /// that has ended already it says so.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let fence = leader.fence();
    /// assert!(!fence.is_forgotten());
    /// assert_eq!(leader.complete(42).value, 42);
    /// assert!(fence.is_forgotten(), "the flight has ended");
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn fence(&self) -> Fence<G>
    where
        G: Clone,
    {
        Fence::bound(self.group.clone(), self.flight_id())
    }

    /// Runs `work` on the calling thread and lands the flight with what it returns.
    ///
    /// # Panics
    ///
    /// A panic in the work goes on unchanged; the followers are told or the flight is handed
    /// over, as the group's [`PanicPolicy`](crate::PanicPolicy) has it.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined, Role};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let outcome = leader.lead_blocking(|| 42);
    /// assert_eq!((outcome.value, outcome.role), (42, Role::Leader));
    /// assert_eq!(group.stats().landed, 1);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[inline]
    pub fn lead_blocking<F>(mut self, work: F) -> Outcome<G::Value>
    where
        F: FnOnce() -> G::Value,
        G::Value: Clone,
    {
        let result = self.run(work);
        self.conclude(result, |outcome| outcome)
    }

    /// Ends the flight as the work did.
    ///
    /// The work, or its future, must have been dropped (P1). Called once.
    #[inline]
    pub(crate) fn conclude<A>(
        &mut self,
        result: Result<G::Value, Payload>,
        answer: impl FnOnce(Outcome<G::Value>) -> A,
    ) -> A
    where
        G::Value: Clone,
    {
        match result {
            Ok(value) => self.land(value, answer),
            Err(payload) => self.panicked(payload),
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub(crate) fn land<A>(
        &mut self,
        value: G::Value,
        answer: impl FnOnce(Outcome<G::Value>) -> A,
    ) -> A
    where
        G::Value: Clone,
    {
        let (group, hash) = (self.group.group(), self.hash);
        match self.id.take() {
            Some(id) => FlightRef::new(group, hash, id).land(value, &self.span, answer),
            None => answer(Outcome::alone(value)),
        }
    }

    #[cold]
    pub(crate) fn fail_as(&mut self, failure: Failure) {
        if let Some(flight) = self.take() {
            flight.fail(failure);
        }
    }

    /// Ends the work with a value that goes to nobody else.
    #[cold]
    pub(crate) fn withhold(&mut self, value: G::Value) -> Outcome<G::Value> {
        self.fail_as(Failure::NotShared);
        Outcome::alone(value)
    }

    pub(crate) fn group(&self) -> &G {
        &self.group
    }

    /// Asks for a notification when nobody waits any more.
    pub(crate) fn listen(&self) {
        if let Some(flight) = self.flight() {
            flight.listen();
        }
    }

    /// Returns its flight, unless that has ended or was handed over.
    #[inline]
    pub(crate) fn flight(&self) -> Option<Borrowed<'_, G::Key, G::Value, G::Hasher>> {
        let group = self.group.group();
        self.flight_id().map(|id| FlightRef { group, id })
    }

    /// Takes its flight, which it ends or hands over.
    #[inline]
    fn take(&mut self) -> Option<Borrowed<'_, G::Key, G::Value, G::Hasher>> {
        let (group, hash) = (self.group.group(), self.hash);
        self.id.take().map(|id| FlightRef::new(group, hash, id))
    }

    /// Whether its flight has neither ended nor was handed over.
    #[inline]
    pub(crate) fn leads(&self) -> bool {
        self.id.is_some()
    }

    /// Enters the work, so that calls from inside it are known for what they are.
    #[inline]
    pub(crate) fn enter(&self) -> Running<'_> {
        Running {
            _inside: reentrancy::enter(self.group.group().address(), self.hash, self.id),
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
        let (group, hash) = (self.group.group(), self.hash);
        if let Some(id) = self.id.take() {
            FlightRef::new(group, hash, id).land_panicked(payload.message(), &self.span);
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
        if let Some(flight) = self.take() {
            flight.abandon();
        }
    }
}

impl<G: GroupRef> Drop for Leader<G> {
    #[inline]
    fn drop(&mut self) {
        if self.leads() {
            self.abandon();
        }
    }
}

impl<G: GroupRef> fmt::Debug for Leader<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leader")
            .field("flight", &self.flight_id())
            .finish_non_exhaustive()
    }
}
