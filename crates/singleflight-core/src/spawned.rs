//! Calls that own a task or a thread of their own. The core starts neither: it makes what is
//! to be run and the handle that waits for it, and a front end runs it.
//!
//! | role when it came | the task | the handle |
//! |---|---|---|
//! | leader | leads | watches the flight |
//! | follower | waits, and leads on if it is its turn | watches the flight |
//!
//! A task of [`Until::Unwanted`] that leads listens for the flight's last follower to leave,
//! handles included; one that follows goes when its own handle does. Cancelling is nothing but
//! losing the leader: the work is dropped, then the flight is handed over to whoever came
//! meanwhile, so nobody shares the fate of a work that was cancelled before they came.

use core::fmt;
use core::future::{Future, poll_fn};
use core::hash::BuildHasher;
use core::pin::pin;
use core::task::Poll;

use crate::error::CallError;
use crate::follower::Watcher;
use crate::group::Origin;
use crate::group::{Group, Handle};
use crate::join::Joined;
use crate::key::Key;
use crate::outcome::{Outcome, Role};
use crate::policy::catch;
use crate::shared::Shared;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};
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

/// What a task and its handle know of each other.
struct Tether {
    /// The handle was dropped.
    dropped: AtomicBool,
    /// The task leads, so that it does not look for its handle any more.
    leads: AtomicBool,
    /// The task has made the value.
    led: AtomicBool,
}

/// A handle to a call that runs by itself.
///
/// It waits for the value; dropping it ends the interest of this one caller, which matters to
/// the work only if the call was spawned to run until it is [unwanted](Until::Unwanted).
///
/// A spawned call is one caller: its handle is not counted among the followers.
#[must_use = "dropping the handle ends the interest in the call"]
pub struct Spawned<G: Handle> {
    /// Empty once it waits.
    watcher: Option<Watcher<G>>,
    tether: Arc<Tether>,
    /// Where to tell the task that this handle was dropped, if it may have to know.
    looked_for: Option<Shared<G::Value>>,
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
    watcher: Watcher<G>,
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
    /// let (task, handle) = Group::arrive(Arc::clone(&group), "key")?.into_task(Until::Done, async || 42);
    /// assert_eq!(group.in_flight(), 1);
    /// thread::spawn(|| block_on(task));
    /// assert_eq!(block_on(handle.outcome())?.value, 42);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn arrive<G, Q, M>(handle: G, key: Q) -> Result<Arrival<G>, CallError>
    where
        G: Handle<Key = K, Value = V, Hasher = S> + Clone,
        Q: Key<K, M>,
    {
        // It does not wait in place, so it may come from inside the work; its handle, if it is
        // awaited there, may not.
        let joined = Self::join_from(handle, key, Origin::Elsewhere)?;
        let watcher = match &joined {
            Joined::Leader(leader) => {
                let (group, hash, id) = leader.post().ok_or(CallError::LeaderLost)?;
                let flight = group.watch(hash, id).ok_or(CallError::Full)?;
                Watcher::new(group.clone(), hash, id, flight)
            }
            Joined::Follower(follower) => follower.watcher(),
        };
        Ok(Arrival { joined, watcher })
    }
}

impl<G: Handle> Arrival<G> {
    /// Makes the handle. Gives its task the same tether; and the flight, if the work asks
    /// whether it is wanted.
    fn split(self, until: Until) -> (Joined<G>, Option<Shared<G::Value>>, Spawned<G>) {
        let Self { joined, watcher } = self;
        let flight = (until == Until::Unwanted).then(|| watcher.flight().clone());
        let handle = Spawned {
            // A task looks for its handle only while it follows.
            looked_for: match &joined {
                Joined::Leader(_) => None,
                Joined::Follower(_) => flight.clone(),
            },
            watcher: Some(watcher),
            tether: Arc::new(Tether {
                dropped: AtomicBool::new(false),
                leads: AtomicBool::new(false),
                led: AtomicBool::new(false),
            }),
        };
        (joined, flight, handle)
    }
}

