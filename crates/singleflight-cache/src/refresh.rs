//! A value that is loaded anew while the old one is served.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use crate::claims::Claim;
use crate::entry::EntryId;
use crate::flights::{Flights, GetError};
use crate::load::Inner;
use crate::store::Store;

/// The duty to refresh one value, which one caller at a time has.
///
/// [`run`](Self::run) it in a task, or where nobody waits. Dropping it, or the future that it
/// makes, leaves the duty to the next reader.
#[must_use = "dropping it leaves the refresh to the next reader"]
pub struct Refresh<S: Store, E, F: Flights<S, E>, L> {
    inner: Arc<Inner<S, E, F>>,
    key: S::Key,
    /// The entry that was found due.
    old: EntryId,
    load: L,
    duty: Claim<S::Key>,
}

/// What a refresh has come to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refreshed<V, X> {
    /// This is the value by now, or there is none.
    New(Option<V>),
    /// Somebody is loading the key already.
    StoodDown,
    /// It failed: the old value stays, with its dates.
    Failed(X),
}

impl<S: Store, E, F: Flights<S, E>, L> Refresh<S, E, F, L> {
    pub(crate) fn new(
        inner: Arc<Inner<S, E, F>>,
        key: S::Key,
        old: EntryId,
        load: L,
        duty: Claim<S::Key>,
    ) -> Self {
        Self {
            inner,
            key,
            old,
            load,
            duty,
        }
    }

    /// Returns which key it is for.
    pub fn key(&self) -> &S::Key {
        &self.key
    }

    /// Looks again, loads, and stores the new value over the one that was found due.
    ///
    /// It is a flight like any other: callers who find no value of use meanwhile join it.
    ///
    /// # Panics
    ///
    /// A panic in the load goes on unchanged.
    ///
    /// # Cancel safety
    ///
    /// As [`Aside::get`](crate::Aside::get).
    pub async fn run(self) -> Refreshed<S::Value, GetError<S, E, F>>
    where
        L: AsyncFnOnce() -> Result<Option<S::Value>, E>,
    {
        self.run_or_return().await.0
    }

    /// As [`run`](Self::run), and gives back the load, if it was not begun.
    pub(crate) async fn run_or_return(self) -> (Refreshed<S::Value, GetError<S, E, F>>, Option<L>)
    where
        L: AsyncFnOnce() -> Result<Option<S::Value>, E>,
    {
        let Self {
            inner,
            key,
            old,
            load,
            duty,
        } = self;
        let (inner, key, mut load) = (&*inner, &key, Some(load));
        let rest = &mut load;
        let work = Box::pin(async {
            let known = inner.known(key, inner.store.get(key).await).await;
            inner.lead(key, known, Some(old), rest).await
        });
        let answer = inner.loads.try_lead(key, work).await;
        drop(duty);
        let refreshed = match answer {
            None => Refreshed::StoodDown,
            Some(Ok(Ok(loaded))) => Refreshed::New(loaded.entry.held.into_value()),
            Some(Ok(Err(fault))) => Refreshed::Failed(fault.into()),
            Some(Err(error)) => Refreshed::Failed(GetError::<S, E, F>::Flight(error)),
        };
        (refreshed, load)
    }
}

impl<S: Store, E, F: Flights<S, E>, L> fmt::Debug for Refresh<S, E, F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresh")
            .field("old", &self.old)
            .finish_non_exhaustive()
    }
}
