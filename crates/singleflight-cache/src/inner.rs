//! What all handles of an aside share, and who may change what.
//!
//! | state | where | changed by |
//! |---|---|---|
//! | a look of several callers | `looks` | its leader; `invalidate` forgets |
//! | the load of a key | `loads` | its leader; `invalidate` forgets |
//! | whether a load may be stored | `marks` | a load takes its key's, `invalidate` voids it |
//! | who may put or remove | `claims` | a load for its put, `invalidate` for its removal: one at a time |
//! | who refreshes | `duties` | the reader that finds a value due, until its refresh has ended |
//!
//! A load takes its mark, then the claim, then asks its mark, then puts; one whose mark is void already
//! waits for no claim. An invalidation voids the marks, takes the claim, removes, voids them again, and
//! then forgets: a look that saw the old entry is joined by nobody who comes later. What was looked at
//! before the mark was taken may have been removed since, and is not written again if the load fails: the
//! counts of `changes` tell.

use alloc::sync::Arc;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicUsize, Ordering};

use singleflight_core::Group;

use crate::changes::Changes;
use crate::claims::Claims;
use crate::entry::Entry;
use crate::flights::Flights;
use crate::on_drop::OnDrop;
use crate::seed::Random;
use crate::settings::Settings;
use crate::stats::Counts;
use crate::store::Store;

/// What the store has for a key, of whatever age.
pub(crate) type Sight<S> = Result<Option<Entry<<S as Store>::Value>>, Arc<<S as Store>::Error>>;

/// What all handles of an aside share.
pub(crate) struct Inner<S: Store, E, F: Flights<S, E>> {
    pub(crate) store: S,
    pub(crate) settings: Settings,
    pub(crate) looks: Group<S::Key, Sight<S>>,
    pub(crate) loads: F,
    pub(crate) marks: Claims<S::Key>,
    pub(crate) claims: Claims<S::Key>,
    pub(crate) duties: Claims<S::Key>,
    pub(crate) random: Random,
    pub(crate) counts: Arc<Counts>,
    /// Loads under way while the store is down.
    pub(crate) unprotected: AtomicUsize,
    pub(crate) changes: Changes<S::Key>,
    /// What loads fail with is in `loads` alone.
    pub(crate) errors: PhantomData<fn() -> E>,
}

impl<S: Store, E, F: Flights<S, E>> Inner<S, E, F> {
    /// Takes one of the loads that are allowed while the store is down.
    pub(crate) fn permit(&self) -> Option<OnDrop<impl Fn()>> {
        let (loads, most) = (&self.unprotected, self.settings.unprotected);
        let one_more = |loads| (loads < most).then_some(loads + 1);
        // It only counts: what is loaded is ordered by its flight.
        loads
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()?;
        Some(OnDrop(|| {
            loads.fetch_sub(1, Ordering::Relaxed);
        }))
    }
}
