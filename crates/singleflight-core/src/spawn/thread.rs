//! What a thread runs.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;

use super::handle::Spawned;
use super::oneshot::{Receiver, oneshot};
use super::start::{Arrived, Part};
use super::task::told;
use crate::call::{Run, Shares, TryRun, Verb, bind};
use crate::error::{CallError, CallResult};
use crate::group::GroupRef;
use crate::group::leader::Leader;
use crate::group::waiter::Waited;
use crate::outcome::Outcome;
use crate::platform::sync::atomic::{AtomicBool, Ordering};
use crate::policy::catch;
use crate::table::pool::FlightArc;

/// Asked by a work on a thread, which cannot be cancelled from outside, whether anybody still
/// wants its value.
pub struct Wanted<V> {
    /// Empty if the work runs to its end.
    flight: Option<FlightArc<V>>,
    ended: AtomicBool,
}

impl<V> Wanted<V> {
    /// Whether anybody is interested. Once it has said that nobody is it stays so: the work
    /// should return soon, and what it returns is dropped. Callers who come meanwhile wait
    /// for it to return and then run their own work.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::Group;
    ///
    /// let group: Arc<Group<u64, u64>> = Arc::default();
    /// let call = Group::call_owned(Arc::clone(&group), 7).spawnable().while_wanted();
    /// let (job, handle) = call.arrive()?.into_job(|wait| block_on(wait), |wanted| {
    ///     while wanted.is_wanted() {} // a piece of the work each time
    ///     0
    /// });
    /// drop(handle);
    /// job(); // on a thread; it returns
    /// assert_eq!(group.stats().abandoned, 1);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn is_wanted(&self) -> bool {
        let deserted = |flight: &FlightArc<V>| flight.is_deserted();
        if self.flight.as_ref().is_some_and(deserted) {
            self.ended.store(true, Ordering::Relaxed);
        }
        !self.ended.load(Ordering::Relaxed)
    }
}

impl<V> fmt::Debug for Wanted<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted")
            .field("ended", &self.ended.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

/// What a thread runs, and its handle.
type Job<G, O, R> = (R, Spawned<G, Receiver<O>>);

impl<G, P> Arrived<G, P>
where
    G: GroupRef,
    G::Value: Clone,
    P: Shares<G::Value>,
{
    /// Makes what a thread runs, and its handle. `block_on` parks the
    /// thread until a future is ready, which it is when the work is done or another call's value is
    /// there.
    ///
    /// Work that runs [while it is wanted](crate::Spawnable::while_wanted) has to ask its [`Wanted`]; nothing
    /// stops it otherwise.
    ///
    /// What the thread runs never panics; see [`into_task`](Self::into_task). If it is
    /// dropped without being run, it leaves the flight, or hands it over.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::thread;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::Group;
    ///
    /// let group: Arc<Group<String, u64>> = Arc::default();
    /// let call = Group::call_owned(Arc::clone(&group), "key").spawnable();
    /// let (job, handle) = call.arrive()?.into_job(|wait| block_on(wait), |_wanted| 42);
    /// assert_eq!(group.in_flight(), 1, "claimed, and no thread runs yet");
    /// thread::spawn(job);
    /// assert_eq!(handle.join(), Ok(42));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn into_job<F, B>(
        self,
        block_on: B,
        work: F,
    ) -> Job<G, Outcome<G::Value>, impl FnOnce() + use<G, P, F, B>>
    where
        F: FnOnce(&Wanted<G::Value>) -> G::Value,
        B: FnOnce(Pin<&mut dyn Future<Output = ()>>),
    {
        self.start_job::<Run, _, _, _>(block_on, work)
    }

    /// As [`into_job`](Self::into_job), for a work that may fail: its error stays with this call.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::thread;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::Group;
    ///
    /// let group: Arc<Group<u64, u64>> = Arc::default();
    /// let arrived = Group::call_owned(group, 7).spawnable().arrive()?;
    /// let (job, handle) = arrived.try_into_job(|wait| block_on(wait), |_wanted| Err("no route"));
    /// thread::spawn(job);
    /// assert_eq!(handle.join()?, Err("no route"));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn try_into_job<F, B, E>(
        self,
        block_on: B,
        work: F,
    ) -> Job<G, Result<Outcome<G::Value>, E>, impl FnOnce() + use<G, P, F, B, E>>
    where
        F: FnOnce(&Wanted<G::Value>) -> Result<G::Value, E>,
        B: FnOnce(Pin<&mut dyn Future<Output = ()>>),
    {
        self.start_job::<TryRun, _, _, _>(block_on, work)
    }

    fn start_job<W, F, B, R>(
        self,
        block_on: B,
        work: F,
    ) -> Job<G, W::Answer, impl FnOnce() + use<W, G, P, F, B, R>>
    where
        W: Verb<G, R>,
        F: FnOnce(&Wanted<G::Value>) -> R,
        B: FnOnce(Pin<&mut dyn Future<Output = ()>>),
    {
        let Self {
            part,
            guard,
            shares,
            binding,
        } = self;
        let (sender, receiver) = oneshot();
        let is_wanted = guard.is_while_wanted();
        let run = move || {
            let work = |leader: &Leader<G>, wanted: &Wanted<_>| {
                bind(binding.as_ref(), leader);
                work(wanted)
            };
            let call = catching(drive_blocking::<W, _, _, _, _>(
                part, is_wanted, work, shares,
            ));
            block_on(pin!(async move { sender.send(call.await) }));
        };
        (run, guard.with_task(receiver))
    }
}

/// A call whose work runs on this thread.
async fn drive_blocking<W, G, F, R, P>(
    part: Part<G>,
    is_wanted: bool,
    work: F,
    shares: P,
) -> CallResult<W::Answer>
where
    W: Verb<G, R>,
    G: GroupRef,
    G::Value: Clone,
    F: FnOnce(&Leader<G>, &Wanted<G::Value>) -> R,
    P: Shares<G::Value>,
{
    let (mut leader, flight) = match part.lead(is_wanted).await? {
        Waited::Leads(leader, flight) => (leader, flight),
        Waited::Landed(outcome) => return Ok(W::follow(outcome)),
    };
    let wanted = Wanted {
        flight: is_wanted.then_some(flight),
        ended: AtomicBool::new(false),
    };
    let result = leader.run(|| work(&leader, &wanted));
    if wanted.ended.load(Ordering::Relaxed) {
        // What was made for nobody goes to nobody, a panic included; whoever came meanwhile leads
        // on.
        leader.abandon();
        return result.map_or_else(|panic| told(&panic), |_| Err(CallError::TaskLost));
    }
    drop(wanted);
    Ok(W::conclude(&mut leader, result, &shares))
}

/// Makes a call's panic its answer.
async fn catching<O>(call: impl Future<Output = CallResult<O>>) -> CallResult<O> {
    let mut call = pin!(call);
    poll_fn(|context| {
        let polled = catch(|| call.as_mut().poll(context));
        polled.unwrap_or_else(|panic| Poll::Ready(told(&panic)))
    })
    .await
}
