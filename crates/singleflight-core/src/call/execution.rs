//! One execution in a task: the work's future, and the leader whose flight it is for.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::share::{ShareAll, TryRun, Verb as _};
use super::work::poll_work;
use crate::group::GroupRef;
use crate::group::leader::Leader;
use crate::outcome::Outcome;
use crate::policy::Payload;

pin_project! {
    /// A work that is being executed.
    pub(crate) struct Execution<G, T>
    where
        G: GroupRef,
    {
        // P1: fields are dropped in this order, so an execution is over before its flight is
        // handed over.
        #[pin]
        future: Option<T>,
        leader: Leader<G>,
    }

    impl<G, T> PinnedDrop for Execution<G, T>
    where
        G: GroupRef,
    {
        /// A work that is dropped before its end is dropped as it was run: from inside, so that
        /// a call for its own key ends instead of waiting for itself.
        fn drop(this: Pin<&mut Self>) {
            if this.leader.leads() {
                this.stop();
            }
        }
    }
}

impl<G: GroupRef, T> Execution<G, T> {
    #[inline]
    pub(crate) fn new(leader: Leader<G>) -> Self {
        Self {
            future: None,
            leader,
        }
    }

    #[cold]
    fn stop(self: Pin<&mut Self>) {
        let mut this = self.project();
        if this.future.is_some() {
            let _running = this.leader.enter();
            this.future.set(None);
        }
    }

    pub(crate) fn leader(self: Pin<&mut Self>) -> &mut Leader<G> {
        self.project().leader
    }
}

impl<G: GroupRef, T: Future> Execution<G, T> {
    /// Makes the work's future if that is still to be done, and polls it. When it is ready, or has
    /// panicked, it is gone.
    #[inline]
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        make: Option<impl FnOnce(&Leader<G>) -> T>,
        context: &mut Context<'_>,
    ) -> Poll<Result<T::Output, Payload>> {
        let this = self.project();
        let leader = &*this.leader;
        let make = make.map(|make| || make(leader));
        poll_work(make, this.future, || leader.enter(), context)
    }
}

impl<G: GroupRef> Leader<G>
where
    G::Value: Clone,
{
    /// Runs `work` in the caller's task and lands the flight with what it returns.
    ///
    /// # Panics
    ///
    /// A panic in making, polling or dropping the work's future goes on unchanged; the
    /// followers are told or the flight is handed over, as the group's
    /// [`PanicPolicy`](crate::PanicPolicy) has it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the work, then hands the flight over.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::{Group, Joined, Role};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let outcome = leader.lead(async || 42).await;
    /// assert_eq!((outcome.value, outcome.role), (42, Role::Leader));
    /// assert_eq!(group.stats().landed, 1);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn lead<F, T>(self, work: F) -> impl Future<Output = Outcome<G::Value>>
    where
        F: FnOnce() -> T,
        T: Future<Output = G::Value>,
    {
        leading(self, work, |leader: &mut Self, result| {
            leader.conclude(result, |outcome| outcome)
        })
    }

    /// Runs `work` in the caller's task; lands the flight with an `Ok`, keeps an `Err` for
    /// its caller and hands the flight over. See [`fail`](Self::fail) for those who wait.
    ///
    /// # Errors
    ///
    /// What the work returned.
    ///
    /// # Panics
    ///
    /// As [`lead`](Self::lead).
    ///
    /// # Cancel safety
    ///
    /// As [`lead`](Self::lead).
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u32> = Group::new();
    /// let Ok(Joined::Leader(leader)) = group.join(7) else { unreachable!() };
    /// let failed = leader.try_lead(async || Err("unreachable host")).await;
    /// assert_eq!(failed.err(), Some("unreachable host"));
    /// # });
    /// ```
    pub fn try_lead<F, T, E>(self, work: F) -> impl Future<Output = Result<Outcome<G::Value>, E>>
    where
        F: FnOnce() -> T,
        T: Future<Output = Result<G::Value, E>>,
    {
        leading(self, work, |leader: &mut Self, result| {
            TryRun::conclude(leader, result, &ShareAll)
        })
    }
}

/// Makes the rest of a call that leads already.
fn leading<G: GroupRef, T: Future, A>(
    leader: Leader<G>,
    work: impl FnOnce() -> T,
    conclude: impl FnOnce(&mut Leader<G>, Result<T::Output, Payload>) -> A,
) -> impl Future<Output = A> {
    let execution = Execution::new(leader);
    async move {
        let mut execution = pin!(execution);
        let mut make = Some(|_: &_| work());
        let result = poll_fn(|context| execution.as_mut().poll(make.take(), context)).await;
        conclude(execution.leader(), result)
    }
}
