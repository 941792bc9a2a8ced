//! The caller that runs the work.

use core::fmt;

use crate::fence::Fence;
use crate::group::Handle;
use crate::inside::{self, Inside};
use crate::outcome::{Outcome, Role};
use crate::policy::{Payload, catch};
use crate::slot::Id;
use crate::trace::{Entered, FlightSpan};

/// The right, and the duty, to run the work of one flight.
///
/// End it by [`complete`](Self::complete) with a value, or let [`lead`](Self::lead) run the
/// work and do so. Dropping it hands the flight over: every follower is woken, and the
/// first that is polled and has work of its own leads on. If nobody waits, the flight ends.
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
pub struct Leader<G: Handle> {
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

impl<G: Handle> Leader<G> {
    #[inline]
    pub(crate) fn new(group: G, hash: u64, id: Id) -> Self {
        let mut leader = Self {
            group,
            hash,
            id: Some(id),
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

    /// Makes a fence for this flight, by which its work can learn that it was forgotten.
    pub fn fence(&self) -> Fence<G>
    where
        G: Clone,
    {
        Fence::new(self.group.clone(), self.hash, self.id)
    }

    pub(crate) fn group(&self) -> &G {
        &self.group
    }

    /// Asks for a notification when nobody waits any more.
    pub(crate) fn listen(&self) {
        if let Some(id) = self.id {
            self.group.listen(self.hash, id);
        }
    }

    /// Hands the flight over, as dropping the leader does.
    pub fn hand_over(self) {
        drop(self);
    }

    /// Runs `work` on the calling thread and lands the flight with what it returns.
    ///
    /// # Panics
    ///
    /// A panic in the work goes on unchanged; the followers are told or the flight is handed
    /// over, as the group's [`PanicPolicy`](crate::PanicPolicy) has it.
    #[inline]
    pub fn lead_blocking<F>(self, work: F) -> Outcome<G::Value>
    where
        F: FnOnce() -> G::Value,
        G::Value: Clone,
    {
        self.lead_blocking_if(work, |_| true)
    }

    /// As [`lead_blocking`](Self::lead_blocking), but lands the flight only with a value that
    /// `shares` accepts; another stays with its caller and the flight is handed over. Where
    /// nobody who waits can or may lead on, it is shared all the same.
    ///
    /// # Panics
    ///
    /// As [`lead_blocking`](Self::lead_blocking).
    #[inline]
    pub fn lead_blocking_if<F>(
        mut self,
        work: F,
        shares: impl FnOnce(&G::Value) -> bool,
    ) -> Outcome<G::Value>
    where
        F: FnOnce() -> G::Value,
        G::Value: Clone,
    {
        let result = self.run(work);
        self.conclude(result, shares)
    }

    /// Ends the flight as the work did. What `shares` refuses stays with its caller, and
    /// the flight is handed over.
    ///
    /// The work, or its future, must have been dropped (P1). Called once.
    #[inline]
    pub(crate) fn conclude(
        &mut self,
        result: Result<G::Value, Payload>,
        shares: impl FnOnce(&G::Value) -> bool,
    ) -> Outcome<G::Value>
    where
        G::Value: Clone,
    {
        match result {
            Ok(value) if shares(&value) => self.land(value),
            Ok(value) => self.keep(value),
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
        match self.id.take() {
            Some(id) => self.group.land(self.hash, id, value, &self.span),
            None => Outcome::new(value, Role::Leader, 0),
        }
    }

    #[cold]
    fn keep(&mut self, value: G::Value) -> Outcome<G::Value>
    where
        G::Value: Clone,
    {
        match self.id.take() {
            Some(id) => self.group.keep(self.hash, id, value, &self.span),
            None => Outcome::new(value, Role::Leader, 0),
        }
    }

    /// Returns what tells its flight apart in the whole process, unless that has ended.
    pub(crate) fn place(&self) -> Option<(usize, u64, Id)> {
        Some((self.group.address(), self.hash, self.id?))
    }

    /// Enters the work, so that calls from inside it are known for what they are.
    #[inline]
    pub(crate) fn enter(&self) -> Running<'_> {
        Running {
            _inside: inside::enter(self.group.address(), self.hash, self.id),
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
        if let Some(id) = self.id.take() {
            self.group
                .land_panicked(self.hash, id, payload.message(), &self.span);
        }
    }

    #[cold]
    pub(crate) fn panicked(&mut self, payload: Payload) -> ! {
        // The first panic goes on. A waker or the key's `Drop` may add a second one.
        let _second = catch(|| self.tell_panic(&payload));
        payload.resume()
    }

    /// Whether its flight has neither ended nor was handed over.
    #[inline]
    pub(crate) fn leads(&self) -> bool {
        self.id.is_some()
    }

    /// Out of line, so that what drops a leader that has ended is small.
    #[cold]
    #[inline(never)]
    pub(crate) fn abandon(&mut self) {
        if let Some(id) = self.id.take() {
            self.group.abandon(self.hash, id);
        }
    }
}

impl<G: Handle> Drop for Leader<G> {
    #[inline]
    fn drop(&mut self) {
        if self.leads() {
            self.abandon();
        }
    }
}

impl<G: Handle> fmt::Debug for Leader<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leader")
            .field("flight", &self.id)
            .finish_non_exhaustive()
    }
}
