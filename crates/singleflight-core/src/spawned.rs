//! Calls that own a task or a thread of their own. The core starts neither: it makes what is
//! to be run and the handle that waits for it, and a front end runs it.
//!
//! What is run is a call like any other: it leads, or follows and leads on if it is its turn,
//! and ends with an answer. How that reaches the handle is a [`Join`]: the runtime's own join
//! handle where it has one that carries what a task returns, else a [`Reply`].
//!
//! | role when it came | [`Until::Done`] | [`Until::Unwanted`] |
//! |---|---|---|
//! | leader | runs | listens for the flight's last interested caller to leave, its handle included |
//! | follower | waits | waits until its handle is dropped |
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
use crate::follower::{Turn, Watcher};
use crate::group::{Group, Handle, Origin};
use crate::inside;
use crate::join::Joined;
use crate::key::Key;
use crate::leader::Leader;
use crate::policy::{Payload, catch};
use crate::reply::{Answer, Join, Reply};
use crate::shared::Shared;
use crate::slot::Id;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, seeded};
use crate::wait;
use crate::work::poll_work;

/// How long a spawned call's work runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it runs on, or it does not")]
pub enum Until {
    /// To its end, even if every handle is dropped.
    Done,
    /// Until the last interested caller is gone, of whatever entry point: then it is cancelled.
    Unwanted,
}

/// A handle to a call that runs by itself.
///
/// It waits for the answer; dropping it ends the interest of this one caller, which matters to
/// the work only if the call was spawned to run until it is [unwanted](Until::Unwanted).
///
/// A spawned call is one caller: its task leads or follows, and its handle is not counted.
#[must_use = "dropping the handle ends the interest in the call"]
pub struct Spawned<G: Handle, J = Reply<<G as Handle>::Value>> {
    join: J,
    stake: Stake<G>,
}

/// What the handle of a spawned call has to do with its flight, apart from how it is told of the
/// answer. Made by [`Arrival::into_call`].
#[must_use = "dropping it ends the interest in the call"]
pub struct Stake<G: Handle> {
    /// The flight, so that a wait inside its own work is known for what it is.
    place: Option<(usize, u64, Id)>,
    /// For a call that is cancelled when nobody wants it.
    interest: Option<Box<Interested<G>>>,
}

