//! How a call that is going to run by itself comes into its flight.

use alloc::boxed::Box;
use core::fmt;
use core::hash::BuildHasher;

use super::guard::{Interested, SpawnGuard};
use super::handle::Spawned;
use crate::call::{Call, NoDeadline, bind};
use crate::error::CallResult;
use crate::group::fence::Binding;
use crate::group::flight_ref::FlightRef;
use crate::group::leader::Leader;
use crate::group::waiter::Waiter;
use crate::group::{GroupRef, WaitsHere};
use crate::key::Key;
use crate::platform::sync::Arc;
use crate::table::flight::Flight;
use crate::table::pool::FlightArc;
use crate::table::shard::Entry;
use crate::table::waiter_kind::Tether;

/// A call that is going to run by itself, in a task or on a thread. Made by [`Call::spawnable`].
///
/// Its verbs claim or join the key at once, and give what a front end has to run.
#[must_use = "a call does nothing until it is started"]
pub struct Spawnable<G: GroupRef, Q, M, P> {
    pub(crate) call: Call<G, Q, M, P>,
    while_wanted: bool,
}

/// What a call has come to be.
pub(crate) enum Part<G: GroupRef> {
    /// With the flight's shared part, if it is to be told that nobody wants it any more.
    Leader(Leader<G>, Option<FlightArc<G::Value>>),
    Follower(Waiter<G, Arc<Tether>>),
}

impl<G: GroupRef, Q, M, P> Call<G, Q, M, P, NoDeadline> {
    /// Makes it a call that runs by itself. A call with a deadline is not spawned: put a timeout
    /// around its handle, which bounds the wait and nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::Group;
    ///
    /// let group: Arc<Group<u64, u64>> = Arc::default();
    /// let call = Group::call_owned(Arc::clone(&group), 7).spawnable();
    /// let (task, handle) = call.arrive()?.into_detached_task(async || 42);
    /// assert_eq!(group.in_flight(), 1, "claimed, and nothing was polled yet");
    /// block_on(task); // a runtime does it
    /// assert_eq!(block_on(handle), Ok(42));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn spawnable(self) -> Spawnable<G, Q, M, P> {
        Spawnable {
            call: self,
            while_wanted: false,
        }
    }
}

impl<G: GroupRef, Q, M, P> Spawnable<G, Q, M, P> {
    /// Cancels the call when the last interested caller is gone, of whatever entry point, unless
    /// another comes before its task is polled for that. Otherwise it runs to its end, even if every
    /// handle is dropped.
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
    /// let (task, handle) = call.arrive()?.into_detached_task(std::future::pending);
    /// drop(handle); // nobody else waits
    /// block_on(task); // its work would never end
    /// assert_eq!(group.stats().abandoned, 1);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn while_wanted(mut self) -> Self {
        self.while_wanted = true;
        self
    }

    /// Changes the call's other options.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::Group;
    ///
    /// let group: Arc<Group<u64, u64>> = Arc::default();
    /// let call = Group::call_owned(Arc::clone(&group), 7).spawnable();
    /// let call = call.map(|call| call.share_if(|value| *value < 10));
    /// let (task, handle) = call.arrive()?.into_detached_task(async || 42);
    /// block_on(task);
    /// assert_eq!(block_on(handle), Ok(42), "its own caller has the value");
    /// assert_eq!(group.stats().landed, 0, "and nobody else could have had it");
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn map<R>(
        self,
        change: impl FnOnce(Call<G, Q, M, P>) -> Call<G, Q, M, R>,
    ) -> Spawnable<G, Q, M, R> {
        Spawnable {
            call: change(self.call),
            while_wanted: self.while_wanted,
        }
    }
}

/// A call that is going to run by itself, and has come: its key is claimed or joined. Made by
/// [`Spawnable::arrive`]. Dropping it leaves the flight, or hands it over.
///
/// It does not know any more how its key was given, so that what it makes need not outlive that.
#[must_use = "dropping it leaves the flight, or hands it over"]
pub struct Arrived<G: GroupRef, P> {
    pub(crate) part: Part<G>,
    pub(crate) guard: SpawnGuard<G>,
    pub(crate) shares: P,
    /// Bound already if the call leads.
    pub(crate) binding: Option<Binding>,
}

