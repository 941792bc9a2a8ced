//! What a get is made of. Something is known of a key; a look or a flight makes that better, until it
//! can be served.
//!
//! ```text
//!     look --> known --> judged --> served          if it is due, one caller has the duty to refresh it
//!                ^         |
//!                |         | of no use              a miss; or this caller's duty
//!                |         v
//!                +--- flight of the key             its leader looks again if need be, loads, puts
//! ```
//!
//! | state | where | changed by |
//! |---|---|---|
//! | a look of several callers | `looks` | its leader; `invalidate` forgets |
//! | the load of a key | `loads` | its leader; `invalidate` forgets |
//! | whether a load may be stored | `marks` | a load takes its key's, `invalidate` voids it |
//! | who may put or remove | `claims` | a load for its put, `invalidate` for its removal: one at a time |
//! | who refreshes | `duties` | the reader that finds a value due, until its refresh has ended |
//!
//! A load takes its mark, then the claim, then asks its mark, then puts. An invalidation takes the claim,
//! removes, voids the marks, and then forgets: a look that saw the old entry is joined by nobody who
//! comes later. What was looked at before the mark was taken may have been removed since, and is
//! not written again if the load fails: the counts of `changes` tell.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use hashbrown::HashMap;
use singleflight_core::{DefaultHashBuilder, Group, Role};

use crate::changes::Changes;
use crate::claims::{Claim, Claims};
use crate::dates::Age;
use crate::entry::{Entry, EntryId, Held};
use crate::error::{Error, Fault};
use crate::flights::{Flights, GetError, Landing, Loaded};
use crate::got::{Freshness, Got};
use crate::on_drop::OnDrop;
use crate::planted::planted;
use crate::seed::Random;
use crate::settings::Settings;
use crate::stats::{Counts, count};
use crate::store::{Found, Put, Store};
use crate::task::Task;

pub(crate) type Map<K, V> = HashMap<K, V, DefaultHashBuilder>;

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

/// What the store has for a key, of whatever age.
pub(crate) type Sight<S> = Result<Option<Entry<<S as Store>::Value>>, Arc<<S as Store>::Error>>;

/// What a caller knows of a key.
pub(crate) struct Known<S: Store, E, F: Flights<S, E>> {
    pub(crate) sight: Sight<S>,
    /// Why there is nothing better.
    pub(crate) error: Option<GetError<S, E, F>>,
    /// Whether it was loaded since the call came. Then its age does not matter.
    anew: bool,
    /// How many changes there had been before the look, if it was nobody else's too.
    since: Option<usize>,
    /// The duty to refresh it.
    pub(crate) duty: Option<Claim<S::Key>>,
}

impl<S: Store, E, F: Flights<S, E>> Known<S, E, F> {
    pub(crate) fn new(sight: Sight<S>, since: Option<usize>, duty: Option<Claim<S::Key>>) -> Self {
        Self {
            sight,
            error: None,
            anew: false,
            since,
            duty,
        }
    }

    pub(crate) fn entry(&self) -> Option<&Entry<S::Value>> {
        self.sight.as_ref().ok()?.as_ref()
    }

    /// Takes in what a flight has come to, or that somebody else is at it.
    pub(crate) fn land(&mut self, answer: Option<Result<Landing<S, E>, F::Error>>) {
        (self.since, self.duty) = (None, None);
        match answer {
            Some(Ok(Ok(Loaded { entry, anew }))) => {
                (self.sight, self.anew) = (Ok(Some(entry)), anew);
            }
            Some(Ok(Err(fault))) => self.error = Some(fault.into()),
            Some(Err(error)) => self.error = Some(Error::Flight(error)),
            None => {}
        }
    }
}

impl<S: Store, E, F: Flights<S, E>> Inner<S, E, F> {
    /// Looks a key up, or waits for somebody's look.
    pub(crate) async fn look(
        &self,
        key: &S::Key,
        since: Option<usize>,
    ) -> Result<Known<S, E, F>, GetError<S, E, F>> {
        let look = async || self.sight(key, self.store.get(key).await).await;
        let seen = self.looks.run_outcome(key, look).await;
        let seen = seen.map_err(|error| Error::Flight(error.into()))?;
        let since = since.filter(|_| seen.role == Role::Leader);
        Ok(Known::new(seen.value, since, None))
    }

    /// Says what was found, and removes what cannot be read.
    pub(crate) async fn sight(
        &self,
        key: &S::Key,
        found: Result<Found<S::Value>, S::Error>,
    ) -> Sight<S> {
        match found {
            Ok(Found::Entry(entry)) => Ok(Some(entry)),
            Ok(Found::Nothing) => Ok(None),
            Ok(Found::Unreadable) => {
                count(&self.counts.unreadable);
                if self.store.remove(key).await.is_err() {
                    count(&self.counts.remove_failures);
                }
                Ok(None)
            }
            Err(_) if planted("a-broken-store-is-a-miss") => Ok(None),
            Err(error) => {
                count(&self.counts.get_failures);
                Err(Arc::new(error))
            }
        }
    }

