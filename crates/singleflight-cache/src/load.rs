//! What a get does: look, join, look again, load, claim the put, put, land.
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

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use singleflight_core::Group;

use crate::claims::{Claims, Mark, Marks};
use crate::dates::Verdict;
use crate::entry::{Entry, EntryId, Held};
use crate::error::{Error, Fault};
use crate::flights::{Flights, GetError, Landing, Loaded};
use crate::planted::planted;
use crate::seed::Random;
use crate::settings::{Look, Settings, StoreDown};
use crate::stats::{Counts, count};
use crate::store::{Found, Lease, Put, Store};

/// What all handles of an aside share.
pub(crate) struct Inner<S: Store, E, F: Flights<S, E>> {
    pub(crate) store: S,
    pub(crate) settings: Settings,
    pub(crate) looks: Group<S::Key, Seen<S, E, F>>,
    pub(crate) loads: F,
    pub(crate) marks: Marks<S::Key>,
    pub(crate) claims: Claims<S::Key>,
    pub(crate) duties: Claims<S::Key>,
    pub(crate) random: Random,
    pub(crate) counts: Counts,
    /// Loads under way while the store is down.
    unprotected: AtomicUsize,
    /// Loads that have ended and were not part of a look's flight.
    pub(crate) elsewhere: AtomicUsize,
}

/// An entry that a caller may have, and why.
pub(crate) type Seen<S, E, F> = Result<(Entry<<S as Store>::Value>, How<E>), GetError<S, E, F>>;

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
    /// It is of use only if a load fails, or not at all.
    Old(Entry<V>),
    /// It is to be served without a load, since one has failed just now.
    Spared(Entry<V>),
    Nothing,
}

/// What is known of a key, or the store's failure.
type Knowledge<S, E> = Result<Known<<S as Store>::Value>, Fault<E, <S as Store>::Error>>;

/// A load that is to run.
pub(crate) struct Task<'a, K, V> {
    /// What stands in the store, and will be put over.
    old: Option<Entry<V>>,
    /// There, if the store is down: nothing is put then.
    permit: Option<Permit<'a>>,
    mark: Mark<'a, K>,
    lease: Lease,
    began: u64,
}

pub(crate) enum Begun<'a, K, V> {
    /// There is no need: this is good enough.
    Needless(Loaded<V>),
    Task(Task<'a, K, V>),
}

impl<S: Store, E, F: Flights<S, E>> Inner<S, E, F> {
    pub(crate) fn new(store: S, loads: F, settings: Settings, seed: u64) -> Self {
        Self {
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
        }
    }

    /// Looks, and loads what is not there.
    pub(crate) async fn look<L>(&self, key: &S::Key, load: &mut Option<L>) -> Seen<S, E, F>
    where
        L: AsyncFnOnce() -> Result<Option<S::Value>, E>,
    {
        let elsewhere = self.elsewhere.load(Ordering::Acquire);
        let first = match self.looked(self.known(key, self.store.get(key).await).await) {
            Ok(Known::Usable(entry)) => return Ok((entry, How::Looked)),
            Ok(Known::Spared(entry)) => return Ok((entry, How::AfterError(None))),
            Err(fault) if self.settings.store_down == StoreDown::Fail => return Err(fault.into()),
            first => first,
        };
        let old = match &first {
            Ok(Known::Old(entry)) => Some(entry.clone()),
            _ => None,
        };
        let rest = &mut *load;
        // In a box: what runs it moves it about. A hit has none.
        let work = Box::pin(async {
            // A flight may have landed since the look: in another process, as a refresh, in a batch;
            // and any, if the look was not in a flight itself.
            let again = self.settings.look == Look::Both && !planted("no-second-look")
                || F::BETWEEN_PROCESSES
                || self.elsewhere.load(Ordering::Acquire) != elsewhere;
            let known = if again {
                self.known(key, self.store.get(key).await).await
            } else {
                first
            };
            self.lead(key, known, None, rest).await
        });
        let answer = self.loads.run(key, work).await;
        if let (true, Ok(Ok(loaded)), None) = (planted("stored-late"), &answer, &load) {
            let (mark, expect) = (self.marks.begin(key), old.as_ref().map(|old| old.id));
            self.put(key, &loaded.entry, expect, Lease::NONE, &mark)
                .await;
        }
        self.seen(answer, old)
    }

    /// Says what a flight's answer is to a caller who has seen an old entry.
    pub(crate) fn seen(
        &self,
        answer: Result<Landing<S, E>, F::Error>,
        old: Option<Entry<S::Value>>,
    ) -> Seen<S, E, F> {
        match answer.map_err(Error::Flight)? {
            Ok(Loaded { entry, anew: true }) => Ok((entry, How::Anew)),
            Ok(Loaded { entry, anew: false }) => Ok((entry, How::Looked)),
            Err(Fault::Load(error)) => match old.filter(|entry| self.is_left(entry)) {
                Some(entry) => Ok((entry, How::AfterError(Some(error)))),
                None => Err(Error::Load(error)),
            },
            Err(fault) => Err(fault.into()),
        }
    }

    /// Whether an entry may still be served where a load has failed.
    pub(crate) fn is_left(&self, entry: &Entry<S::Value>) -> bool {
        self.settings.left(entry, self.settings.now()) > 0
    }

