//! The get, as callers see it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use crate::flights::{Flights, GetError, InProcess};
use crate::got::Got;
use crate::inner::Inner;
use crate::load::Known;
use crate::refresh::{Answer, Due, Refresh};
use crate::settings::Look;
use crate::stats::Stats;
use crate::store::{Found, Store};

/// A cache-aside: looks in the store, loads what it lacks once for all who ask, and stores it.
///
/// It is a handle: clones share all there is. `S` is the store, `E` what a load fails with, `F` the
/// flights. It is `Send` and `Sync` where those and the store's key, value and error are.
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
/// # use map::Map;
/// use singleflight_cache::Builder;
///
/// let aside = Builder::new(Map::default()).build();
/// let load = async || Ok::<_, std::io::Error>(Some("Ada".to_owned()));
/// assert_eq!(aside.get(&7, load).await?.as_deref(), Some("Ada"));
///
/// let from_store = async || unreachable!("it is in the store");
/// assert_eq!(aside.get(&7, from_store).await?.as_deref(), Some("Ada"));
/// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
/// # }).unwrap();
/// ```
pub struct Aside<S: Store, E, F: Flights<S, E> = InProcess<S, E>>(pub(crate) Arc<Inner<S, E, F>>);

/// The first look of a get, which ends with it if nothing else is to be done: most are nothing else.
///
/// (A macro, since a future within a future cost a hit more than its own two comparisons.)
macro_rules! first_look {
    ($inner:expr, $key:ident, |$got:ident: Got<_, _, $refresh:ty>| $value:expr) => {{
        let (inner, since) = (&*$inner, Some($inner.changes.all()));
        match inner.settings.look {
            Look::Inside => inner.look($key, since).await?,
            Look::Both => match inner.store.get($key).await {
                Ok(Found::Entry(entry)) => {
                    let now = inner.settings.now();
                    if let Some(freshness) = inner.at_once($key, &entry, now) {
                        let $got = inner.serve::<$refresh>(Some(entry), freshness, now);
                        return Ok($value);
                    }
                    Known::new(Ok(Some(entry)), since, None)
                }
                found => Known::new(inner.sight($key, found).await, since, None),
            },
        }
    }};
}

