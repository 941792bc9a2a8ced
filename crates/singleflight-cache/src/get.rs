//! The get, as callers see it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use crate::dates::Verdict;
use crate::entry::{Entry, EntryId};
use crate::error::Error;
use crate::flights::{self, Flights, GetError, InProcess};
use crate::load::{How, Inner};
use crate::refresh::{Refresh, Refreshed};
use crate::settings::{Look, Settings};
use crate::stats::{Stats, count};
use crate::store::Store;

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

/// An answer with its age. `R` is the [`Refresh`].
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

/// The same before the value is taken out of its entry.
struct Answer<V, E, R> {
    entry: Entry<V>,
    age: u64,
    freshness: Freshness<E>,
    refresh: Option<R>,
}

impl<S: Store, E, F: Flights<S, E>> Aside<S, E, F> {
    pub(crate) fn new(store: S, loads: F, settings: Settings, seed: u64) -> Self {
        Self(Arc::new(Inner::new(store, loads, settings, seed)))
    }

    /// Returns the value of `key`, or `None` if there is none: from the store, or by `load`, once
    /// for all who ask at the same time.
    ///
    /// A value that is found due for a refresh is refreshed by the caller who finds it, and that
    /// caller waits for it; the others are served at once. [`get_with_age`](Self::get_with_age)
    /// lets nobody wait.
    ///
    /// # Errors
    ///
    /// [`Error::Load`] if the load failed: all who waited for it receive its error, and nothing is
    /// stored. [`Error::Store`] if the store failed to get. A put that fails is no error: it is
    /// counted.
    ///
    /// # Panics
    ///
    /// A panic in the load goes on unchanged; those who wait for it receive [`Error::Flight`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the load, and another caller who waits runs its own. If it is
    /// dropped while its put is on the way, see [`Store`].
    ///
    /// Costs one get for a hit, one or two gets and one put for a miss. A hit before any flight
    /// ([`Look::Both`]) takes no lock of ours and allocates nothing.
    pub async fn get<L>(&self, key: &S::Key, load: L) -> Result<Option<S::Value>, GetError<S, E, F>>
    where
        L: AsyncFnOnce() -> Result<Option<S::Value>, E>,
    {
        let mut load = Some(load);
        loop {
            let Answer { entry, refresh, .. } = self.find(key, &mut load).await?;
            let Some(refresh) = refresh else {
                return Ok(entry.held.into_value());
            };
            let refreshed;
            (refreshed, load) = refresh.run_or_return().await;
            match refreshed {
                Refreshed::New(value) => return Ok(value),
                _ if self.0.is_left(&entry) => return Ok(entry.held.into_value()),
                Refreshed::Failed(error) => return Err(error),
                // The old value has got too old, and somebody loads a new one.
                Refreshed::StoodDown => {}
            }
        }
    }

    /// As [`get`](Self::get), and says how old the answer is. Nobody who has a value waits: if it
    /// is due for a refresh, one caller receives the [`Refresh`] with it, to be run in a task.
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
    pub async fn get_with_age<L>(
        &self,
        key: &S::Key,
        load: L,
    ) -> Result<Got<S::Value, E, Refresh<S, E, F, L>>, GetError<S, E, F>>
    where
        L: AsyncFnOnce() -> Result<Option<S::Value>, E>,
    {
        let answer = self.find(key, &mut Some(load)).await?;
        Ok(Got {
            value: answer.entry.held.into_value(),
            age: Duration::from_millis(answer.age),
            freshness: answer.freshness,
            refresh: answer.refresh,
        })
    }

    /// Returns what has been done so far.
    pub fn stats(&self) -> Stats {
        self.0.counts.read()
    }

    /// Returns the store.
    pub fn store(&self) -> &S {
        &self.0.store
    }

    /// Finds an entry, and who refreshes it.
    async fn find<L>(
        &self,
        key: &S::Key,
        load: &mut Option<L>,
    ) -> Result<Answer<S::Value, E, Refresh<S, E, F, L>>, GetError<S, E, F>>
    where
        L: AsyncFnOnce() -> Result<Option<S::Value>, E>,
    {
        let inner = &*self.0;
        loop {
            let (entry, how) = match inner.settings.look {
                Look::Both => inner.look(key, load).await?,
                Look::Inside => {
                    let seen =
                        flights::run(&inner.looks, key, Box::pin(inner.look(key, load))).await;
                    seen.map_err(|error| Error::Flight(error.into()))??
                }
            };
            let now = inner.settings.now();
            let mut refresh = None;
            let freshness = match how {
                How::Anew => Freshness::Fresh,
                How::AfterError(error) if inner.is_left(&entry) => {
                    count(&inner.counts.served_after_error);
                    Freshness::AfterError(error)
                }
                How::AfterError(Some(error)) => return Err(Error::Load(error)),
                // It has got too old since it was looked at.
                How::AfterError(None) => continue,
                How::Looked => match inner.settings.judge(&entry, now, &inner.random) {
                    Verdict::Usable { stale, due } => {
                        if due {
                            refresh = self.refresh(key, entry.id, load);
                        }
                        if stale {
                            count(&inner.counts.served_stale);
                            Freshness::Stale
                        } else {
                            Freshness::Fresh
                        }
                    }
                    Verdict::Fallback { .. } | Verdict::Gone => continue,
                },
            };
            let age = now.saturating_sub(entry.made);
            return Ok(Answer {
                entry,
                age,
                freshness,
                refresh,
            });
        }
    }

    /// Takes the duty to refresh, if nobody has it.
    #[cold]
    fn refresh<L>(
        &self,
        key: &S::Key,
        old: EntryId,
        load: &mut Option<L>,
    ) -> Option<Refresh<S, E, F, L>> {
        let duty = self.0.duties.try_claim(key)?;
        Some(Refresh::new(
            Arc::clone(&self.0),
            key.clone(),
            old,
            load.take()?,
            duty,
        ))
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
