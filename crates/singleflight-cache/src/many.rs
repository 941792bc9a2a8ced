//! Gets for many keys.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use hashbrown::{HashMap, HashSet};
use singleflight_core::DefaultHashBuilder;

use crate::claims::Claim;
use crate::dates::Verdict;
use crate::entry::Entry;
use crate::flights::{Batch, Flights, GetError, Landing};
use crate::get::Aside;
use crate::load::{Begun, Elsewhere, How, Inner, Known, Seen};
use crate::settings::StoreDown;
use crate::stats::count;
use crate::store::Store;

/// The old entry of a key, with the duty to refresh it where that is why the key is loaded.
type Olds<S> =
    Map<<S as Store>::Key, (Entry<<S as Store>::Value>, Option<Claim<<S as Store>::Key>>)>;

type Map<K, V> = HashMap<K, V, DefaultHashBuilder>;

/// An answer for each key.
type Answers<S, E, F> = Vec<(<S as Store>::Key, Seen<S, E, F>)>;

impl<S: Store, E, F: Flights<S, E>> Aside<S, E, F> {
    /// Returns the values of many keys, one answer for each: `load` is given those that neither
    /// the store nor anybody else's load has, in one call, and returns what it has found. A key
    /// that it does not return has no value, and that is stored.
    ///
    /// The store is asked for all keys, and once more for those that are to be loaded. Values that
    /// are found due for a refresh are loaded with the others.
    ///
    /// # Errors
    ///
    /// Each key has an error of its own, as [`get`](Self::get) has. A load that fails concerns the
    /// keys that it was given.
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
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::Builder;
    ///
    /// let aside = Builder::new(Map::default()).build();
    /// let load = async |ids: Vec<u64>| {
    ///     let found = ids.into_iter().filter(|id| *id != 2);
    ///     Ok::<_, std::io::Error>(found.map(|id| (id, format!("name {id}"))).collect())
    /// };
    /// let mut names = aside.get_many([1, 2], load).await;
    /// names.sort_by_key(|(id, _)| *id);
    /// let names: Vec<_> = names.into_iter().map(|(_, name)| name.unwrap()).collect();
    /// assert_eq!(names, [Some("name 1".to_owned()), None]);
    /// # });
    /// ```
    pub async fn get_many<L>(
        &self,
        keys: impl IntoIterator<Item = S::Key>,
        load: L,
    ) -> Vec<(S::Key, Result<Option<S::Value>, GetError<S, E, F>>)>
    where
        L: AsyncFnOnce(Vec<S::Key>) -> Result<Vec<(S::Key, S::Value)>, E> + Clone,
    {
        let inner = &*self.0;
        let mut named = HashSet::with_hasher(DefaultHashBuilder::default());
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.retain(|key| named.insert(key.clone()));
        let mut answers = Vec::with_capacity(keys.len());
        while !keys.is_empty() {
            let (wanted, mut olds) = inner.look_many(keys, &mut answers).await;
            if !wanted.is_empty() {
                let work = Work(inner, &olds, &load);
                let landed = inner.loads.run_many(wanted, work).await;
                answers.extend(landed.into_iter().map(|(key, answer)| {
                    let old = olds.remove(&key).map(|(entry, _)| entry);
                    (key, inner.seen(answer, old))
                }));
            }
            // What was found at first may have got too old while the rest was loaded.
            keys = inner.take_expired(&mut answers);
        }
        let value = |(entry, how): (Entry<S::Value>, How<E>)| {
            if matches!(how, How::AfterError(_)) {
                count(&inner.counts.served_after_error);
            }
            entry.held.into_value()
        };
        let answers = answers.into_iter();
        answers.map(|(key, seen)| (key, seen.map(value))).collect()
    }
}

/// The work of a batch.
struct Work<'a, S: Store, E, F: Flights<S, E>, L>(&'a Inner<S, E, F>, &'a Olds<S>, &'a L);

impl<S, E, F, L> Batch<S, E> for Work<'_, S, E, F, L>
where
    S: Store,
    F: Flights<S, E>,
    L: AsyncFnOnce(Vec<S::Key>) -> Result<Vec<(S::Key, S::Value)>, E> + Clone,
{
    async fn load(self, keys: Vec<S::Key>) -> Vec<(S::Key, Landing<S, E>)> {
        Box::pin(self.0.lead_many(keys, self.1, self.2.clone())).await
    }
}

impl<S: Store, E, F: Flights<S, E>, L> Clone for Work<'_, S, E, F, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Store, E, F: Flights<S, E>, L> Copy for Work<'_, S, E, F, L> {}

