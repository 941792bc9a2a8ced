//! A value that is loaded anew while the old one is served.

use core::fmt;
use core::future::Future;

use crate::aside::{Aside, GetError};
use crate::entry::EntryId;
use crate::error::Fault;
use crate::flights::{Claim, Flights, Loaded};
use crate::store::Store;

/// The duty to refresh one value, which one caller at a time has.
///
/// [`run`](Self::run) it in a task, or where nobody waits. Dropping it, or the future that it
/// makes, leaves the duty to the next reader.
#[must_use = "dropping it leaves the refresh to the next reader"]
pub struct Refresh<S, E, F, L>
where
    S: Store,
    F: Flights<S::Key, Loaded<S::Value>, Fault<E, S::Error>>,
{
    aside: Aside<S, E, F>,
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

impl<S, E, F, L> Refresh<S, E, F, L>
where
    S: Store,
    F: Flights<S::Key, Loaded<S::Value>, Fault<E, S::Error>>,
{
    pub(crate) fn new(
        aside: Aside<S, E, F>,
        key: S::Key,
        old: EntryId,
        load: L,
        duty: Claim<S::Key>,
    ) -> Self {
        Self {
            aside,
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
    /// As [`Aside::get`].
    pub async fn run<T>(self) -> Refreshed<S::Value, GetError<S, E, F>>
    where
        L: FnOnce() -> T,
        T: Future<Output = Result<Option<S::Value>, E>>,
    {
        self.run_or_return().await.0
    }

    /// As [`run`](Self::run), and gives back the load, if it was not begun.
    pub(crate) async fn run_or_return<T>(
        self,
    ) -> (Refreshed<S::Value, GetError<S, E, F>>, Option<L>)
    where
        L: FnOnce() -> T,
        T: Future<Output = Result<Option<S::Value>, E>>,
    {
        let Self {
            aside,
            key,
            old,
            load,
            duty,
        } = self;
        let (inner, key, mut load) = (&*aside.0, &key, Some(load));
        let rest = &mut load;
        let work = |lease| async move {
            let known = inner.known(key, inner.store.get(key).await).await;
            inner.lead(key, lease, known, Some(old), rest).await
        };
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

impl<S, E, F, L> fmt::Debug for Refresh<S, E, F, L>
where
    S: Store,
    F: Flights<S::Key, Loaded<S::Value>, Fault<E, S::Error>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresh")
            .field("old", &self.old)
            .finish_non_exhaustive()
    }
}