/// The interest of a handle, until it is dropped.
struct Interested<G: Handle> {
    /// Its place in the flight, which it leaves after the task was told.
    watcher: Watcher<G>,
    /// For a task that follows: its handle was dropped, or it follows no more.
    parted: Option<Arc<AtomicBool>>,
}

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
    joined: Joined<G>,
    /// Only of a call that is cancelled when nobody wants it.
    interest: Option<Box<Interested<G>>>,
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
        let joined = Self::join_from(handle, key, Origin::Elsewhere)?;
        let watcher = match (until, &joined) {
            (Until::Done, _) => None,
            (Until::Unwanted, Joined::Leader(leader)) => {
                let (group, hash, id) = leader.post().ok_or(CallError::TaskLost)?;
                let flight = group.watch(hash, id).ok_or(CallError::Full)?;
                Some(Watcher::of_handle(group.clone(), hash, id, flight))
            }
            (Until::Unwanted, Joined::Follower(follower)) => Some(follower.interest()),
        };
        let interest = watcher.map(|watcher| {
            Box::new(Interested {
                watcher,
                parted: match &joined {
                    Joined::Leader(_) => None,
                    Joined::Follower(_) => Some(Arc::new(AtomicBool::new(false))),
                },
            })
        });
        Ok(Arrival { joined, interest })
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
        let Self { joined, interest } = self;
        let place = joined.place();
        let call = match (joined, &interest) {
            (Joined::Leader(leader), None) => Run::Leads {
                future: None,
                make: Some(work),
                leader,
            },
            (joined, interest) => {
                let interest = interest.as_deref();
                let flight = interest.map(Interested::flight);
                let parted = interest.and_then(|interest| interest.parted.clone());
                Run::Attends {
                    call: Box::pin(attend(joined, flight, parted, work)),
                }
            }
        };
        let stake = Stake { place, interest };
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

    /// Makes what a thread runs, and its handle.
    ///
    /// Work that runs until it is [unwanted](Until::Unwanted) has to ask its [`Interest`];
    /// nothing stops it otherwise.
    ///
    /// What the thread runs never panics; see [`into_call`](Self::into_call). If it is
    /// dropped without being run, it leaves the flight, or hands it over.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub fn into_closure<F>(self, work: F) -> (impl FnOnce() + use<G, F>, Spawned<G>)
    where
        F: FnOnce(&Interest<G::Value>) -> G::Value,
    {
        let Self { joined, interest } = self;
        let place = joined.place();
        let flight = interest.as_deref().map(Interested::flight);
        let parted = interest
            .as_ref()
            .and_then(|interest| interest.parted.clone());
        let (tell, reply) = Reply::new();
        let call = move || {
            let mut leader = match joined {
                Joined::Leader(leader) => leader,
                Joined::Follower(follower) => {
                    match follower.wait_while_blocking(|| !is_set(parted.as_deref()))? {
                        Turn::Lead(leader) => leader,
                        Turn::Landed(outcome) => return Ok(outcome),
                    }
                }
            };
            set(parted.as_deref());
            let interest = Interest {
                flight,
                ended: AtomicBool::new(false),
            };
            let result = leader.run(|| work(&interest));
            if result.is_ok() && interest.ended.load(Ordering::Relaxed) {
                // What was made for nobody goes to nobody; whoever came meanwhile leads on.
                leader.hand_over();
                return Err(CallError::TaskLost);
            }
            drop(interest);
            Ok(leader.conclude(result, |_| true))
        };
        let run = move || tell.give(catch(call).unwrap_or_else(|panic| told(&panic)));
        let stake = Stake { place, interest };
        (run, stake.joined_by(reply))
    }
}

impl<G: Handle> fmt::Debug for Arrival<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Arrival").field(&self.joined).finish()
    }
}

/// A call that follows, or that is cancelled when the last interested caller is gone.
async fn attend<G, F, T>(
    joined: Joined<G>,
    flight: Option<Shared<G::Value>>,
    parted: Option<Arc<AtomicBool>>,
    work: F,
) -> Answer<G::Value>
where
    G: Handle,
    G::Value: Clone,
    F: FnOnce() -> T,
    T: Future<Output = G::Value>,
{
    let mut leader = match joined {
        Joined::Leader(leader) => leader,
        Joined::Follower(follower) => {
            match follower.wait_while(|| !is_set(parted.as_deref())).await? {
                Turn::Lead(leader) => leader,
                Turn::Landed(outcome) => return Ok(outcome),
            }
        }
    };
    set(parted.as_deref());
    let result = {
        let mut deserted = pin!(flight.map(|flight| {
            leader.listen();
            let is_deserted = |flight: &Shared<G::Value>| flight.is_deserted().then_some(());
            wait::until(flight, |flight| &flight.signal, is_deserted, |_, ()| ())
        }));
        let (mut make, mut future) = (Some(work), pin!(None));
        poll_fn(|context| {
            let deserted = deserted.as_mut().as_pin_mut();
            if deserted.is_some_and(|deserted| deserted.poll(context).is_ready()) {
                // A panic on the way out concerns nobody any more.
                let _panic = catch(|| future.set(None));
                return Poll::Ready(None);
            }
            let enter = || leader.enter();
            poll_work(make.take(), future.as_mut(), enter, context).map(Some)
        })
        .await
    };
    let Some(result) = result else {
        // The work is gone; whoever came meanwhile leads on.
        leader.hand_over();
        return Err(CallError::TaskLost);
    };
    Ok(leader.conclude(result, |_| true))
}

fn is_set(parted: Option<&AtomicBool>) -> bool {
    parted.is_some_and(|parted| parted.load(Ordering::Acquire))
}

