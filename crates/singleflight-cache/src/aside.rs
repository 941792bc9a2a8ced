//! The get: look, join, look again, load, claim the put, put, land.
//!
//! | state | where | changed by |
//! |---|---|---|
//! | what is shared of a look | `looks` | its leader; `invalidate` forgets |
//! | the load of a key | `loads` | its leader; `invalidate` forgets |
//! | whether a load may be stored | `marks` | `invalidate` voids; the load asks, with the key's claim in its hand |
//! | who may put or remove | `claims` | a load for its put, `invalidate` for its removal: one at a time |
//! | who refreshes | `duties` | the reader that finds a value due, until its refresh has ended |
//!
//! A load takes the claim, then asks its mark, then puts. An invalidation takes the claim, voids the
//! marks, removes, and then forgets: a look that saw the old entry is joined by nobody who comes later.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use singleflight_core::Group;

use crate::builder::{Look, Settings, StoreDown};
use crate::dates::Verdict;
use crate::entry::{Entry, EntryId, Held};
use crate::error::{Error, Fault};
use crate::flights::{self, Claims, Flights, Landed, Lease, Loaded, Mark, Marks};
use crate::planted::planted;
use crate::refresh::{Refresh, Refreshed};
use crate::seed::Random;
use crate::stats::{Counts, Stats, count};
use crate::store::{Found, Put, Store};

/// The flights of one process: the core's group.
pub type InProcess<S, E> =
    Group<<S as Store>::Key, Result<Loaded<<S as Store>::Value>, Fault<E, <S as Store>::Error>>>;

/// A cache-aside: looks in the store, loads what it lacks once for all who ask, and stores it.
///
/// It is a handle: clones share all there is. `S` is the store, `E` what a load fails with, `F` the
/// flights. It is `Send` and `Sync` where those and the store's key, value and error are.
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.rs")); }
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
pub struct Aside<S, E, F = InProcess<S, E>>(pub(crate) Arc<Inner<S, E, F>>)
where
    S: Store,
    F: Flights<S::Key, Loaded<S::Value>, Fault<E, S::Error>>;

/// Why a get has no answer.
pub(crate) type GetError<S, E, F> =
    Error<
        E,
        <S as Store>::Error,
        <F as Flights<
            <S as Store>::Key,
            Loaded<<S as Store>::Value>,
            Fault<E, <S as Store>::Error>,
        >>::Error,
    >;

/// What a look has come to.
pub(crate) type Sight<S, E, F> = Result<Seen<<S as Store>::Value, E>, GetError<S, E, F>>;

pub(crate) struct Inner<S, E, F>
where
    S: Store,
    F: Flights<S::Key, Loaded<S::Value>, Fault<E, S::Error>>,
{
    pub(crate) store: S,
    pub(crate) settings: Settings,
    pub(crate) looks: Group<S::Key, Sight<S, E, F>>,
    pub(crate) loads: F,
    pub(crate) marks: Marks<S::Key>,
    pub(crate) claims: Claims<S::Key>,
    pub(crate) duties: Claims<S::Key>,
    pub(crate) random: Random,
    pub(crate) counts: Counts,
    /// Loads under way while the store is down.
    unprotected: AtomicUsize,
    /// Loads that have ended and were not part of a look's flight.
    elsewhere: AtomicUsize,
}

/// An entry that a caller may have, and why.
pub(crate) struct Seen<V, E> {
    pub(crate) entry: Entry<V>,
    pub(crate) how: How<E>,
}

pub(crate) enum How<E> {
    /// It was found in the store. Whoever receives it judges its age again.
    Looked,
    /// It was loaded after the call had come.
    Anew,
    /// The load failed, or has failed and is not tried yet.
    AfterError(Option<Arc<E>>),
}

/// What the store has for a key, in the light of its dates.
pub(crate) enum Known<V> {
    Usable(Entry<V>),
    Lacking {
        /// What stands there all the same.
        old: Option<Entry<V>>,
        /// It is to be served without a load.
        wait: bool,
    },
}

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

