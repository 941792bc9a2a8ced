//! An answer, with what its age means.

use alloc::sync::Arc;
use core::time::Duration;

/// How old an answer is, in the sense of the [`Builder`](crate::Builder).
#[derive(Debug)]
#[non_exhaustive]
pub enum Freshness<E> {
    /// It is fresh.
    Fresh,
    /// It is beyond `fresh_for`, within `stale_for`.
    Stale,
    /// It is older than it should be, within `stale_if_error`: the load failed so, or has failed
    /// before and is not tried again yet.
    AfterError(Option<Arc<E>>),
}

/// An answer with its age. `R` is the [`Refresh`](crate::Refresh).
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "it holds the value, and the duty to refresh it"]
pub struct Got<V, E, R> {
    /// The value, or `None` if there is none.
    pub value: Option<V>,
    /// The time since its load ended.
    pub age: Duration,
    /// What its age means.
    pub freshness: Freshness<E>,
    /// The duty to refresh the value, if it is due and this caller is the one who found it so.
    /// Dropping it leaves the duty to the next reader.
    pub refresh: Option<R>,
}
