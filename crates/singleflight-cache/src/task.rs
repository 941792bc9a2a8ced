//! The load of one key, and by what right its end is stored.

use alloc::sync::Arc;
use core::time::Duration;

use crate::claims::Claim;
use crate::entry::{Entry, EntryId, Held};
use crate::error::Fault;
use crate::flights::{Flights, Landing, Loaded};
use crate::inner::Inner;
use crate::planted::planted;
use crate::stats::count;
use crate::store::{Found, Lease, Put, Store};

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

impl<S: Store, E, F: Flights<S, E>> Inner<S, E, F> {
    /// Lets a load be stored. `voided` was counted before what it knows was seen.
    pub(crate) fn begin(
        &self,
        task: Task<S::Key, S::Value>,
        voided: usize,
    ) -> Task<S::Key, S::Value> {
        let key = &task.key;
        let (mark, lease) = (self.marks.take(key), self.loads.lease(key));
        // Behind the mark: an invalidation that comes now voids it.
        let is_seen = self.changes.of(key) == voided && !self.changes.is_removing();
        Task {
            mark,
            lease,
            old: task.old.filter(|_| is_seen),
            ..task
        }
    }

    /// Ends a load: makes an entry of what it has found, and stores that. If it has failed, that is
    /// written down beside the old value, whose dates stay.
    pub(crate) async fn end(
        &self,
        task: &Task<S::Key, S::Value>,
        loaded: Result<Option<S::Value>, Arc<E>>,
        began: u64,
        now: u64,
    ) -> Landing<S, E> {
        let (entry, landing) = match loaded {
            Ok(found) => {
                let entry = Entry {
                    id: EntryId(self.random.draw()),
                    held: found.into(),
                    made: now,
                    took: now.saturating_sub(began),
                    failures: 0,
                    tried: 0,
                };
                (Some(entry.clone()), Ok(Loaded { entry, anew: true }))
            }
            Err(error) => {
                let failed = task.old.clone().map(|old| Entry {
                    failures: old.failures.saturating_add(1),
                    tried: now,
                    made: if planted("a-failure-renews") {
                        now
                    } else {
                        old.made
                    },
                    ..old
                });
                (failed, Err(Fault::Load(error)))
            }
        };
        if let (Some(entry), false) = (entry, planted("stored-late")) {
            self.put(task, &entry).await;
        }
        landing
    }

    /// Puts an entry, unless the key was invalidated since the load began. What is of no use is not put, but
    /// the old value goes.
    pub(crate) async fn put(&self, task: &Task<S::Key, S::Value>, entry: &Entry<S::Value>) {
        let (counts, key) = (&self.counts, &task.key);
        let left = self.settings.left(entry, self.settings.now());
        let is_newer = task.expect.is_some_and(|old| old != entry.id);
        let Some(mark) = task.mark.as_ref().filter(|_| left > 0 || is_newer) else {
            return;
        };
        let is_void = || mark.is_void() && !planted("puts-what-is-void");
        // It would wait for the invalidation, which may take long.
        if is_void() {
            return count(&counts.puts_voided);
        }
        // Without a claim nobody may put: it is as if the put had failed.
        let Ok(claim) = self.claims.claim(key).await else {
            return count(&counts.put_failures);
        };
        // With the claim in its hand: an invalidation that comes now waits until the put has ended.
        if is_void() {
            return count(&counts.puts_voided);
        }
        if left == 0 {
            if self.store.remove(key).await.is_err() {
                count(&counts.remove_failures);
            }
            return;
        }
        let mut expect = task.expect;
        if planted("absence-over-a-value") && matches!(entry.held, Held::Absent) {
            if let Ok(Found::Entry(old)) = self.store.get(key).await {
                expect = Some(old.id);
            }
        }
        let how = Put {
            keep: Duration::from_millis(left),
            expect,
            lease: task.lease,
            _claim: Some(claim),
        };
        match self.store.put(key, entry, how).await {
            Ok(true) => {}
            Ok(false) => count(&counts.puts_refused),
            Err(_) => count(&counts.put_failures),
        }
    }
}
