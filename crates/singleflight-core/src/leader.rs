//! The caller that runs the work.

use core::fmt;
use core::future::Future;

use crate::fence::Fence;
use crate::flight_id::FlightId;
use crate::group::Handle;
use crate::inside::{self, Inside};
use crate::outcome::{Outcome, Role};
use crate::policy::{Payload, catch};
use crate::shared::Shared;
use crate::slot::Id;
use crate::trace::{Entered, FlightSpan};
use crate::wait::until;

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

    /// Returns what tells its flight apart from all others of the group, or `None` once
    /// [`close_if_alone`](Self::close_if_alone) has ended it.
    pub fn flight_id(&self) -> Option<FlightId> {
        self.id.map(|id| id.of(self.hash))
    }

    /// Lets no newcomer join the flight any more: the next call starts another, and two works may
    /// overlap. Those who wait receive this one's value.
    ///
    /// For a leader that knows that its value is as of now. It goes by the flight and not by the
    /// key, so it never closes a newer one; and nothing is counted as forgotten. A
    /// [`Fence`](crate::Fence) of the flight says that it was forgotten all the same.
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
        if let Some(flight) = self.flight_id() {
            self.group.close_to_newcomers(flight);
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
        let closes = self
            .id
            .is_none_or(|id| self.group.close_if_alone(self.hash, id));
        if closes {
            self.id = None;
        }
        closes
    }

    /// Waits until nobody waits for the value, which may be at once. What it waits for, it is given
    /// when it is called; it borrows nothing.
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
        let awaited = self
            .id
            .and_then(|id| self.group.listen_if_awaited(self.hash, id));
        async move {
            let Some(flight) = awaited else {
                return;
            };
            let is_deserted = |flight: &Shared<_>| flight.is_deserted().then_some(());
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

    pub(crate) fn group(&self) -> &G {
        &self.group
    }

    /// As [`complete`](Self::complete), and puts the outcome where it is wanted.
    #[inline]
    pub(crate) fn complete_and(mut self, value: G::Value, put: impl FnOnce(Outcome<G::Value>))
    where
        G::Value: Clone,
    {
        match self.id.take() {
            Some(id) => self.group.land_and(self.hash, id, value, &self.span, put),
            None => put(Outcome::new(value, Role::Leader, 0)),
        }
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
    fn land(&mut self, value: G::Value) -> Outcome<G::Value>
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