impl<S: Store, E, F: Flights<S, E>> Inner<S, E, F> {
    /// Answers what the store has. Returns the keys that are to be loaded, and what stands there.
    async fn look_many(
        &self,
        keys: Vec<S::Key>,
        answers: &mut Answers<S, E, F>,
    ) -> (Vec<S::Key>, Olds<S>) {
        let found = self.store.get_many(&keys).await;
        let (mut wanted, mut olds) = (Vec::new(), Map::default());
        for (key, found) in keys.into_iter().zip(found) {
            let seen = match self.looked(self.known(&key, found).await) {
                Ok(Known::Usable(entry)) => match self.duty(&key, &entry) {
                    None => Ok((entry, How::Looked)),
                    Some(duty) => {
                        olds.insert(key.clone(), (entry, Some(duty)));
                        wanted.push(key);
                        continue;
                    }
                },
                Ok(Known::Spared(entry)) => Ok((entry, How::AfterError(None))),
                Err(fault) if self.settings.store_down == StoreDown::Fail => Err(fault.into()),
                known => {
                    if let Ok(Known::Old(entry)) = known {
                        olds.insert(key.clone(), (entry, None));
                    }
                    wanted.push(key);
                    continue;
                }
            };
            answers.push((key, seen));
        }
        (wanted, olds)
    }

    /// Takes the duty to refresh an entry, if it is due and nobody has it.
    fn duty(&self, key: &S::Key, entry: &Entry<S::Value>) -> Option<Claim<S::Key>> {
        let verdict = self
            .settings
            .judge(entry, self.settings.now(), &self.random);
        let is_due = matches!(verdict, Verdict::Usable { due: true, .. });
        is_due.then(|| self.duties.try_claim(key)).flatten()
    }

    /// Looks again, loads the rest by one call, and stores what it finds.
    async fn lead_many(
        &self,
        keys: Vec<S::Key>,
        olds: &Olds<S>,
        load: impl AsyncFnOnce(Vec<S::Key>) -> Result<Vec<(S::Key, S::Value)>, E>,
    ) -> Vec<(S::Key, Landing<S, E>)> {
        let found = self.store.get_many(&keys).await;
        let (mut landing, mut tasks) = (Vec::with_capacity(keys.len()), Vec::new());
        let mut all = Vec::with_capacity(keys.len());
        for (key, found) in keys.into_iter().zip(found) {
            let known = self.known(&key, found).await;
            all.push((key, known));
        }
        for (key, known) in all {
            let refreshes = olds.get(&key).filter(|(_, duty)| duty.is_some());
            match self.begin(&key, known, refreshes.map(|(entry, _)| entry.id)) {
                Ok(Begun::Task(task)) => tasks.push((key, task)),
                Ok(Begun::Needless(loaded)) => landing.push((key, Ok(loaded))),
                Err(fault) => landing.push((key, Err(fault))),
            }
        }
        if tasks.is_empty() {
            return landing;
        }
        let _elsewhere = Elsewhere(&self.elsewhere);
        count(&self.counts.loads);
        let keys = tasks.iter().map(|(key, _)| key.clone()).collect();
        let loaded = load(keys).await.map_err(Arc::new);
        let now = self.settings.now();
        let mut loaded = loaded.map(|found| found.into_iter().collect::<Map<_, _>>());
        for (key, task) in tasks {
            let loaded = match &mut loaded {
                Ok(found) => Ok(found.remove(&key)),
                Err(error) => Err(Arc::clone(error)),
            };
            let landed = self.end(&key, task, loaded, now).await;
            landing.push((key, landed));
        }
        landing
    }

    /// Takes out what has got too old, and returns its keys.
    fn take_expired(&self, answers: &mut Answers<S, E, F>) -> Vec<S::Key> {
        let is_served = |entry: &Entry<_>| {
            let verdict = self
                .settings
                .judge(entry, self.settings.now(), &self.random);
            matches!(verdict, Verdict::Usable { .. })
        };
        let is_good = |(_, seen): &(S::Key, Seen<S, E, F>)| match seen {
            Ok((entry, How::AfterError(_))) => self.is_left(entry),
            Ok((entry, How::Looked)) => is_served(entry),
            Ok((_, How::Anew)) | Err(_) => true,
        };
        let (good, expired) = mem::take(answers).into_iter().partition(is_good);
        *answers = good;
        let expired: Answers<S, E, F> = expired;
        expired.into_iter().map(|(key, _)| key).collect()
    }
}
