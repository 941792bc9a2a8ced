//! The load of one key, and by what right its end is stored.

use crate::claims::Claim;
use crate::entry::{Entry, EntryId};
use crate::store::Lease;

/// The load of one key.
pub(crate) struct Task<K, V> {
    pub(crate) key: K,
    /// What was seen in the store, and is to be put over.
    pub(crate) expect: Option<EntryId>,
    /// The same, to be written again if the load fails: no invalidation can have removed it.
    pub(crate) old: Option<Entry<V>>,
    /// Without one nothing is put.
    pub(crate) mark: Option<Claim<K>>,
    /// Of this load: the key may have another by the time of the put.
    pub(crate) lease: Lease,
}

impl<K, V> Task<K, V> {
    /// Makes one that nothing is put of yet.
    pub(crate) fn new(key: K, old: Option<Entry<V>>) -> Self {
        Self {
            key,
            expect: old.as_ref().map(|old| old.id),
            old,
            mark: None,
            lease: Lease::NONE,
        }
    }
}
