//! A right that one caller at a time has for a key: to change what the store has for it, to refresh
//! its value, or to have what it loads stored.

use alloc::sync::Arc;
use core::hash::Hash;

use singleflight_core::{CallError, Group, Joined, Leader, Turn};

use crate::planted::planted;

/// The claims of all keys.
pub(crate) struct Claims<K>(Arc<Group<K, ()>>);

/// The claim of one key, until it is dropped.
///
/// It leads a flight that never lands: a caller that waits for the claim is handed the flight over.
pub(crate) struct Claim<K>(Leader<Arc<Group<K, ()>>>);

impl<K: Clone + Eq + Hash> Claims<K> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Group::new()))
    }

    fn join(&self, key: &K) -> Result<Joined<Arc<Group<K, ()>>>, CallError> {
        Group::join_owned(Arc::clone(&self.0), key)
    }

    /// Takes a claim, as soon as nobody has it.
    pub(crate) async fn claim(&self, key: &K) -> Result<Claim<K>, CallError> {
        loop {
            match self.join(key)? {
                Joined::Leader(leader) => return Ok(Claim(leader)),
                Joined::Follower(follower) => {
                    if let Turn::Lead(leader) = follower.wait().await? {
                        return Ok(Claim(leader));
                    }
                }
            }
        }
    }

    /// Whether somebody has the claim.
    pub(crate) fn is_claimed(&self, key: &K) -> bool {
        self.0.followers(key).is_some() && !planted("everybody-refreshes")
    }

    /// Takes a claim, if nobody has it.
    pub(crate) fn try_claim(&self, key: &K) -> Option<Claim<K>> {
        if planted("everybody-refreshes") {
            self.void(key);
        }
        if self.is_claimed(key) {
            return None;
        }
        match self.join(key) {
            Ok(Joined::Leader(leader)) => Some(Claim(leader)),
            Ok(Joined::Follower(_)) | Err(_) => None,
        }
    }

    /// Takes a claim, whoever has it: that one's is void from now on.
    pub(crate) fn take(&self, key: &K) -> Option<Claim<K>> {
        self.void(key);
        self.try_claim(key)
    }

    /// Makes a claim void.
    pub(crate) fn void(&self, key: &K) {
        self.0.forget(key);
    }

    /// Makes all claims void.
    pub(crate) fn void_all(&self) {
        self.0.forget_all();
    }

    /// Waits until every claim that there is now was given back.
    pub(crate) async fn settle(&self) -> Result<(), CallError> {
        for flight in self.0.flights() {
            drop(self.claim(flight.key()).await?);
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.0.in_flight()
    }
}

impl<K> Claim<K> {
    pub(crate) fn is_void(&self) -> bool {
        self.0.fence().is_forgotten()
    }
}
