//! What tests do by hand: lead, see whether something panics, and count clones.

use std::cell::Cell;
use std::hash::{BuildHasher, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use singleflight_core::{Arrived, CallResult, Follower, Group, GroupRef, Joined, Leader, ShareAll};

/// Joins a key that nobody leads.
#[track_caller]
pub(crate) fn lead<K, V, S>(group: &Group<K, V, S>, key: K) -> Leader<&Group<K, V, S>>
where
    K: Eq + Hash,
    S: BuildHasher,
{
    match group.join(key) {
        Ok(Joined::Leader(leader)) => leader,
        other => panic!("it leads: {other:?}"),
    }
}

/// Joins a key that somebody leads.
#[track_caller]
pub(crate) fn follow<K, V, S>(group: &Group<K, V, S>, key: K) -> Follower<&Group<K, V, S>>
where
    K: Eq + Hash,
    S: BuildHasher,
{
    match group.join(key) {
        Ok(Joined::Follower(follower)) => follower,
        other => panic!("it follows: {other:?}"),
    }
}

/// Leads by a leader that owns its group.
#[track_caller]
pub(crate) fn lead_owned(group: &Arc<Group<u64, u64>>, key: u64) -> Leader<Arc<Group<u64, u64>>> {
    match Group::join_owned(Arc::clone(group), key) {
        Ok(Joined::Leader(leader)) => leader,
        other => panic!("it leads: {other:?}"),
    }
}

/// For how long a spawned call runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Runs {
    ToItsEnd,
    /// It is cancelled when nobody wants it any more.
    WhileWanted,
}

/// Lets a call come that is to run by itself.
pub(crate) fn try_arrive<G>(group: &G, key: G::Key, runs: Runs) -> CallResult<Arrived<G, ShareAll>>
where
    G: GroupRef<Key: Eq + Hash, Value: Clone, Hasher: BuildHasher> + Clone,
{
    arrive_by(group.clone(), key, runs)
}

/// The same, by this very reference.
pub(crate) fn arrive_by<G>(group: G, key: G::Key, runs: Runs) -> CallResult<Arrived<G, ShareAll>>
where
    G: GroupRef<Key: Eq + Hash, Value: Clone, Hasher: BuildHasher> + Clone,
{
    let call = Group::<G::Key, G::Value, G::Hasher>::call_owned(group, key).spawnable();
    match runs {
        Runs::ToItsEnd => call.arrive(),
        Runs::WhileWanted => call.while_wanted().arrive(),
    }
}

/// The same where nothing is refused.
#[track_caller]
pub(crate) fn arrive<G>(group: &G, key: G::Key, runs: Runs) -> Arrived<G, ShareAll>
where
    G: GroupRef<Key: Eq + Hash, Value: Clone, Hasher: BuildHasher> + Clone,
{
    try_arrive(group, key, runs).expect("nothing is refused")
}

pub(crate) fn panics<T>(run: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(run)).is_err()
}

/// A value whose clones are counted.
pub(crate) struct Counted(pub(crate) Rc<Cell<usize>>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.set(self.0.get() + 1);
        Self(Rc::clone(&self.0))
    }
}