    /// Says what was found, and removes what cannot be read.
    pub(crate) async fn known(
        &self,
        key: &S::Key,
        found: Result<Found<S::Value>, S::Error>,
    ) -> Knowledge<S, E> {
        let counts = &self.counts;
        match found {
            Ok(Found::Entry(entry)) => {
                let verdict = self
                    .settings
                    .judge(&entry, self.settings.now(), &self.random);
                Ok(match verdict {
                    Verdict::Usable { .. } => Known::Usable(entry),
                    Verdict::Fallback { wait: true } => Known::Spared(entry),
                    Verdict::Fallback { .. } | Verdict::Gone => Known::Old(entry),
                })
            }
            Ok(Found::Nothing) => Ok(Known::Nothing),
            Ok(Found::Unreadable) => {
                count(&counts.unreadable);
                if self.store.remove(key).await.is_err() {
                    count(&counts.remove_failures);
                }
                Ok(Known::Nothing)
            }
            Err(_) if planted("a-broken-store-is-a-miss") => Ok(Known::Nothing),
            Err(error) => {
                count(&counts.get_failures);
                Err(Fault::Store(Arc::new(error)))
            }
        }
    }

    /// Counts a call's first look: a second one is no other miss.
    pub(crate) fn looked(&self, known: Knowledge<S, E>) -> Knowledge<S, E> {
        let counts = &self.counts;
        match &known {
            Ok(Known::Usable(Entry {
                held: Held::Absent, ..
            })) => count(&counts.absent_hits),
            Ok(Known::Usable(_)) => count(&counts.hits),
            Ok(_) => count(&counts.misses),
            Err(_) => {}
        }
        known
    }

    /// Runs the load of one key, and stores what it finds. `refreshes` is the entry that is not
    /// good enough.
    pub(crate) async fn lead<L>(
        &self,
        key: &S::Key,
        known: Knowledge<S, E>,
        refreshes: Option<EntryId>,
        load: &mut Option<L>,
    ) -> Landing<S, E>
    where
        L: AsyncFnOnce() -> Result<Option<S::Value>, E>,
    {
        let mut task = match self.begin(key, known, refreshes)? {
            Begun::Needless(loaded) => return Ok(loaded),
            Begun::Task(task) => task,
        };
        let _elsewhere = refreshes.is_some().then(|| {
            count(&self.counts.refreshes);
            Elsewhere(&self.elsewhere)
        });
        count(&self.counts.loads);
        let load = load.take().expect("a call loads once");
        let loaded = load().await;
        if refreshes.is_some() && planted("a-refresh-ignores-an-invalidation") {
            task.mark = self.marks.begin(key);
        }
        let now = self.settings.now();
        self.end(key, task, loaded.map_err(Arc::new), now).await
    }

    #[expect(clippy::type_complexity, reason = "it names what it is made of")]
    /// Begins a load, if what is known calls for one.
    pub(crate) fn begin(
        &self,
        key: &S::Key,
        known: Knowledge<S, E>,
        refreshes: Option<EntryId>,
    ) -> Result<Begun<'_, S::Key, S::Value>, Fault<E, S::Error>> {
        let (old, permit) = match known {
            Ok(Known::Usable(entry)) if refreshes != Some(entry.id) => {
                return Ok(Begun::Needless(Loaded { entry, anew: false }));
            }
            Ok(Known::Usable(entry) | Known::Old(entry) | Known::Spared(entry)) => {
                (Some(entry), None)
            }
            Ok(Known::Nothing) => (None, None),
            Err(fault) => (None, Some(self.permit().ok_or(fault)?)),
        };
        Ok(Begun::Task(Task {
            old,
            permit,
            mark: self.marks.begin(key),
            lease: self.loads.lease(key),
            began: self.settings.now(),
        }))
    }

    /// Ends a load: makes an entry of what it has found, and stores that if it may be stored. If it
    /// has failed, that is written down beside the old value, whose dates stay.
    pub(crate) async fn end(
        &self,
        key: &S::Key,
        task: Task<'_, S::Key, S::Value>,
        loaded: Result<Option<S::Value>, Arc<E>>,
        now: u64,
    ) -> Landing<S, E> {
        let expect = task.old.as_ref().map(|old| old.id);
        let (entry, landing) = match loaded {
            Ok(found) => {
                let entry = Entry {
                    id: EntryId(self.random.draw()),
                    held: found.into(),
                    made: now,
                    took: now.saturating_sub(task.began),
                    failures: 0,
                    tried: 0,
                };
                (Some(entry.clone()), Ok(Loaded { entry, anew: true }))
            }
            Err(error) => {
                count(&self.counts.load_failures);
                let failed = |old: Entry<_>| Entry {
                    failures: old.failures.saturating_add(1),
                    tried: now,
                    made: if planted("a-failure-renews") {
                        now
                    } else {
                        old.made
                    },
                    ..old
                };
                (task.old.map(failed), Err(Fault::Load(error)))
            }
        };
        if let (Some(entry), None, false) = (entry, &task.permit, planted("stored-late")) {
            self.put(key, &entry, expect, task.lease, &task.mark).await;
        }
        landing
    }

    /// Puts an entry, unless the key was invalidated since the load began.
    async fn put(
        &self,
        key: &S::Key,
        entry: &Entry<S::Value>,
        mut expect: Option<EntryId>,
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
        if planted("absence-over-a-value") {
            if let (Held::Absent, Ok(Found::Entry(old))) = (&entry.held, self.store.get(key).await)
            {
                expect = Some(old.id);
            }
        }
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

/// A load that no look's flight is part of, until it has ended or was dropped.
pub(crate) struct Elsewhere<'a>(pub(crate) &'a AtomicUsize);

impl Drop for Elsewhere<'_> {
    fn drop(&mut self) {
        // Pairs with the loads in `look`.
        self.0.fetch_add(1, Ordering::Release);
    }
}

/// One of the loads that are allowed while the store is down.
pub(crate) struct Permit<'a>(&'a AtomicUsize);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<E> Clone for How<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Looked => Self::Looked,
            Self::Anew => Self::Anew,
            Self::AfterError(error) => Self::AfterError(error.clone()),
        }
    }
}
