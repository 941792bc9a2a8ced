//! Calls that own a task or a thread of their own. The core starts neither: it makes what is
//! to be run and the handle that waits for it, and a front end runs it.
//!
//! What is run is a call like any other: it leads, or follows and leads on if it is its turn,
//! and ends with an answer. How that reaches the handle is a [`Join`](crate::Join): the runtime's
//! own join handle where it has one that carries what a task returns, else a [`Reply`].
//!
//! | role when it came | [`Until::Done`] | [`Until::Unwanted`] |
//! |---|---|---|
//! | leader | runs | listens for the flight's last interested caller to leave, its handle included |
//! | follower | waits; when its handle is dropped it stays as the flight's heir, unless there is one | waits until its handle is dropped |
//!
//! Cancelling is nothing but losing the leader: the work is dropped, then the flight is handed
//! over to whoever came meanwhile, so nobody shares the fate of a work that was cancelled before
//! they came.

use alloc::boxed::Box;
use core::fmt;
use core::future::{Future, poll_fn};
use core::hash::BuildHasher;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::error::{CallError, LeaderPanicked};
use crate::execution::Execution;
use crate::flight::Flight;
use crate::group::{Group, Handle, Origin};
use crate::key::Key;
use crate::leader::Leader;
use crate::policy::{Payload, catch};
use crate::reply::{Answer, Reply};
use crate::shard::Entry;
use crate::shared::Shared;
use crate::spawned::{Interested, Spawned, Stake, Until};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::wait;
use crate::waiter::{Waited, Waiter};
use crate::waiter_kind::Tether;

/// Asked by a work on a thread, which cannot be cancelled from outside, whether anybody still
/// wants its value.
pub struct Interest<V> {
    /// Empty if the work runs to its end.
    flight: Option<Shared<V>>,
    ended: AtomicBool,
}

impl<V> Interest<V> {
    /// Whether the last interested caller is gone. Once it has said so it stays so: the work
    /// should return soon, and what it returns is dropped. Callers who come meanwhile wait
    /// for it to return and then run their own work.
    pub fn has_ended(&self) -> bool {
        let deserted = |flight: &Shared<V>| flight.is_deserted();
        if self.flight.as_ref().is_some_and(deserted) {
            self.ended.store(true, Ordering::Relaxed);
        }
        self.ended.load(Ordering::Relaxed)
    }
}

