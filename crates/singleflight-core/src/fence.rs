//! By what a work learns that its flight was forgotten.

use core::fmt;

use crate::group::Handle;
use crate::slot::Id;
use crate::sync::seeded;

/// Tells a work whether its flight was forgotten, so that a slow loader does not leave an old
/// value over an invalidation.
///
/// The order matters, on both sides. The loader stores first, *then* asks, and removes what it
/// has stored if it was forgotten. The invalidator forgets first, then removes. Whichever way
/// the two interleave, no old value is left: if the loader asked before the `forget`, its
/// value was in place before the removal. (memcache calls its form of this a lease.) An async
/// loader that is dropped between storing and asking leaves that undone: store and ask without
/// an `await` between them, or in a spawned call.
///
/// Given to the work by [`Call::run_fenced`](crate::Call::run_fenced), or made by
/// [`Leader::fence`](crate::Leader::fence).
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
/// let outcome = group
///     .call(7)
///     .run_fenced(async |fence| {
///         let value = "read from the database";
///         invalidate(); // someone writes to the database meanwhile
///         cache.borrow_mut().insert(7, value);
///         if fence.is_forgotten() {
///             cache.borrow_mut().remove(&7);
///         }
///         value
///     })
///     .await?;
/// assert_eq!(outcome.value, "read from the database");
/// assert!(cache.borrow().is_empty());
/// # Ok::<_, singleflight_core::CallError>(())
/// # }).unwrap();
/// ```
pub struct Fence<G: Handle> {
    group: G,
    hash: u64,
    /// Empty if the flight had ended already.
    id: Option<Id>,
}

impl<G: Handle> Fence<G> {
    pub(crate) fn new(group: G, hash: u64, id: Option<Id>) -> Self {
        Self { group, hash, id }
    }

    /// Whether newcomers no longer join the flight: it was forgotten, is too old to be joined
    /// ([`Builder::max_age`](crate::Builder::max_age)), or has ended.
    ///
    /// Takes the shard's lock.
    pub fn is_forgotten(&self) -> bool {
        !seeded("forget-unnoticed")
            && self
                .id
                .is_none_or(|id| self.group.is_closed_to_newcomers(self.hash, id))
    }
}

impl<G: Handle + Clone> Clone for Fence<G> {
    fn clone(&self) -> Self {
        Self {
            group: self.group.clone(),
            hash: self.hash,
            id: self.id,
        }
    }
}

impl<G: Handle> fmt::Debug for Fence<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fence")
            .field("flight", &self.id)
            .finish_non_exhaustive()
    }
}
