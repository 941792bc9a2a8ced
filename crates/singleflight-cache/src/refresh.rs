//! A value that is loaded anew while the old one is served.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use crate::claims::Claim;
use crate::entry::Entry;
use crate::flights::{Flights, GetError};
use crate::got::Got;
use crate::inner::Inner;
use crate::load::Known;
use crate::store::Store;

/// The duty to refresh one value, which one caller at a time has.
///
/// [`run`](Self::run) it in a task, or where nobody waits. Dropping it, or the future that it
/// makes, leaves the duty to the next reader.
#[must_use = "dropping it leaves the refresh to the next reader"]
pub struct Refresh<S: Store, E, F: Flights<S, E>, L>(
    /// In a box: an answer without it, which most are, is small.
    pub(crate) Box<Due<S, E, F, L>>,
);

/// What a refresh is made of.
pub(crate) struct Due<S: Store, E, F: Flights<S, E>, L> {
    pub(crate) inner: Arc<Inner<S, E, F>>,
    pub(crate) key: S::Key,
    /// What was found due.
    pub(crate) entry: Entry<S::Value>,
    pub(crate) duty: Claim<S::Key>,
    pub(crate) load: L,
}

pub(crate) type Answer<S, E, F, L> = Got<<S as Store>::Value, E, Refresh<S, E, F, L>>;

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
    /// Returns which key it is for.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use std::time::Duration;
    /// use singleflight_cache::{Builder};
    ///
    /// let builder = Builder::new(Map::default()).fresh_for(Duration::ZERO);
    /// let aside = builder.stale_for(Duration::from_secs(600)).build();
    /// let load = async || Ok::<_, std::io::Error>(Some("Ada".to_owned()));
    /// aside.get(&7, load).await?;
    /// let refresh = aside.get_with_age(&7, load).await?.refresh.expect("nothing is fresh here");
    /// assert_eq!(*refresh.key(), 7);
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub fn key(&self) -> &S::Key {
        &self.0.key
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
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use std::time::Duration;
    /// use singleflight_cache::{Builder, Refreshed};
    ///
    /// let builder = Builder::new(Map::default()).fresh_for(Duration::ZERO);
    /// let aside = builder.stale_for(Duration::from_secs(600)).build();
    /// let load = async || Ok::<_, std::io::Error>(Some("Ada".to_owned()));
    /// aside.get(&7, load).await?;
    /// let refresh = aside.get_with_age(&7, load).await?.refresh.expect("nothing is fresh here");
    /// assert!(matches!(refresh.run().await, Refreshed::New(Some(_)))); // in a task
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub async fn run(self) -> Refreshed<S::Value, GetError<S, E, F>>
    where
        L: AsyncFnOnce() -> Result<Option<S::Value>, E>,
    {
        let due = *self.0;
        let old = due.entry.id;
        let mut known = Known::new(Ok(Some(due.entry)), None, Some(due.duty));
        let load = &mut Some(due.load);
        due.inner.load(&due.key, &mut known, load).await;
        match (known.error, known.sight) {
            (Some(error), _) => Refreshed::Failed(error),
            (None, Ok(Some(entry))) if entry.id != old => Refreshed::New(entry.held.into_value()),
            _ => Refreshed::StoodDown,
        }
    }
}

impl<S: Store, E, F: Flights<S, E>, L> fmt::Debug for Refresh<S, E, F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresh").finish_non_exhaustive()
    }
}