impl<V> fmt::Debug for Interest<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interest")
            .field("ended", &self.ended.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

/// A call that has come and is going to run by itself: its key is claimed or joined.
///
/// Made by [`Group::arrive`]. Dropping it leaves the flight, or hands it over.
#[must_use = "dropping it leaves the flight, or hands it over"]
pub struct Arrival<G: Handle> {
    part: Part<G>,
    /// Of a leader that runs whoever wants it there is none.
    interest: Option<Box<Interested<G>>>,
}

/// What a call has come to be.
enum Part<G: Handle> {
    /// With the flight's shared part, if it is to be told that nobody wants it any more.
    Leader(Leader<G>, Option<Shared<G::Value>>),
    Follower(Waiter<G, Arc<Tether>>),
}

impl<K: Eq, V, S: BuildHasher> Group<K, V, S> {
    /// Claims or joins the flight of `key` for a call that a front end is going to run in a
    /// task or on a thread of its own.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::thread;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::{Group, Until};
    ///
    /// let group: Arc<Group<String, u32>> = Arc::default();
    /// let arrival = Group::arrive(Arc::clone(&group), "key", Until::Done)?;
    /// let (task, handle) = arrival.into_task(async || 42);
    /// assert_eq!(group.in_flight(), 1);
    /// thread::spawn(|| block_on(task));
    /// assert_eq!(block_on(handle.outcome())?.value, 42);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn arrive<G, Q, M>(handle: G, key: Q, until: Until) -> Result<Arrival<G>, CallError>
    where
        G: Handle<Key = K, Value = V, Hasher = S> + Clone,
        Q: Key<K, M>,
    {
        // It does not wait in place, so it may come from inside the work; its handle, if it is
        // awaited there, may not.
        let origin = Origin::Elsewhere;
        let (hash, entry, flight, unused) = match until {
            Until::Done => {
                let (hash, entry, unused) = handle.enter(key, origin);
                (hash, entry, None, unused)
            }
            Until::Unwanted => {
                let (hash, entry, flight, unused) = handle.enter_with_handle(key, origin);
                (hash, entry, Some(flight), unused)
            }
        };
        let interest = |group: &G, id, turn, tether| {
            Box::new(Interested {
                group: group.clone(),
                hash,
                id,
                until,
                turn,
                tether,
            })
        };
        // First who leads or waits: what comes after it may panic, and gives it up then.
        let arrival = match entry {
            Entry::Leader(id) | Entry::Claimant(id) => {
                let leader = Leader::new(handle, hash, id);
                // As long as this call leads, the turn is its own.
                let turn = flight.as_deref().map(Flight::turn);
                Arrival {
                    interest: turn.map(|turn| interest(leader.group(), id, turn, None)),
                    part: Part::Leader(leader, flight),
                }
            }
            Entry::Follower(id, flight) => {
                let tether = Tether::new();
                let waiter = Waiter::with(handle, hash, id, flight, Arc::clone(&tether));
                Arrival {
                    interest: Some(interest(waiter.post().0, id, 0, Some(tether))),
                    part: Part::Follower(waiter),
                }
            }
            Entry::Refused(refusal) => return Err(refusal.into()),
        };
        drop(unused);
        Ok(arrival)
    }
}

impl<G: Handle> Arrival<G>
where
    G::Value: Clone,
{
    /// Makes the call, a future that must be spawned, and what its handle needs beside a way to
    /// be told of the answer: for runtimes whose join handles carry what a task returns.
    ///
    /// The call never panics: a panic in the work, or in the `Clone` of its value, is its answer,
    /// [`LeaderPanicked`](CallError::LeaderPanicked) (with `std`, which can catch it). A call
    /// that is dropped leaves the flight, or hands it over.
    ///
    /// # Examples
    ///
    /// A front end for a runtime of one's own:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::thread;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::{Answer, CallError, Group, Join, Until};
    ///
    /// /// A runtime with a thread for each task.
    /// struct Thread<V>(thread::JoinHandle<Answer<V>>);
    ///
    /// impl<V> Join<V> for Thread<V> {
    ///     async fn join(self) -> Answer<V> {
    ///         self.0.join().unwrap_or(Err(CallError::TaskLost))
    ///     }
    /// }
    ///
    /// let group: Arc<Group<u64, u32>> = Arc::default();
    /// let (call, stake) = Group::arrive(group, 7, Until::Done)?.into_call(async || 42);
    /// let handle = stake.joined_by(Thread(thread::spawn(|| block_on(call))));
    /// assert_eq!(block_on(handle.outcome())?.value, 42);
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn into_call<F, T>(
        self,
        work: F,
    ) -> (
        impl Future<Output = Answer<G::Value>> + use<G, F, T>,
        Stake<G>,
    )
    where
        F: FnOnce() -> T,
        T: Future<Output = G::Value>,
    {
        let (part, stake) = self.split();
        let call = match part {
            Part::Leader(leader, None) => Run::Leads {
                execution: Execution::new(leader),
                make: Some(work),
            },
            part => Run::Attends {
                call: Box::pin(attend(part, stake.is_wanted(), work)),
            },
        };
        (call, stake)
    }

    /// Makes the task, which must be spawned, and its handle. See [`into_call`](Self::into_call);
    /// here the task itself tells the handle, and needs nothing from its runtime.
    pub fn into_task<F, T>(self, work: F) -> (impl Future<Output = ()> + use<G, F, T>, Spawned<G>)
    where
        F: FnOnce() -> T,
        T: Future<Output = G::Value>,
    {
        let (call, stake) = self.into_call(work);
        let (tell, reply) = Reply::new();
        let task = async move { tell.give(call.await) };
        (task, stake.joined_by(reply))
    }

    /// Makes what a thread runs, and its handle. `block_on` parks the thread until a future is
    /// ready, which it is when the work is done or another call's value is there.
    ///
    /// Work that runs until it is [unwanted](Until::Unwanted) has to ask its [`Interest`];
    /// nothing stops it otherwise.
    ///
    /// What the thread runs never panics; see [`into_call`](Self::into_call). If it is
    /// dropped without being run, it leaves the flight, or hands it over.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub fn into_closure<F, B>(
        self,
        block_on: B,
        work: F,
    ) -> (impl FnOnce() + use<G, F, B>, Spawned<G>)
    where
        F: FnOnce(&Interest<G::Value>) -> G::Value,
        B: FnOnce(Pin<&mut dyn Future<Output = ()>>),
    {
        let (part, stake) = self.split();
        let (tell, reply) = Reply::new();
        let is_wanted = stake.is_wanted();
        let run = move || {
            let call = catching(attend_blocking(part, is_wanted, work));
            block_on(pin!(async move { tell.give(call.await) }));
        };
        (run, stake.joined_by(reply))
    }

    fn split(self) -> (Part<G>, Stake<G>) {
        let Self { part, interest } = self;
        let place = match &part {
            Part::Leader(leader, _) => leader.place(),
            Part::Follower(waiter) => {
                let (group, hash, id) = waiter.post();
                Some((group.address(), hash, id))
            }
        };
        (part, Stake { place, interest })
    }
}