fn set(parted: Option<&AtomicBool>) {
    if let Some(parted) = parted {
        parted.store(true, Ordering::Release);
    }
}

pin_project! {
    /// A call whose panic is its answer.
    #[project = Running]
    enum Run<G, F, T, A>
    where
        G: Handle,
    {
        // P1: fields are dropped in this order, so an execution is over before its flight is
        // handed over.
        Leads { #[pin] future: Option<T>, make: Option<F>, leader: Leader<G> },
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
                future,
                make,
                leader,
            } => {
                let enter = || leader.enter();
                let result = ready!(poll_work(make.take(), future, enter, context));
                Poll::Ready(Ok(leader.conclude(result, |_| true)))
            }
            Running::Attends { call } => call.as_mut().poll(context),
        });
        polled.unwrap_or_else(|panic| Poll::Ready(told(&panic)))
    }
}

/// Makes a panic an answer.
fn told<V>(panic: &Payload) -> Answer<V> {
    Err(LeaderPanicked::new(panic.message()).into())
}

impl<G: Handle> Stake<G> {
    /// Makes the handle of a call that was spawned.
    pub fn joined_by<J>(self, join: J) -> Spawned<G, J>
    where
        J: Join<G::Value>,
    {
        Spawned { join, stake: self }
    }

    /// Whether this thread is inside the work.
    fn is_inside(&self) -> bool {
        self.place
            .is_some_and(|(group, hash, id)| inside::contains(group, hash, id))
    }
}

impl<G: Handle> fmt::Debug for Stake<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stake").finish_non_exhaustive()
    }
}

impl<G: Handle> Interested<G> {
    fn flight(&self) -> Shared<G::Value> {
        self.watcher.flight().clone()
    }
}

impl<G: Handle> Drop for Interested<G> {
    fn drop(&mut self) {
        let follows = |parted: &Arc<AtomicBool>| !parted.swap(true, Ordering::AcqRel);
        let follows = self.parted.as_ref().is_some_and(follows);
        let flight = self.watcher.flight();
        // A task that follows leaves when it looks.
        if follows && !flight.has_landed() && !seeded("silent-parting") {
            flight.tell();
        }
    }
}

impl<G: Handle, J: Join<G::Value>> Spawned<G, J> {
    /// Waits for the answer.
    ///
    /// # Errors
    ///
    /// What the call ended with: [`LeaderPanicked`](CallError::LeaderPanicked) if the work
    /// panicked, or that of the leader whom it followed,
    /// [`TaskLost`](CallError::TaskLost) if its task was dropped, by a runtime that was
    /// shut down for example (other callers lead on). And
    /// [`Reentrant`](CallError::Reentrant) if this waits inside the work.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the handle.
    pub fn outcome(self) -> impl Future<Output = Answer<G::Value>> + use<G, J> {
        Awaited {
            join: self.join.join(),
            stake: self.stake,
        }
    }
}

pin_project! {
    /// A handle that is waited for.
    struct Awaited<G, F>
    where
        G: Handle,
    {
        #[pin]
        join: F,
        stake: Stake<G>,
    }
}

impl<G: Handle, F: Future<Output = Answer<G::Value>>> Future for Awaited<G, F> {
    type Output = Answer<G::Value>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = match this.join.poll(context) {
            Poll::Pending if this.stake.is_inside() => Poll::Ready(Err(CallError::Reentrant)),
            polled => polled,
        };
        if polled.is_ready() && this.stake.interest.is_some() {
            this.stake.interest = None;
        }
        polled
    }
}

impl<G: Handle> Spawned<G> {
    /// Waits for the answer, parking the calling thread.
    ///
    /// # Errors
    ///
    /// As [`outcome`](Self::outcome).
    ///
    /// # Blocking
    ///
    /// Never call it on a thread that polls tasks.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub fn outcome_blocking(self) -> Answer<G::Value> {
        let Self { join, stake } = self;
        join.join_blocking(|| stake.is_inside())
    }
}

impl<G: Handle, J> fmt::Debug for Spawned<G, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawned").finish_non_exhaustive()
    }
}
