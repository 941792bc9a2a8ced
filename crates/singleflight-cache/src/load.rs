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

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use hashbrown::HashMap;
use singleflight_core::{DefaultHashBuilder, Role};

use crate::claims::Claim;
use crate::dates::Age;
use crate::entry::Entry;
use crate::error::{Error, Fault};
use crate::flights::{Flights, GetError, Landing, Loaded};
use crate::got::{Freshness, Got};
use crate::inner::{Inner, Sight};
use crate::on_drop::OnDrop;
use crate::planted::planted;
use crate::stats::count;
use crate::store::{Found, Store};
use crate::task::Task;

pub(crate) type Map<K, V> = HashMap<K, V, DefaultHashBuilder>;

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
}