impl<G: Handle> Arrival<G>
where
    G::Value: Clone,
{
    /// Makes the task, which must be spawned, and its handle.
    ///
    /// The task never panics: a panic in the work reaches the handle, and everyone who waits,
    /// as [`LeaderPanicked`](CallError::LeaderPanicked) (with `std`, which can catch it). A task
    /// that is dropped leaves the flight, or hands it over.
    pub fn into_task<F, T>(
        self,
        until: Until,
        work: F,
    ) -> (impl Future<Output = ()> + use<G, F, T>, Spawned<G>)
    where
        F: FnOnce() -> T,
        T: Future<Output = G::Value>,
    {
        let (joined, flight, handle) = self.split(until);
        let tether = Arc::clone(&handle.tether);
        let task = async move {
            let leader = match joined {
                Joined::Leader(leader) => leader,
                Joined::Follower(follower) => {
                    let wanted = || tether.wants(until);
                    match follower.lead_while(wanted).await {
                        Some(leader) => leader,
                        None => return,
                    }
                }
            };
            tether.leads.store(true, Ordering::Release);
            let result = {
                let mut deserted = pin!(flight.map(|flight| {
                    leader.listen();
                    let is_deserted =
                        |flight: &Shared<G::Value>| flight.is_deserted().then_some(());
                    // It goes with its flight: the last to take a share takes the value
                    // itself, and that should not be this task.
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
            match result {
                Some(result) => {
                    tether.led.store(result.is_ok(), Ordering::Release);
                    leader.settle(result);
                }
                // The work is gone; whoever came meanwhile leads on.
                None => leader.hand_over(),
            }
        };
        (task, handle)
    }

    /// Makes what a thread runs, and its handle.
    ///
    /// Work that runs until it is [unwanted](Until::Unwanted) has to ask its [`Interest`];
    /// nothing stops it otherwise.
    ///
    /// What the thread runs never panics; see [`into_task`](Self::into_task). If it is
    /// dropped without being run, it leaves the flight, or hands it over.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub fn into_closure<F>(self, until: Until, work: F) -> (impl FnOnce() + use<G, F>, Spawned<G>)
    where
        F: FnOnce(&Interest<G::Value>) -> G::Value,
    {
        let (joined, flight, handle) = self.split(until);
        let tether = Arc::clone(&handle.tether);
        let run = move || {
            let leader = match joined {
                Joined::Leader(leader) => leader,
                Joined::Follower(follower) => {
                    match follower.lead_while_blocking(|| tether.wants(until)) {
                        Some(leader) => leader,
                        None => return,
                    }
                }
            };
            tether.leads.store(true, Ordering::Release);
            let interest = Interest {
                flight,
                ended: AtomicBool::new(false),
            };
            let result = leader.run(|| work(&interest));
            let ended = interest.ended.load(Ordering::Relaxed);
            drop(interest);
            match result {
                // What was made for nobody goes to nobody; whoever came meanwhile leads on.
                Ok(_) if ended => leader.hand_over(),
                result => {
                    tether.led.store(result.is_ok(), Ordering::Release);
                    leader.settle(result);
                }
            }
        };
        (run, handle)
    }
}

impl<G: Handle> fmt::Debug for Arrival<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Arrival").field(&self.joined).finish()
    }
}

impl Tether {
    /// Whether a task that follows should go on.
    fn wants(&self, until: Until) -> bool {
        until == Until::Done || !self.dropped.load(Ordering::Acquire)
    }
}

impl<G: Handle> Spawned<G> {
    /// Waits for the value.
    ///
    /// # Errors
    ///
    /// [`LeaderPanicked`](CallError::LeaderPanicked) if the work panicked,
    /// [`LeaderLost`](CallError::LeaderLost) if its task was dropped, by a runtime that was
    /// shut down for example, or handed its panic over to someone who was lost,
    /// [`Reentrant`](CallError::Reentrant) if this waits inside the work.
    ///
    /// # Panics
    ///
    /// If `V::clone` panics; nobody else is concerned.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the handle.
    pub async fn outcome(mut self) -> Result<Outcome<G::Value>, CallError>
    where
        G::Value: Clone,
    {
        let watcher = self.watcher.take().expect("a handle waits once");
        let (watcher, sight) = watcher.seen().await;
        self.looked_for = None;
        self.tell(watcher.conclude(sight))
    }

    /// Waits for the value, parking the calling thread.
    ///
    /// # Errors
    ///
    /// As [`outcome`](Self::outcome).
    ///
    /// # Panics
    ///
    /// As [`outcome`](Self::outcome).
    ///
    /// # Blocking
    ///
    /// Never call it on a thread that polls tasks.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub fn outcome_blocking(mut self) -> Result<Outcome<G::Value>, CallError>
    where
        G::Value: Clone,
    {
        let watcher = self.watcher.take().expect("a handle waits once");
        let sight = watcher.seen_blocking();
        self.looked_for = None;
        self.tell(watcher.conclude(sight))
    }

    fn tell(
        &self,
        outcome: Result<Outcome<G::Value>, CallError>,
    ) -> Result<Outcome<G::Value>, CallError> {
        outcome.map(|outcome| {
            let role = if self.tether.led.load(Ordering::Acquire) {
                Role::Leader
            } else {
                Role::Follower
            };
            Outcome { role, ..outcome }
        })
    }
}

impl<G: Handle> Drop for Spawned<G> {
    fn drop(&mut self) {
        self.tether.dropped.store(true, Ordering::Release);
        drop(self.watcher.take());
        if let Some(flight) = self.looked_for.take() {
            if !self.tether.leads.load(Ordering::Acquire) && !flight.has_landed() {
                flight.tell();
            }
        }
    }
}

impl<G: Handle> fmt::Debug for Spawned<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawned")
            .field("led", &self.tether.led.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}
