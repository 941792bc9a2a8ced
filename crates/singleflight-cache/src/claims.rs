//! What is locked by the same means as loads are shared: the right to change a key, and whether a
//! load may still be stored.

use alloc::sync::Arc;
use core::fmt;
use core::hash::Hash;

use singleflight_core::{CallError, Group, Joined, Leader, Turn};

use crate::planted::planted;

/// The right to change what the store has for a key. One at a time has it.
///
/// It is the leader of a flight that never lands: whoever waits is handed the flight over.
pub(crate) struct Claim<K> {
    _leader: Leader<Arc<Group<K, ()>>>,
}

/// A lock for each key.
pub(crate) struct Claims<K>(Arc<Group<K, ()>>);

impl<K: Clone + Eq + Hash> Claims<K> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Group::new()))
    }

    /// Takes a key's claim, as soon as nobody has it.
    pub(crate) async fn claim(&self, key: &K) -> Result<Claim<K>, CallError> {
        loop {
            let leader = match Group::join_owned(Arc::clone(&self.0), key)? {
                Joined::Leader(leader) => leader,
                Joined::Follower(follower) => match follower.wait().await? {
                    Turn::Lead(leader) => leader,
                    Turn::Landed(_) => continue,
                },
            };
            return Ok(Claim { _leader: leader });
        }
    }

    /// Takes a key's claim, if nobody has it.
    pub(crate) fn try_claim(&self, key: &K) -> Option<Claim<K>> {
        if planted("everybody-refreshes") {
            self.0.forget(key);
        }
        if self.0.followers(key).is_some() {
            return None;
        }
        match Group::join_owned(Arc::clone(&self.0), key) {
            Ok(Joined::Leader(leader)) => Some(Claim { _leader: leader }),
            Ok(Joined::Follower(_)) | Err(_) => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.0.in_flight()
    }

    /// Waits until every claim that there is now was given back.
    pub(crate) async fn settle(&self) -> Result<(), CallError> {
        for flight in self.0.flights() {
            drop(self.claim(flight.key()).await?);
        }
        Ok(())
    }
}

/// Which keys are being loaded, and whether they were invalidated meanwhile.
pub(crate) struct Marks<K>(Group<K, ()>);

/// Of one load.
pub(crate) struct Mark<'a, K> {
    /// Never empty, unless the marks are closed.
    leader: Option<Leader<&'a Group<K, ()>>>,
}

impl<K: Clone + Eq + Hash> Marks<K> {
    pub(crate) fn new() -> Self {
        Self(Group::new())
    }

    /// Begins a load. One that has begun before, in a flight that was parted from this one's by an
    /// invalidation, is void from now on: the newer one is stored.
    pub(crate) fn begin(&self, key: &K) -> Mark<'_, K> {
        self.void(key);
        let leader = match self.0.join(key) {
            Ok(Joined::Leader(leader)) => Some(leader),
            Ok(Joined::Follower(_)) | Err(_) => None,
        };
        Mark { leader }
    }

    /// Lets no load that has begun store what it finds.
    pub(crate) fn void(&self, key: &K) {
        self.0.forget(key);
    }

    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.0.in_flight()
    }

    pub(crate) fn void_all(&self) {
        self.0.forget_all();
    }
}

impl<K> Mark<'_, K> {
    /// Whether the load must not be stored.
    pub(crate) fn is_void(&self) -> bool {
        let leader = self.leader.as_ref();
        leader.is_none_or(|leader| leader.fence().is_forgotten())
    }
}

impl<K> fmt::Debug for Claims<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claims").field(&self.0.in_flight()).finish()
    }
}

impl<K> fmt::Debug for Marks<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Marks").field(&self.0.in_flight()).finish()
    }
}
