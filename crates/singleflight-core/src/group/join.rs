//! The ways into a flight: `join`, which gives handles, and what calls, batches and spawned calls
//! enter by.

use core::fmt;
use core::hash::BuildHasher;
use core::mem;

use super::flight_ref::FlightRef;
use super::follower::Follower;
use super::leader::Leader;
use super::{Group, GroupRef, WaitsHere};
use crate::error::CallError;
use crate::key::Key;
use crate::table::pool::FlightArc;
use crate::table::shard::{Entry, JoinLimits};

/// What a call became: the leader of a flight, or a follower of one.
#[expect(
    clippy::exhaustive_enums,
    reason = "a call either runs the work or does not"
)]
#[must_use = "dropping it leaves the flight, or hands it over"]
pub enum Joined<G: GroupRef> {
    /// Nobody was running the work: this call must.
    Leader(Leader<G>),
    /// Someone is running it: this call waits.
    Follower(Follower<G>),
}

impl<G: GroupRef> fmt::Debug for Joined<G> {
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
    /// [`TooManyFollowers`](CallError::TooManyFollowers) if the flight is full, and
    /// [`Full`](CallError::Full) if a group of fixed capacity is.
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

    /// [`join`](Self::join) through a reference of the caller's choice, such as an `Arc` of the
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
    pub fn join_owned<G, Q, M>(group: G, key: Q) -> Result<Joined<G>, CallError>
    where
        G: GroupRef<Key = K, Value = V, Hasher = S>,
        Q: Key<K, M>,
    {
        let (entry, unused) = group.group().enter(key, WaitsHere::Yes);
        match entry {
            Entry::Leader(id) => {
                // There is nothing to forget: the key stands in the table. Dropping it here
                // would cost a lone call instructions all the same.
                mem::forget(unused);
                Ok(Joined::Leader(Leader::new(FlightRef { group, id })))
            }
            Entry::Claimed(id) => {
                let leader = Leader::new(FlightRef { group, id });
                Ok(Joined::Leader(and_drop(leader, unused)))
            }
            Entry::Follower(id, flight) => {
                let follower = Follower::new(FlightRef { group, id }, flight);
                Ok(Joined::Follower(and_drop(follower, unused)))
            }
            Entry::Refused(refusal) => Err(refusal.into()),
        }
    }

    /// Joins the flight of `key`, or starts one.
    ///
    /// A key that is not owned yet is made outside the lock: look, let go, make it, look
    /// again. A key that was not needed is returned: its `Drop` may panic, and by then the
    /// entry must be in the hands of somebody who gives it up.
    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub(crate) fn enter<Q: Key<K, M>, M>(
        &self,
        key: Q,
        waits_here: WaitsHere,
    ) -> (Entry<V>, Option<K>) {
        let hash = self.hash(&key);
        let shard = self.shard(hash);
        let limits = self.limits(waits_here);
        if !Q::OWNED {
            let followed =
                shard.with(|table| table.follow(hash, |known| key.matches(known), &limits));
            if let Some(entry) = followed {
                return (entry, None);
            }
        }
        let mut key = Some(key.into_key());
        let entry = shard.with(|table| table.enter(hash, &mut key, &limits));
        (entry, key)
    }

    /// As [`enter`](Self::enter), for a call that is cancelled when nobody wants it: its handle is
    /// registered with it. Where the call leads, its flight's shared part comes with it.
    pub(crate) fn enter_with_handle<Q: Key<K, M>, M>(
        &self,
        key: Q,
        waits_here: WaitsHere,
    ) -> (Entry<V>, FlightArc<V>, Option<K>) {
        let hash = self.hash(&key);
        let shard = self.shard(hash);
        let limits = self.limits(waits_here);
        let mut made = None;
        let followed = shard.with(|table| {
            let entry = table.follow(hash, |known| key.matches(known), &limits)?;
            Some(table.enter_with_handle(entry, &mut made))
        });
        let (entry, flight) = followed.unwrap_or_else(|| {
            made = Some(key.into_key());
            shard.with(|table| {
                let entry = table.enter(hash, &mut made, &limits);
                table.enter_with_handle(entry, &mut made)
            })
        });
        (entry, flight, made)
    }
}

/// The same in two steps, for a batch, which hashes its keys once and clones them by itself.
impl<K: Eq, V, S> Group<K, V, S> {
    /// Joins the flight of a key, if there is one.
    #[inline]
    pub(crate) fn follow_hashed(
        &self,
        hash: u64,
        key: &K,
        limits: &JoinLimits,
    ) -> Option<Entry<V>> {
        let shard = self.shard(hash);
        shard.with(|table| table.follow(hash, |known| known == key, limits))
    }

    /// Joins the flight of a key, or starts one, which takes the key. The key must be there.
    #[inline]
    pub(crate) fn enter_hashed(
        &self,
        hash: u64,
        key: &mut Option<K>,
        limits: &JoinLimits,
    ) -> Entry<V> {
        let shard = self.shard(hash);
        shard.with(|table| table.enter(hash, key, limits))
    }
}

/// Drops the key that a call brought and did not need. If that panics, the call's handle is
/// given up.
#[inline]
fn and_drop<H, K>(handle: H, unused: Option<K>) -> H {
    drop(unused);
    handle
}
