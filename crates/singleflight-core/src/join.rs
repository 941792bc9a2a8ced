//! The way into a flight that gives handles.

use core::fmt;
use core::hash::BuildHasher;
use core::mem;

use crate::error::CallError;
use crate::follower::Follower;
use crate::group::{Group, Handle, Origin};
use crate::key::Key;
use crate::leader::Leader;
use crate::shard::Entry;

/// What a call became: the leader of a flight, or a follower of one.
#[expect(
    clippy::exhaustive_enums,
    reason = "a call either runs the work or does not"
)]
#[must_use = "dropping it leaves the flight, or hands it over"]
pub enum Joined<G: Handle> {
    /// Nobody was running the work: this call must.
    Leader(Leader<G>),
    /// Someone is running it: this call waits.
    Follower(Follower<G>),
}

impl<G: Handle> fmt::Debug for Joined<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader(leader) => leader.fmt(f),
            Self::Follower(follower) => follower.fmt(f),
        }
    }
}

impl<K: Eq, V, S: BuildHasher> Group<K, V, S> {
    /// Joins the flight of `key`, or starts one, and gives the handle from which front ends
    /// are made. It registers at once; most callers want [`run`](Self::run).
    ///
    /// A lone join takes one lock and, in steady state, allocates nothing (a key given as a
    /// borrow: two locks, and the key). Joining allocates nothing for itself; the first
    /// follower of a flight makes its shared part.
    ///
    /// # Errors
    ///
    /// [`Closed`](CallError::Closed) if the group is, [`Reentrant`](CallError::Reentrant) if the
    /// call is made from inside the work of the flight,
    /// [`TooManyFollowers`](CallError::TooManyFollowers) if the flight is full.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<String, u32> = Group::new();
    /// let first = group.join("key")?;
    /// assert!(matches!(first, Joined::Leader(_)));
    /// assert!(matches!(group.join("key")?, Joined::Follower(_)));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub fn join<Q, M>(&self, key: Q) -> Result<Joined<&Self>, CallError>
    where
        Q: Key<K, M>,
    {
        Self::join_owned(self, key)
    }

    /// [`join`](Self::join) through a handle of the caller's choice, such as an `Arc` of the
    /// group, so that the leader or follower borrows nothing.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Arc<Group<u64, u32>> = Arc::default();
    /// let Joined::Leader(leader) = Group::join_owned(Arc::clone(&group), 7)? else {
    ///     unreachable!("nobody else is here");
    /// };
    /// let thread = std::thread::spawn(move || leader.complete(1).value);
    /// assert_eq!(thread.join().unwrap(), 1);
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub fn join_owned<G, Q, M>(handle: G, key: Q) -> Result<Joined<G>, CallError>
    where
        G: Handle<Key = K, Value = V, Hasher = S>,
        Q: Key<K, M>,
    {
        Self::join_from(handle, key, Origin::Here)
    }

    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub(crate) fn join_from<G, Q, M>(
        handle: G,
        key: Q,
        origin: Origin,
    ) -> Result<Joined<G>, CallError>
    where
        G: Handle<Key = K, Value = V, Hasher = S>,
        Q: Key<K, M>,
    {
        let (hash, entry, unused) = handle.enter(key, origin);
        match entry {
            Entry::Leader(id) => {
                // There is nothing to forget: the key stands in the table. Dropping it here
                // would cost a lone call instructions all the same.
                mem::forget(unused);
                Ok(Joined::Leader(Leader::new(handle, hash, id)))
            }
            Entry::Claimant(id) => {
                let leader = Leader::new(handle, hash, id);
                Ok(Joined::Leader(and_drop(leader, unused)))
            }
            Entry::Follower(id, flight) => {
                let follower = Follower::new(handle, hash, id, flight);
                Ok(Joined::Follower(and_drop(follower, unused)))
            }
            Entry::Refused(refusal) => Err(refusal.into()),
        }
    }
}

/// Drops the key that a call brought and did not need. If that panics, the call's handle is
/// given up.
#[inline]
fn and_drop<H, K>(handle: H, unused: Option<K>) -> H {
    drop(unused);
    handle
}
