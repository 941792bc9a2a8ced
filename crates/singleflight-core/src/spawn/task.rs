//! What a task runs.

use alloc::boxed::Box;
use core::future::{Future, poll_fn};
use core::marker::PhantomData;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::guard::SpawnGuard;
use super::handle::Spawned;
use super::oneshot::{Receiver, oneshot};
use super::start::{Arrived, Part};
use crate::call::{Execution, Run, Shares, TryRun, Verb, bind};
use crate::error::{CallError, CallResult, LeaderPanicked};
use crate::group::GroupRef;
use crate::group::leader::Leader;
use crate::group::waiter::Waited;
use crate::outcome::Outcome;
use crate::platform::sync::Arc;
use crate::platform::wait;
use crate::policy::{Payload, catch};
use crate::table::pool::FlightArc;
use crate::table::waiter_kind::Tether;

impl<G, P> Arrived<G, P>
where
    G: GroupRef,
    G::Value: Clone,
    P: Shares<G::Value>,
{
    /// Makes the task, a future that must be spawned, and the guard
    /// that its handle needs beside a way to be told of the answer.
    ///
    /// The task never panics: a panic in the work, or in the `Clone` of its value, is its answer,
    /// [`LeaderPanicked`](CallError::LeaderPanicked) (with `std`, which can catch it). A task that
    /// is dropped leaves the flight, or hands it over.
    ///
    /// # Examples
    ///
    /// A front end for a runtime that has nothing but boxed futures:
    ///
    /// ```
    /// use std::future::Future;
    /// use std::pin::Pin;
    /// use std::sync::Arc;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::{CallResult, Group, Outcome};
    ///
    /// /// A runtime whose join handle is a boxed future.
    /// type Task<V> = Pin<Box<dyn Future<Output = CallResult<Outcome<V>>> + Send>>;
    ///
    /// let group: Arc<Group<u64, u32>> = Arc::default();
    /// let (task, guard) = Group::call_owned(group, 7).spawnable().arrive()?.into_task(async || 42);
    /// let task: Task<u32> = Box::pin(task);
    /// let handle = guard.with_task(task);
    /// assert_eq!(block_on(handle), Ok(42));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn into_task<F, T>(
        self,
        work: F,
    ) -> (
        impl Future<Output = CallResult<Outcome<G::Value>>> + use<G, P, F, T>,
        SpawnGuard<G>,
    )
    where
        F: FnOnce() -> T,
        T: Future<Output = G::Value>,
    {
        self.start::<Run, _, _>(work)
    }

    /// As [`into_task`](Self::into_task), for a work that may fail: its error stays with this call.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::Group;
    ///
    /// let group: Arc<Group<u64, u64>> = Arc::default();
    /// let arrived = Group::call_owned(group, 7).spawnable().arrive()?;
    /// let (task, guard) = arrived.try_into_task(async || Err("no route"));
    /// let handle = guard.with_task(Box::pin(task)); // a runtime would give what waits for the task
    /// assert_eq!(block_on(handle)?, Err("no route"));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[expect(clippy::type_complexity, reason = "no name can be given to it")]
    pub fn try_into_task<F, T, E>(
        self,
        work: F,
    ) -> (
        impl Future<Output = CallResult<Result<Outcome<G::Value>, E>>> + use<G, P, F, T, E>,
        SpawnGuard<G>,
    )
    where
        F: FnOnce() -> T,
        T: Future<Output = Result<G::Value, E>>,
    {
        self.start::<TryRun, _, _>(work)
    }

    /// As [`into_task`](Self::into_task), for a runtime that does not carry what a task returns: the
    /// task itself tells the handle.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::thread;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::Group;
    ///
    /// let group: Arc<Group<String, u32>> = Arc::default();
    /// let call = Group::call_owned(Arc::clone(&group), "key").spawnable();
    /// let (task, handle) = call.arrive()?.into_detached_task(async || 42);
    /// assert_eq!(group.in_flight(), 1);
    /// thread::spawn(|| block_on(task));
    /// assert_eq!(block_on(handle), Ok(42));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[expect(clippy::type_complexity, reason = "no name can be given to it")]
    pub fn into_detached_task<F, T>(
        self,
        work: F,
    ) -> (
        impl Future<Output = ()> + use<G, P, F, T>,
        Spawned<G, Receiver<Outcome<G::Value>>>,
    )
    where
        F: FnOnce() -> T,
        T: Future<Output = G::Value>,
    {
        let (call, guard) = self.into_task(work);
        let (sender, receiver) = oneshot();
        let task = async move { sender.send(call.await) };
        (task, guard.with_task(receiver))
    }

    fn start<B, F, T>(
        self,
        work: F,
    ) -> (
        impl Future<Output = CallResult<B::Answer>> + use<B, G, P, F, T>,
        SpawnGuard<G>,
    )
    where
        B: Verb<G, T::Output>,
        F: FnOnce() -> T,
        T: Future,
    {
        let Self {
            part,
            guard,
            shares,
            binding,
        } = self;
        let task = match part {
            Part::Leader(leader, None) => Task::Leads {
                execution: Execution::new(leader),
                make: Some(move |_: &Leader<G>| work()),
                shares,
                verb: PhantomData::<fn() -> B>,
            },
            part => Task::Driven {
                call: Box::pin(drive::<B, _, _, _, _>(
                    part,
                    guard.is_while_wanted(),
                    move |leader: &Leader<G>| {
                        bind(binding.as_ref(), leader);
                        work()
                    },
                    shares,
                )),
            },
        };
        (task, guard)
    }
}

