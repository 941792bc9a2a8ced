//! By what a work learns that its flight was forgotten.

use alloc::vec::Vec;
use core::fmt;
use core::mem;

use super::flight_ref::FlightRef;
use super::{Group, GroupRef};
use crate::platform::sync::{Arc, Mutex, seeded};
use crate::table::slot::FlightId;

/// Tells a work whether its flight was forgotten, so that a slow loader does not leave an old
/// value over an invalidation.
///
/// Made by [`Group::fence`], cloned into the work, and given to the call by
/// [`Call::fence`](crate::Call::fence), which binds it to the flight when this call leads. One
/// fence for each call: a fence that is given to several is bound by the last of them that leads.
///
/// The order matters, on both sides. The loader stores first, *then* asks, and removes what it
/// has stored if it was forgotten. The invalidator commits, forgets, then removes. Whichever way
/// the two interleave, no old value is left: if the loader asked before the `forget`, its
/// value was in place before the removal. (memcache calls its form of this a lease.) An async
/// loader that is dropped between storing and asking leaves that undone: store and ask without
/// an `await` between them, or in a spawned call.
///
/// Costs two small allocations when it is made and bound, and a lock when it is asked.
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// use std::cell::RefCell;
/// use std::collections::HashMap;
/// use singleflight_core::Group;
///
/// let cache = RefCell::new(HashMap::new());
/// let group: Group<u64, &str> = Group::new();
/// let invalidate = || {
///     group.forget(7);
///     cache.borrow_mut().remove(&7);
/// };
///
/// let fence = group.fence();
/// let load = async || {
///     let value = "read from the database";
///     invalidate(); // someone writes to the database meanwhile
///     cache.borrow_mut().insert(7, value);
///     if fence.is_forgotten() {
///         cache.borrow_mut().remove(&7);
///     }
///     value
/// };
/// assert_eq!(group.call(7).fence(&fence).run(load).await?, "read from the database");
/// assert!(cache.borrow().is_empty());
/// # Ok::<_, singleflight_core::CallError>(())
/// # }).unwrap();
/// ```
pub struct Fence<G> {
    group: G,
    binding: Binding,
}

/// To which flights a fence is bound. The call that leads them writes it.
#[derive(Clone)]
pub(crate) struct Binding(Arc<Mutex<Vec<FlightId>>>);

impl<K, V, S> Group<K, V, S> {
    /// Makes a fence for one call. See [`Fence`].
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, [bool; 2]> = Group::new();
    /// let fence = group.fence();
    /// let load = async || {
    ///     let before = fence.is_forgotten();
    ///     group.forget(7); // someone writes meanwhile
    ///     [before, fence.is_forgotten()]
    /// };
    /// assert_eq!(group.call(7).fence(&fence).run(load).await?, [false, true]);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn fence(&self) -> Fence<&Self> {
        Fence::new(self)
    }
}

impl<G: GroupRef> Fence<G> {
    /// Makes a fence through a reference of the caller's choice, such as an `Arc` of the group, for a
    /// work that outlives its caller.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::{Fence, Group};
    ///
    /// let group: Arc<Group<u64, bool>> = Arc::default();
    /// let fence = Fence::new(Arc::clone(&group));
    /// let in_work = fence.clone();
    /// let call = Group::call_owned(group, 7).fence(&fence).run(async move || in_work.is_forgotten());
    /// let thread = std::thread::spawn(|| block_on(call)); // the fence borrows nothing
    /// assert_eq!(thread.join().unwrap(), Ok(false));
    /// ```
    pub fn new(group: G) -> Self {
        Self {
            group,
            binding: Binding(Arc::new(Mutex::new(Vec::new()))),
        }
    }

    /// Whether newcomers no longer join the flight: it was forgotten, is too old to be joined
    /// ([`Builder::max_age`](crate::Builder::max_age)), or has ended. Of a batch: whether this is so
    /// of any of the keys that its work was given.
    ///
    /// A fence that no leading call has bound says `true`: nothing guards what is stored under it.
    ///
    /// Takes the shard's lock.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// assert!(group.fence().is_forgotten(), "no call has bound it");
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let fence = leader.fence();
    /// assert!(!fence.is_forgotten());
    /// group.forget(7);
    /// assert!(fence.is_forgotten());
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn is_forgotten(&self) -> bool {
        let bound = self.binding.0.with(|bound| bound.clone());
        let is_closed = |id: &FlightId| {
            let group = self.group.group();
            FlightRef { group, id: *id }.is_closed_to_newcomers()
        };
        !seeded("forget-unnoticed") && (bound.is_empty() || bound.iter().any(is_closed))
    }

    /// Returns what binds it, if it is of this group. A fence of another group guards nothing.
    pub(crate) fn binding(&self, group: &Group<G::Key, G::Value, G::Hasher>) -> Option<Binding> {
        let is_of_group = self.group.group().address() == group.address();
        is_of_group.then(|| self.binding.clone())
    }

    /// Makes a fence of a flight that its caller leads already.
    pub(crate) fn bound(group: G, flight: Option<FlightId>) -> Self {
        let fence = Self::new(group);
        fence.binding.bind(flight);
        fence
    }
}

impl Binding {
    /// Binds the fence to the flights that a call leads now.
    pub(crate) fn bind(&self, flights: impl IntoIterator<Item = FlightId>) {
        // Collected and dropped without the lock.
        let flights = flights.into_iter().collect();
        let before = self.0.with(|bound| mem::replace(bound, flights));
        drop(before);
    }
}

impl<G: Clone> Clone for Fence<G> {
    /// Makes another handle to the same fence.
    fn clone(&self) -> Self {
        Self {
            group: self.group.clone(),
            binding: self.binding.clone(),
        }
    }
}

impl<G> fmt::Debug for Fence<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fence")
            .field("flights", &self.binding.0.with(|bound| bound.clone()))
            .finish_non_exhaustive()
    }
}