impl<S, E, F> Aside<S, E, F>
where
    S: Store,
    F: Flights<S::Key, Loaded<S::Value>, Fault<E, S::Error>>,
{
    pub(crate) fn new(store: S, loads: F, settings: Settings, seed: u64) -> Self {
        Self(Arc::new(Inner {
            store,
            settings,
            looks: Group::new(),
            loads,
            marks: Marks::new(),
            claims: Claims::new(),
            duties: Claims::new(),
            random: Random::new(seed),
            counts: Counts::default(),
            unprotected: AtomicUsize::new(0),
            elsewhere: AtomicUsize::new(0),
        }))
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
    pub async fn get<L, T>(
        &self,
        key: &S::Key,
        load: L,
    ) -> Result<Option<S::Value>, GetError<S, E, F>>
    where
        L: FnOnce() -> T,
        T: Future<Output = Result<Option<S::Value>, E>>,
    {
        let mut load = Some(load);
        loop {
            let (entry, got) = self.find(key, &mut load).await?;
            let Some(refresh) = got.refresh else {
                return Ok(entry.held.into_value());
            };
            let refreshed;
            (refreshed, load) = refresh.run_or_return().await;
            let is_served = || self.0.settings.left(&entry, self.0.settings.now()) > 0;
            match refreshed {
                Refreshed::New(value) => return Ok(value),
                _ if is_served() => return Ok(entry.held.into_value()),
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
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.rs")); }
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
    pub async fn get_with_age<L, T>(
        &self,
        key: &S::Key,
        load: L,
    ) -> Result<Got<S::Value, E, Refresh<S, E, F, L>>, GetError<S, E, F>>
    where
        L: FnOnce() -> T,
        T: Future<Output = Result<Option<S::Value>, E>>,
    {
        let (entry, got) = self.find(key, &mut Some(load)).await?;
        Ok(Got {
            value: entry.held.into_value(),
            age: got.age,
            freshness: got.freshness,
            refresh: got.refresh,
        })
    }

    /// Finds an entry, and who refreshes it.
    async fn find<L, T>(
        &self,
        key: &S::Key,
        load: &mut Option<L>,
    ) -> Result<(Entry<S::Value>, Got<(), E, Refresh<S, E, F, L>>), GetError<S, E, F>>
    where
        L: FnOnce() -> T,
        T: Future<Output = Result<Option<S::Value>, E>>,
    {
        let inner = &*self.0;
        loop {
            let Seen { entry, how } = match inner.settings.look {
                Look::Both => inner.look(key, load).await?,
                Look::Inside => {
                    let seen = flights::run(&inner.looks, key, || inner.look(key, load)).await;
                    seen.map_err(|error| Error::Flight(error.into()))??
                }
            };
            let now = inner.settings.now();
            let mut refresh = None;
            let freshness = match how {
                How::Anew => Freshness::Fresh,
                How::AfterError(error) if inner.settings.left(&entry, now) > 0 => {
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
                            Freshness::Stale
                        } else {
                            Freshness::Fresh
                        }
                    }
                    Verdict::Fallback { .. } | Verdict::Gone => continue,
                },
            };
            let got = Got {
                value: None,
                age: Duration::from_millis(now.saturating_sub(entry.made)),
                freshness,
                refresh,
            };
            return Ok((entry, got));
        }
    }

    /// Returns what has been done so far.
    pub fn stats(&self) -> Stats {
        self.0.counts.read()
    }

    /// Returns the store.
    pub fn store(&self) -> &S {
        &self.0.store
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
            self.clone(),
            key.clone(),
            old,
            load.take()?,
            duty,
        ))
    }
}