impl<G: GroupRef> Part<G>
where
    G::Value: Clone,
{
    /// Waits until this call leads, or has its answer. `is_wanted` says that its handle `wants` to
    /// be counted when it leads.
    pub(crate) async fn lead(self, is_wanted: bool) -> CallResult<Waited<G>> {
        let waiter = match self {
            Self::Leader(leader, flight) => {
                let flight = flight.unwrap_or(FlightArc::NONE);
                return Ok(Waited::Leads(leader, flight));
            }
            Self::Follower(waiter) => waiter,
        };
        let tether = waiter.tether_of();
        let is_cut = |tether: &Arc<Tether>| tether.is_cut().then_some(());
        let mut cut = pin!(wait::until(
            tether,
            |tether| &tether.signal,
            is_cut,
            |_, ()| ()
        ));
        let mut wait = pin!(waiter.wait_tethered(is_wanted));
        poll_fn(|context| {
            if let Poll::Ready(waited) = wait.as_mut().poll(context) {
                return Poll::Ready(waited);
            }
            let cut = cut.as_mut().poll(context);
            cut.map(|()| Err(CallError::TaskLost))
        })
        .await
    }
}

/// A call that follows, or that is cancelled when the last interested caller is gone.
async fn drive<B, G, F, T, P>(
    part: Part<G>,
    is_wanted: bool,
    work: F,
    shares: P,
) -> CallResult<B::Answer>
where
    B: Verb<G, T::Output>,
    G: GroupRef,
    G::Value: Clone,
    F: FnOnce(&Leader<G>) -> T,
    T: Future,
    P: Shares<G::Value>,
{
    let (leader, flight) = match part.lead(is_wanted).await? {
        Waited::Leads(leader, flight) => (leader, flight),
        Waited::Landed(outcome) => return Ok(B::follow(outcome)),
    };
    // In this order they are dropped: first the work, and then what a wake of this task may be
    // passed on by.
    let mut deserted = pin!(is_wanted.then(|| {
        leader.listen();
        let is_deserted = |flight: &FlightArc<G::Value>| flight.is_deserted().then_some(());
        wait::until(flight, |flight| &flight.signal, is_deserted, |_, ()| ())
    }));
    let mut execution = pin!(Execution::new(leader));
    let mut make = Some(work);
    let result = poll_fn(|context| {
        let deserted = deserted.as_mut().as_pin_mut();
        if deserted.is_some_and(|deserted| deserted.poll(context).is_ready()) {
            return Poll::Ready(None);
        }
        execution.as_mut().poll(make.take(), context).map(Some)
    })
    .await;
    let Some(result) = result else {
        return Err(CallError::TaskLost);
    };
    // P7: its hold on what the followers share would cost one clone more.
    deserted.set(None);
    Ok(B::conclude(execution.leader(), result, &shares))
}

pin_project! {
    /// A call whose panic is its answer.
    #[project = Running]
    enum Task<B, G, F, T, P, A>
    where
        G: GroupRef,
    {
        Leads {
            #[pin]
            execution: Execution<G, T>,
            make: Option<F>,
            shares: P,
            verb: PhantomData<fn() -> B>,
        },
        // In a box of its own, so that the usual task is small.
        Driven { call: Pin<Box<A>> },
    }
}

impl<B, G, F, T, P, A> Future for Task<B, G, F, T, P, A>
where
    B: Verb<G, T::Output>,
    G: GroupRef,
    G::Value: Clone,
    F: FnOnce(&Leader<G>) -> T,
    T: Future,
    P: Shares<G::Value>,
    A: Future<Output = CallResult<B::Answer>>,
{
    type Output = CallResult<B::Answer>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = catch(|| match self.project() {
            Running::Leads {
                mut execution,
                make,
                shares,
                ..
            } => {
                let result = ready!(execution.as_mut().poll(make.take(), context));
                Poll::Ready(Ok(B::conclude(execution.leader(), result, &*shares)))
            }
            Running::Driven { call } => call.as_mut().poll(context),
        });
        polled.unwrap_or_else(|panic| Poll::Ready(told(&panic)))
    }
}

/// Makes a panic an answer.
pub(crate) fn told<O>(panic: &Payload) -> CallResult<O> {
    Err(LeaderPanicked::new(panic.message()).into())
}