impl<G: Handle> fmt::Debug for Arrival<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut arrival = f.debug_tuple("Arrival");
        match &self.part {
            Part::Leader(leader, _) => arrival.field(leader),
            Part::Follower(waiter) => arrival.field(waiter),
        };
        arrival.finish()
    }
}

impl<G: Handle> Part<G>
where
    G::Value: Clone,
{
    /// Waits until this call leads, or has its answer. `is_wanted` says that its handle `wants` to
    /// be counted when it leads.
    async fn lead(self, is_wanted: bool) -> Result<Waited<G>, CallError> {
        let waiter = match self {
            Self::Leader(leader, flight) => {
                let flight = flight.unwrap_or(Shared::NONE);
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
async fn attend<G, F, T>(part: Part<G>, is_wanted: bool, work: F) -> Answer<G::Value>
where
    G: Handle,
    G::Value: Clone,
    F: FnOnce() -> T,
    T: Future<Output = G::Value>,
{
    let (leader, flight) = match part.lead(is_wanted).await? {
        Waited::Leads(leader, flight) => (leader, flight),
        Waited::Landed(outcome) => return Ok(outcome),
    };
    // In this order they are dropped: first the work, and then what a wake of this task may be
    // passed on by.
    let mut deserted = pin!(is_wanted.then(|| {
        leader.listen();
        let is_deserted = |flight: &Shared<G::Value>| flight.is_deserted().then_some(());
        wait::until(flight, |flight| &flight.signal, is_deserted, |_, ()| ())
    }));
    let mut execution = pin!(Execution::new(leader));
    let mut make = Some(|_: &_| work());
    let result = poll_fn(|context| {
        let deserted = deserted.as_mut().as_pin_mut();
        if deserted.is_some_and(|deserted| deserted.poll(context).is_ready()) {
            return Poll::Ready(None);
        }
        execution.as_mut().poll(make.take(), context).map(Some)
    })
    .await;
    let Some(result) = result else {
        execution.cancel();
        return Err(CallError::TaskLost);
    };
    // P7: its hold on what the followers share would cost one clone more.
    deserted.set(None);
    Ok(execution.leader().conclude(result, |_| true))
}

/// The same, with a work that runs on this thread.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
async fn attend_blocking<G, F>(part: Part<G>, is_wanted: bool, work: F) -> Answer<G::Value>
where
    G: Handle,
    G::Value: Clone,
    F: FnOnce(&Interest<G::Value>) -> G::Value,
{
    let (mut leader, flight) = match part.lead(is_wanted).await? {
        Waited::Leads(leader, flight) => (leader, flight),
        Waited::Landed(outcome) => return Ok(outcome),
    };
    let interest = Interest {
        flight: is_wanted.then_some(flight),
        ended: AtomicBool::new(false),
    };
    let result = leader.run(|| work(&interest));
    if interest.ended.load(Ordering::Relaxed) {
        // What was made for nobody goes to nobody, a panic included; whoever came meanwhile leads
        // on.
        leader.abandon();
        return result.map_or_else(|panic| told(&panic), |_| Err(CallError::TaskLost));
    }
    drop(interest);
    Ok(leader.conclude(result, |_| true))
}

pin_project! {
    /// A call whose panic is its answer.
    #[project = Running]
    enum Run<G, F, T, A>
    where
        G: Handle,
    {
        Leads { #[pin] execution: Execution<G, T>, make: Option<F> },
        // In a box of its own, so that the usual task is small.
        Attends { call: Pin<Box<A>> },
    }
}

impl<G, F, T, A> Future for Run<G, F, T, A>
where
    G: Handle,
    G::Value: Clone,
    F: FnOnce() -> T,
    T: Future<Output = G::Value>,
    A: Future<Output = Answer<G::Value>>,
{
    type Output = Answer<G::Value>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = catch(|| match self.project() {
            Running::Leads {
                mut execution,
                make,
            } => {
                let make = make.take().map(|make| |_: &Leader<G>| make());
                let result = ready!(execution.as_mut().poll(make, context));
                Poll::Ready(Ok(execution.leader().conclude(result, |_| true)))
            }
            Running::Attends { call } => call.as_mut().poll(context),
        });
        polled.unwrap_or_else(|panic| Poll::Ready(told(&panic)))
    }
}

/// Makes a call's panic its answer.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
async fn catching<V>(call: impl Future<Output = Answer<V>>) -> Answer<V> {
    let mut call = pin!(call);
    poll_fn(|context| {
        let polled = catch(|| call.as_mut().poll(context));
        polled.unwrap_or_else(|panic| Poll::Ready(told(&panic)))
    })
    .await
}

/// Makes a panic an answer.
fn told<V>(panic: &Payload) -> Answer<V> {
    Err(LeaderPanicked::new(panic.message()).into())
}