impl<S, E, F> Inner<S, E, F>
where
    S: Store,
    F: Flights<S::Key, Loaded<S::Value>, Fault<E, S::Error>>,
{
    /// Looks, and loads what is not there.
    async fn look<L, T>(&self, key: &S::Key, load: &mut Option<L>) -> Sight<S, E, F>
    where
        L: FnOnce() -> T,
        T: Future<Output = Result<Option<S::Value>, E>>,
    {
        let elsewhere = self.elsewhere.load(Ordering::Acquire);
        let mut old = None;
        let known = match self.known(key, self.store.get(key).await).await {
            Ok(Known::Usable(entry)) => {
                return Ok(Seen {
                    entry,
                    how: How::Looked,
                });
            }
            Ok(Known::Lacking {
                old: Some(entry),
                wait: true,
            }) => {
                return Ok(Seen {
                    entry,
                    how: How::AfterError(None),
                });
            }
            Err(error) if self.settings.store_down == StoreDown::Fail => {
                return Err(Error::Store(Arc::new(error)));
            }
            Ok(Known::Lacking { old: found, wait }) => {
                old.clone_from(&found);
                Ok(Known::Lacking { old: found, wait })
            }
            Err(error) => Err(error),
        };
        let rest = &mut *load;
        let work = |lease| async move {
            // A flight may have landed since the look: in another process, as a refresh, in a batch;
            // and any, if the look was not in a flight itself.
            let again = self.settings.look == Look::Both && !planted("no-second-look")
                || F::BETWEEN_PROCESSES
                || self.elsewhere.load(Ordering::Acquire) != elsewhere;
            let known = if again {
                self.known(key, self.store.get(key).await).await
            } else {
                known
            };
            self.lead(key, lease, known, None, rest).await
        };
        let answer = self.loads.run(key, work).await;
        if let (true, Ok(Ok(loaded)), None) = (planted("stored-late"), &answer, &load) {
            let (mark, expect) = (self.marks.begin(key), old.as_ref().map(|old| old.id));
            self.put(key, &loaded.entry, expect, Lease::NONE, &mark)
                .await;
        }
        self.seen(answer, old)
    }

    #[expect(clippy::type_complexity, reason = "it names what it is made of")]
    /// Says what a flight's answer is to a caller who has seen an old entry.
    pub(crate) fn seen(
        &self,
        answer: Landed<Loaded<S::Value>, Fault<E, S::Error>, F::Error>,
        old: Option<Entry<S::Value>>,
    ) -> Sight<S, E, F> {
        let (entry, how) = match answer {
            Ok(Ok(Loaded { entry, anew: true })) => (entry, How::Anew),
            Ok(Ok(Loaded { entry, anew: false })) => (entry, How::Looked),
            Ok(Err(Fault::Load(error))) => {
                let now = self.settings.now();
                match old.filter(|entry| self.settings.left(entry, now) > 0) {
                    Some(entry) => (entry, How::AfterError(Some(error))),
                    None => return Err(Error::Load(error)),
                }
            }
            Ok(Err(fault)) => return Err(fault.into()),
            Err(error) => return Err(Error::Flight(error)),
        };
        Ok(Seen { entry, how })
    }

    /// Says what was found, and removes what cannot be read.
    pub(crate) async fn known(
        &self,
        key: &S::Key,
        found: Result<Found<S::Value>, S::Error>,
    ) -> Result<Known<S::Value>, S::Error> {
        let nothing = Known::Lacking {
            old: None,
            wait: false,
        };
        match found {
            Ok(Found::Entry(entry)) => {
                let verdict = self
                    .settings
                    .judge(&entry, self.settings.now(), &self.random);
                let wait = match verdict {
                    Verdict::Usable { stale, .. } => {
                        count(match (&entry.held, stale) {
                            (Held::Absent, _) => &self.counts.absent_hits,
                            (Held::Value(_), true) => &self.counts.stale_hits,
                            (Held::Value(_), false) => &self.counts.hits,
                        });
                        return Ok(Known::Usable(entry));
                    }
                    Verdict::Fallback { wait } => wait,
                    Verdict::Gone => false,
                };
                count(&self.counts.misses);
                Ok(Known::Lacking {
                    old: Some(entry),
                    wait,
                })
            }
            Ok(Found::Nothing) => {
                count(&self.counts.misses);
                Ok(nothing)
            }
            Ok(Found::Unreadable) => {
                count(&self.counts.unreadable);
                if self.store.remove(key).await.is_err() {
                    count(&self.counts.remove_failures);
                }
                Ok(nothing)
            }
            Err(error) => {
                count(&self.counts.get_failures);
                if planted("a-broken-store-is-a-miss") {
                    return Ok(nothing);
                }
                Err(error)
            }
        }
    }

    /// Runs the load of one key, and stores what it finds. `refreshes` is the entry that is not
    /// good enough.
    pub(crate) async fn lead<L, T>(
        &self,
        key: &S::Key,
        lease: Lease,
        known: Result<Known<S::Value>, S::Error>,
        refreshes: Option<EntryId>,
        load: &mut Option<L>,
    ) -> Result<Loaded<S::Value>, Fault<E, S::Error>>
    where
        L: FnOnce() -> T,
        T: Future<Output = Result<Option<S::Value>, E>>,
    {
        let (old, permit) = match self.lacks(known, refreshes)? {
            Lack::Nothing(entry) => return Ok(Loaded { entry, anew: false }),
            Lack::Load(old) => (old, None),
            Lack::LoadOnly(permit) => (None, Some(permit)),
        };
        if refreshes.is_some() {
            count(&self.counts.refreshes);
        }
        count(&self.counts.loads);
        let mark = self.marks.begin(key);
        let began = self.settings.now();
        let load = load.take().expect("a call loads once");
        let loaded = load().await;
        let mark = if refreshes.is_some() && planted("a-refresh-ignores-an-invalidation") {
            drop(mark);
            self.marks.begin(key)
        } else {
            mark
        };
        let is_put = permit.is_none() && !planted("stored-late");
        let putting = is_put.then_some(&mark);
        let result = match loaded {
            Ok(found) => Ok(self.keep(key, lease, found, began, old, putting).await),
            Err(error) => {
                count(&self.counts.load_failures);
                self.keep_failure(key, lease, old, putting).await;
                Err(Fault::Load(Arc::new(error)))
            }
        };
        if refreshes.is_some() {
            self.ended_elsewhere();
        }
        result
    }

    /// Says that a load has ended that no look's flight is part of.
    pub(crate) fn ended_elsewhere(&self) {
        // Pairs with the loads in `look`.
        self.elsewhere.fetch_add(1, Ordering::Release);
    }

    /// Says what is to be done with what is known.
    pub(crate) fn lacks(
        &self,
        known: Result<Known<S::Value>, S::Error>,
        refreshes: Option<EntryId>,
    ) -> Result<Lack<'_, S::Value>, Fault<E, S::Error>> {
        match known {
            Ok(Known::Usable(entry)) if refreshes != Some(entry.id) => Ok(Lack::Nothing(entry)),
            Ok(Known::Usable(entry)) => Ok(Lack::Load(Some(entry))),
            Ok(Known::Lacking { old, .. }) => Ok(Lack::Load(old)),
            Err(error) => match self.permit() {
                Some(permit) => Ok(Lack::LoadOnly(permit)),
                None => Err(Fault::Store(Arc::new(error))),
            },
        }
    }

    /// Makes an entry of what was found, and stores it where it may.
    pub(crate) async fn keep(
        &self,
        key: &S::Key,
        lease: Lease,
        found: Option<S::Value>,
        began: u64,
        old: Option<Entry<S::Value>>,
        mark: Option<&Mark<'_, S::Key>>,
    ) -> Loaded<S::Value> {
        let made = self.settings.now();
        let entry = Entry {
            id: EntryId(self.random.draw()),
            held: found.into(),
            made,
            took: made.saturating_sub(began),
            failures: 0,
            tried: 0,
        };
        if let Some(mark) = mark {
            let expect = old.map(|old| old.id);
            self.put(key, &entry, expect, lease, mark).await;
        }
        Loaded { entry, anew: true }
    }

    /// Writes down that a load has failed, beside the value that is served meanwhile. Its dates
    /// stay.
    pub(crate) async fn keep_failure(
        &self,
        key: &S::Key,
        lease: Lease,
        old: Option<Entry<S::Value>>,
        mark: Option<&Mark<'_, S::Key>>,
    ) {
        let (Some(mut entry), Some(mark)) = (old, mark) else {
            return;
        };
        entry.failures = entry.failures.saturating_add(1);
        entry.tried = self.settings.now();
        if planted("a-failure-renews") {
            entry.made = entry.tried;
        }
        self.put(key, &entry, Some(entry.id), lease, mark).await;
    }

    /// Puts an entry, unless the key was invalidated since the load began.
    async fn put(
        &self,
        key: &S::Key,
        entry: &Entry<S::Value>,
        expect: Option<EntryId>,
        lease: Lease,
        mark: &Mark<'_, S::Key>,
    ) {
        let counts = &self.counts;
        let left = self.settings.left(entry, self.settings.now());
        if left == 0 {
            return;
        }
        // Without a claim nobody may put: it is as if the put had failed.
        let Ok(claim) = self.claims.claim(key).await else {
            return count(&counts.put_failures);
        };
        // With the claim in its hand: an invalidation that comes now waits until the put has ended.
        if mark.is_void() && !planted("puts-what-is-void") {
            return count(&counts.puts_voided);
        }
        let expect = match (planted("absence-over-a-value"), &entry.held) {
            (true, Held::Absent) => match self.store.get(key).await {
                Ok(Found::Entry(entry)) => Some(entry.id),
                _ => None,
            },
            _ => expect,
        };
        let how = Put::claimed(Duration::from_millis(left), expect, lease, claim);
        match self.store.put(key, entry, how).await {
            Ok(true) => {}
            Ok(false) => count(&counts.puts_refused),
            Err(_) => count(&counts.put_failures),
        }
    }

    /// Takes one of the loads that are allowed while the store is down.
    fn permit(&self) -> Option<Permit<'_>> {
        let StoreDown::Load { at_most } = self.settings.store_down else {
            return None;
        };
        let one_more = |loads| (loads < at_most).then_some(loads + 1);
        let loads = &self.unprotected;
        // It only counts: what is loaded is ordered by its flight.
        let taken = loads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.ok().map(|_| Permit(loads))
    }
}

/// What is to be done for a key.
pub(crate) enum Lack<'a, V> {
    /// Nothing: this is good enough.
    Nothing(Entry<V>),
    /// It is to be loaded and put over what stands there.
    Load(Option<Entry<V>>),
    /// It is to be loaded only.
    LoadOnly(Permit<'a>),
}

/// One of the loads that are allowed while the store is down.
pub(crate) struct Permit<'a>(&'a AtomicUsize);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<V: Clone, E> Clone for Seen<V, E> {
    fn clone(&self) -> Self {
        let how = match &self.how {
            How::Looked => How::Looked,
            How::Anew => How::Anew,
            How::AfterError(error) => How::AfterError(error.clone()),
        };
        let entry = self.entry.clone();
        Self { entry, how }
    }
}

impl<S, E, F> Clone for Aside<S, E, F>
where
    S: Store,
    F: Flights<S::Key, Loaded<S::Value>, Fault<E, S::Error>>,
{
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, E, F> fmt::Debug for Aside<S, E, F>
where
    S: Store,
    F: Flights<S::Key, Loaded<S::Value>, Fault<E, S::Error>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aside")
            .field("settings", &self.0.settings)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