    /// Says how an entry may be served, and counts that, if nothing else is to be done about it: it is
    /// not due for a refresh, whatever is drawn, or another caller has the duty.
    #[inline]
    pub(crate) fn at_once(
        &self,
        key: &S::Key,
        entry: &Entry<S::Value>,
        now: u64,
    ) -> Option<Freshness<E>> {
        let freshness = match self.settings.age(entry, now) {
            Age::Fresh => Freshness::Fresh,
            Age::Stale => Freshness::Stale,
            Age::Old | Age::Gone => return None,
        };
        if self.settings.is_due(entry, now, || 0) && !self.duties.is_claimed(key) {
            return None;
        }
        self.counts.hit(entry);
        Some(freshness)
    }

    /// Judges what a look has found, counts that, and takes the duty to refresh it if it is due.
    pub(crate) fn looked(
        &self,
        key: &S::Key,
        known: &mut Known<S, E, F>,
        now: u64,
    ) -> Result<Option<Freshness<E>>, GetError<S, E, F>> {
        let judged = self.judge(known, now)?;
        match (known.entry(), &judged) {
            (Some(entry), Some(_)) => {
                self.counts.hit(entry);
                if self.settings.is_due(entry, now, || self.random.draw()) {
                    // It may be refreshed at any later time, and is looked for again then.
                    (known.duty, known.since) = (self.duties.try_claim(key), None);
                }
            }
            _ if known.sight.is_ok() => count(&self.counts.misses),
            _ => {}
        }
        Ok(judged)
    }

    /// Says how what is known may be served. If it may not, it has to be loaded.
    pub(crate) fn judge(
        &self,
        known: &Known<S, E, F>,
        now: u64,
    ) -> Result<Option<Freshness<E>>, GetError<S, E, F>> {
        let judged = known.entry().and_then(|entry| {
            match (self.settings.age(entry, now), &known.error) {
                _ if known.anew => Some(Freshness::Fresh),
                (Age::Fresh, _) => Some(Freshness::Fresh),
                (Age::Stale, _) => Some(Freshness::Stale),
                (Age::Old, Some(Error::Load(error))) => {
                    Some(Freshness::AfterError(Some(Arc::clone(error))))
                }
                // Another load has failed just now.
                (Age::Old, None) if !self.settings.may_try(entry, now) => {
                    Some(Freshness::AfterError(None))
                }
                _ => None,
            }
        });
        match (judged, &known.error, &known.sight) {
            (None, Some(error), _) => Err(error.clone()),
            (None, None, Err(down)) if self.settings.unprotected == 0 => {
                Err(Error::Store(Arc::clone(down)))
            }
            (judged, ..) => Ok(judged),
        }
    }

    /// Makes an answer of an entry, and counts that.
    pub(crate) fn serve<R>(
        &self,
        entry: Option<Entry<S::Value>>,
        freshness: Freshness<E>,
        now: u64,
    ) -> Got<S::Value, E, R> {
        match freshness {
            Freshness::Fresh => {}
            Freshness::Stale => count(&self.counts.served_stale),
            Freshness::AfterError(_) => count(&self.counts.served_after_error),
        }
        let age = entry.as_ref().map(|entry| now.saturating_sub(entry.made));
        Got {
            value: entry.and_then(|entry| entry.held.into_value()),
            age: Duration::from_millis(age.unwrap_or_default()),
            freshness,
            refresh: None,
        }
    }

    /// Loads one key, or waits for the one who does. A caller with the duty to refresh it does not
    /// wait.
    pub(crate) async fn load<L>(
        &self,
        key: &S::Key,
        known: &mut Known<S, E, F>,
        load: &mut Option<L>,
    ) where
        L: AsyncFnOnce() -> Result<Option<S::Value>, E>,
    {
        let (before, rest) = (&*known, &mut *load);
        // In a box: what runs it moves it about.
        let work = Box::pin(async {
            let one = async |keys: Vec<S::Key>| {
                let load = rest.take().expect("a call loads once");
                let found = load().await?;
                Ok(keys.into_iter().zip(found).collect())
            };
            let keys = Vec::from([key.clone()]);
            let landed = self.lead(keys, |_| Some(before), one).await;
            landed
                .into_iter()
                .next()
                .expect("each key has its answer")
                .1
        });
        let answer = if before.duty.is_some() {
            self.loads.try_lead(key, work).await
        } else {
            Some(self.loads.run(key, work).await)
        };
        if let (true, Some(Ok(Ok(loaded))), None) = (planted("stored-late"), &answer, load) {
            let task = Task::new(key.clone(), known.entry().cloned());
            let task = self.begin(task, self.changes.of(key));
            self.put(&task, &loaded.entry).await;
        }
        known.land(answer);
    }