impl<G, Q, M, P> Spawnable<G, Q, M, P>
where
    G: GroupRef + Clone,
    G::Key: Eq,
    G::Hasher: BuildHasher,
    Q: Key<G::Key, M>,
{
    /// Claims or joins the key.
    ///
    /// # Errors
    ///
    /// The refusals of [`join`](crate::Group::join).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Arc<Group<u64, u64>> = Arc::default();
    /// let arrived = Group::call_owned(Arc::clone(&group), 7).spawnable().arrive()?;
    /// assert_eq!(group.followers(7), Some(0), "the key is claimed");
    /// drop(arrived);
    /// group.close();
    /// let refused = Group::call_owned(group, 7).spawnable().arrive();
    /// assert_eq!(refused.err(), Some(CallError::Closed));
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn arrive(self) -> CallResult<Arrived<G, P>> {
        let Self { call, while_wanted } = self;
        let (group, key) = (call.group, call.key);
        // It does not wait in place, so it may come from inside the work; its handle, if it is
        // awaited there, may not.
        let waits_here = WaitsHere::No;
        let (entry, shared, unused) = if while_wanted {
            let (entry, shared, unused) = group.group().enter_with_handle(key, waits_here);
            (entry, Some(shared), unused)
        } else {
            let (entry, unused) = group.group().enter(key, waits_here);
            (entry, None, unused)
        };
        let interest = |group: &G, id, turn, tether| {
            let group = group.clone();
            Box::new(Interested {
                flight: FlightRef { group, id },
                while_wanted,
                turn,
                tether,
            })
        };
        // First who leads or waits: what comes after it may panic, and gives it up then.
        let (part, guard) = match entry {
            Entry::Leader(id) | Entry::Claimed(id) => {
                let leader = Leader::new(FlightRef { group, id });
                let place = leader.flight().as_ref().map(FlightRef::place);
                bind(call.binding.as_ref(), &leader);
                // As long as this call leads, the turn is its own.
                let turn = shared.as_deref().map(Flight::turn);
                let interest = turn.map(|turn| interest(leader.group(), id, turn, None));
                let guard = SpawnGuard { place, interest };
                (Part::Leader(leader, shared), guard)
            }
            Entry::Follower(id, shared) => {
                let tether = Tether::new();
                let flight = FlightRef { group, id };
                let waiter = Waiter::with(flight, shared, Arc::clone(&tether));
                let place = Some(waiter.flight().place());
                let group = &waiter.flight().group;
                let interest = Some(interest(group, id, 0, Some(tether)));
                (Part::Follower(waiter), SpawnGuard { place, interest })
            }
            Entry::Refused(refusal) => return Err(refusal.into()),
        };
        drop(unused);
        Ok(Arrived {
            part,
            guard,
            shares: call.shares,
            binding: call.binding,
        })
    }
}

impl<G, Q, M, P> Spawnable<G, Q, M, P>
where
    G: GroupRef + Clone,
    G::Key: Eq,
    G::Hasher: BuildHasher,
    Q: Key<G::Key, M>,
{
    /// Claims or joins the key, and starts the call by `start`. A call that is refused gives a handle
    /// that says so: the one way in which front ends tell it.
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
    /// let handle = Group::call_owned(group, 7).spawnable().start(|arrived| {
    ///     let (task, handle) = arrived.into_detached_task(async || 42);
    ///     thread::spawn(|| block_on(task));
    ///     handle
    /// });
    /// assert_eq!(block_on(handle), Ok(42));
    /// ```
    pub fn start<J>(self, start: impl FnOnce(Arrived<G, P>) -> Spawned<G, J>) -> Spawned<G, J> {
        match self.arrive() {
            Ok(arrived) => start(arrived),
            Err(refusal) => Spawned::refused(refusal),
        }
    }
}

impl<G: GroupRef, Q, M, P> fmt::Debug for Spawnable<G, Q, M, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawnable")
            .field("call", &self.call)
            .field("while_wanted", &self.while_wanted)
            .finish()
    }
}

impl<G: GroupRef, P> fmt::Debug for Arrived<G, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut arrived = f.debug_tuple("Arrived");
        match &self.part {
            Part::Leader(leader, _) => arrived.field(leader),
            Part::Follower(waiter) => arrived.field(waiter),
        };
        arrived.finish()
    }
}