impl<S: Store, E, F: Flights<S, E>> Aside<S, E, F> {
    /// Returns the value of `key`, or `None` if there is none: from the store, or by `load`, once
    /// for all who ask at the same time.
    ///
    /// A value that is found due for a refresh is refreshed by the caller who finds it, and that
    /// caller waits for it; the others are served at once. [`get_with_age`](Self::get_with_age)
    /// lets nobody wait.
    ///
    /// # Errors
    ///
    /// [`Error::Load`](crate::Error::Load) if the load failed: all who waited for it receive its error, and nothing is
    /// stored. [`Error::Store`](crate::Error::Store) if the store failed to get.
    /// [`Error::Flight`](crate::Error::Flight) if a load that was waited for panicked, or the call came from
    /// inside its own load. Within `stale_if_error` an old value comes instead of a load's error. A put
    /// that fails is no error: it is counted.
    ///
    /// # Panics
    ///
    /// A panic in the load goes on unchanged; those who wait for it receive [`Error::Flight`](crate::Error::Flight).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the load, and another caller who waits runs its own. If it is
    /// dropped while its put is on the way, see [`Store`].
    ///
    /// Costs one get for a hit, one or two gets and one put for a miss. A hit before any flight
    /// ([`Look::Both`]) takes no lock of ours and allocates nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::Builder;
    ///
    /// let aside = Builder::new(Map::default()).build();
    /// let load = async || Ok::<_, std::io::Error>(Some("Ada".to_owned()));
    /// let (one, other) = futures_lite::future::zip(aside.get(&7, load), aside.get(&7, load)).await;
    /// assert_eq!(one?, other?);
    /// assert_eq!(aside.stats().loads, 1);
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "get_or_load")]
    #[doc(alias = "get_with")]
    #[doc(alias = "try_get_with")]
    #[doc(alias = "Take")]
    pub async fn get<L>(&self, key: &S::Key, load: L) -> Result<Option<S::Value>, GetError<S, E, F>>
    where
        L: AsyncFnOnce() -> Result<Option<S::Value>, E>,
    {
        let known = first_look!(self.0, key, |got: Got<_, _, ()>| got.value);
        Ok(self.find(key, load, known, false).await?.value)
    }

    /// As [`get`](Self::get), and says how old the answer is. Nobody who has a value waits: if it
    /// is due for a refresh, one caller receives the [`Refresh`] with it, to be run in a task.
    ///
    /// The refresh keeps `load`. A task that outlives its caller needs one that owns what it uses:
    /// `async move ||` over clones.
    ///
    /// A fresh value costs what it costs by [`get`](Self::get); a stale one that somebody refreshes
    /// costs one lock more, and no allocation either.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// As [`get`](Self::get).
    ///
    /// # Examples
    ///
    /// ```
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use std::time::Duration;
    /// use singleflight_cache::{Builder, Freshness};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::task::LocalSet::new().run_until(async {
    /// let aside = Builder::new(Map::default())
    ///     .fresh_for(Duration::ZERO)
    ///     .stale_for(Duration::from_secs(600))
    ///     .build();
    /// let load = async || Ok::<_, std::io::Error>(Some("Ada".to_owned()));
    /// aside.get(&7, load).await?;
    ///
    /// let got = aside.get_with_age(&7, load).await?;
    /// assert!(matches!(got.freshness, Freshness::Stale));
    /// if let Some(refresh) = got.refresh {
    ///     tokio::task::spawn_local(refresh.run()); // `tokio::spawn` where the store is `Send`
    /// }
    /// # Ok(())
    /// # }).await
    /// # }
    /// ```
    #[doc(alias = "stale_while_revalidate")]
    pub async fn get_with_age<L>(
        &self,
        key: &S::Key,
        load: L,
    ) -> Result<Answer<S, E, F, L>, GetError<S, E, F>>
    where
        L: AsyncFnOnce() -> Result<Option<S::Value>, E>,
    {
        let known = first_look!(self.0, key, |got: Got<_, _, Refresh<S, E, F, L>>| got);
        self.find(key, load, known, true).await
    }

    /// Returns what has been done so far.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::Builder;
    ///
    /// let aside = Builder::new(Map::default()).build();
    /// for _ in 0..3 {
    ///     aside.get(&7, async || Ok::<_, std::io::Error>(Some("Ada".to_owned()))).await?;
    /// }
    /// let stats = aside.stats();
    /// assert_eq!((stats.misses, stats.loads, stats.hits), (1, 1, 2));
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub fn stats(&self) -> Stats {
        self.0.counts.read()
    }

    /// Returns the store.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::{Builder, Found, Store};
    ///
    /// let aside = Builder::new(Map::default()).build();
    /// aside.get(&7, async || Ok::<_, std::io::Error>(Some("Ada".to_owned()))).await?;
    /// assert!(matches!(aside.store().get(&7).await, Ok(Found::Entry(_))));
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub fn store(&self) -> &S {
        &self.0.store
    }

    /// Looks, and goes on from what that has found. If it is due for a refresh, that is handed out, or
    /// comes first.
    async fn find<L>(
        &self,
        key: &S::Key,
        load: L,
        mut known: Known<S, E, F>,
        hands_out: bool,
    ) -> Result<Answer<S, E, F, L>, GetError<S, E, F>>
    where
        L: AsyncFnOnce() -> Result<Option<S::Value>, E>,
    {
        let inner = &*self.0;
        let mut now = inner.settings.now();
        let mut load = Some(load);
        let mut judged = inner.looked(key, &mut known, now)?;
        loop {
            if let Some(freshness) = judged.filter(|_| hands_out || known.duty.is_none()) {
                let due = known.duty.take();
                let due = known.entry().cloned().zip(due).zip(load);
                let refresh = due.map(|((entry, duty), load)| Due {
                    inner: Arc::clone(&self.0),
                    key: key.clone(),
                    entry,
                    duty,
                    load,
                });
                return Ok(Got {
                    refresh: refresh.map(|due| Refresh(Box::new(due))),
                    ..inner.serve(known.sight.ok().flatten(), freshness, now)
                });
            }
            inner.load(key, &mut known, &mut load).await;
            now = inner.settings.now();
            judged = inner.judge(&known, now)?;
        }
    }
}

impl<S: Store, E, F: Flights<S, E>> Clone for Aside<S, E, F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Store, E, F: Flights<S, E>> fmt::Debug for Aside<S, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aside")
            .field("settings", &self.0.settings)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