    /// Loads by one call keys that nobody else is loading, and stores what it finds.
    pub(crate) async fn lead<'k, L>(
        &self,
        keys: Vec<S::Key>,
        known: impl Fn(&S::Key) -> Option<&'k Known<S, E, F>>,
        load: L,
    ) -> Vec<(S::Key, Landing<S, E>)>
    where
        L: AsyncFnOnce(Vec<S::Key>) -> Result<Vec<(S::Key, S::Value)>, E>,
        S: 'k,
        E: 'k,
        F: 'k,
    {
        let voided: Vec<_> = keys.iter().map(|key| self.changes.of(key)).collect();
        let (changes, began) = (self.changes.all(), self.settings.now());
        let _ended = OnDrop(|| self.changes.ended());
        // Where a load has ended since somebody looked, it may have stored the value; where a key was
        // invalidated, what was seen is gone.
        let is_last = |since| since == changes || planted("no-second-look");
        let is_known = |key| known(key).is_some_and(|known| known.since.is_some_and(is_last));
        let mut again = if keys.iter().all(is_known) && !F::BETWEEN_PROCESSES {
            Vec::new().into_iter()
        } else {
            self.store.get_many(&keys).await.into_iter()
        };
        let (mut landings, mut tasks, mut permits) = (Vec::new(), Vec::new(), Vec::new());
        for (key, voided) in keys.into_iter().zip(voided) {
            let known = known(&key);
            let sight = match again.next() {
                Some(found) => self.sight(&key, found).await,
                None => known.map_or(Ok(None), |known| known.sight.clone()),
            };
            let due = known.filter(|known| known.duty.is_some());
            let due = due.and_then(Known::entry).map(|old| old.id);
            match sight {
                Ok(Some(entry)) if self.settings.will_do(&entry, due, began) => {
                    landings.push((key, Ok(Loaded { entry, anew: false })));
                }
                Ok(old) => tasks.push((Task::new(key, old), Some(voided))),
                Err(down) => match self.permit() {
                    Some(permit) => {
                        permits.push(permit);
                        tasks.push((Task::new(key, None), None));
                    }
                    None => landings.push((key, Err(Fault::Store(down)))),
                },
            }
        }
        if tasks.is_empty() {
            return landings;
        }
        // Nothing is waited for from here to the load: no invalidation that has ended before it voids it.
        let ready = |(task, voided): (Task<_, _>, Option<_>)| match voided {
            Some(voided) => self.begin(task, voided),
            None => task,
        };
        let tasks: Vec<_> = tasks.into_iter().map(ready).collect();
        count(&self.counts.loads);
        let is_served = |old: &Entry<_>| self.settings.age(old, began) <= Age::Stale;
        let is_refresh = |task: &Task<_, _>| task.old.as_ref().is_some_and(is_served);
        if tasks.iter().any(is_refresh) {
            count(&self.counts.refreshes);
        }
        let keys = tasks.iter().map(|task| task.key.clone()).collect();
        let loaded = load(keys).await.map_err(Arc::new);
        let now = self.settings.now();
        if loaded.is_err() {
            count(&self.counts.load_failures);
        }
        let mut loaded = loaded.map(|found| found.into_iter().collect::<Map<_, _>>());
        for mut task in tasks {
            if is_refresh(&task) && planted("a-refresh-ignores-an-invalidation") {
                task.mark = self.marks.take(&task.key);
            }
            let loaded = match &mut loaded {
                Ok(found) => Ok(found.remove(&task.key)),
                Err(error) => Err(Arc::clone(error)),
            };
            let landed = self.end(&task, loaded, began, now).await;
            landings.push((task.key, landed));
        }
        landings
    }

    /// Ends a load: makes an entry of what it has found, and stores that. If it has failed, that is
    /// written down beside the old value, whose dates stay.
    async fn end(
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

    /// Lets a load be stored. `voided` was counted before what it knows was seen.
    fn begin(&self, task: Task<S::Key, S::Value>, voided: usize) -> Task<S::Key, S::Value> {
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

    /// Puts an entry, unless the key was invalidated since the load began. What is of no use is not put, but
    /// the old value goes.
    async fn put(&self, task: &Task<S::Key, S::Value>, entry: &Entry<S::Value>) {
        let (counts, key) = (&self.counts, &task.key);
        let left = self.settings.left(entry, self.settings.now());
        let is_newer = task.expect.is_some_and(|old| old != entry.id);
        let Some(mark) = task.mark.as_ref().filter(|_| left > 0 || is_newer) else {
            return;
        };
        // Without a claim nobody may put: it is as if the put had failed.
        let Ok(claim) = self.claims.claim(key).await else {
            return count(&counts.put_failures);
        };
        // With the claim in its hand: an invalidation that comes now waits until the put has ended.
        if mark.is_void() && !planted("puts-what-is-void") {
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

    /// Takes one of the loads that are allowed while the store is down.
    fn permit(&self) -> Option<OnDrop<impl Fn()>> {
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
