//! What tests do by hand: lead, see whether something panics, and count clones.

use std::cell::Cell;
use std::hash::{BuildHasher, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use singleflight_core::{Group, Joined, Leader};

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

/// The same, by a leader that owns its group.
#[track_caller]
pub(crate) fn lead_owned(group: &Arc<Group<u64, u64>>, key: u64) -> Leader<Arc<Group<u64, u64>>> {
    match Group::join_owned(Arc::clone(group), key) {
        Ok(Joined::Leader(leader)) => leader,
        other => panic!("it leads: {other:?}"),
    }
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
