//! Gets for many keys.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::Future;

use hashbrown::{HashMap, HashSet};
use singleflight_core::DefaultHashBuilder;

use crate::aside::{Aside, GetError, How, Inner, Known, Lack, Seen, Sight};
use crate::builder::StoreDown;
use crate::dates::Verdict;
use crate::entry::Entry;
use crate::error::{Error, Fault};
use crate::flights::{Claim, Flights, Landed, Lease, Loaded};
use crate::stats::count;
use crate::store::Store;

/// An old entry that stands for a key, with the duty to refresh it where that is why it is loaded.
struct Old<K, V> {
    entry: Entry<V>,
    duty: Option<Claim<K>>,
}

type Map<K, V> = HashMap<K, V, DefaultHashBuilder>;

/// An answer for each key.
type Answers<S, E, F> = Vec<(<S as Store>::Key, Sight<S, E, F>)>;

impl<S, E, F> Aside<S, E, F>
where
    S: Store,
    F: Flights<S::Key, Loaded<S::Value>, Fault<E, S::Error>>,
{
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
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.rs")); }
    /// # use map::Map;
    /// use singleflight_cache::Builder;
    ///
    /// let aside = Builder::new(Map::default()).build();
    /// let load = async |ids: Vec<u64>| {
    ///     let found = ids.into_iter().filter(|id| *id != 2);
    ///     Ok::<_, std::io::Error>(found.map(|id| (id, format!("name {id}"))))
    /// };
    /// let mut names = aside.get_many([1, 2], load).await;
    /// names.sort_by_key(|(id, _)| *id);
    /// let names: Vec<_> = names.into_iter().map(|(_, name)| name.unwrap()).collect();
    /// assert_eq!(names, [Some("name 1".to_owned()), None]);
    /// # });
    /// ```
    pub async fn get_many<I, L, T, R>(
        &self,
        keys: I,
        load: L,
    ) -> Vec<(S::Key, Result<Option<S::Value>, GetError<S, E, F>>)>
    where
        I: IntoIterator<Item = S::Key>,
        L: Fn(Vec<S::Key>) -> T,
        T: Future<Output = Result<R, E>>,
        R: IntoIterator<Item = (S::Key, S::Value)>,
    {
        let inner = &*self.0;
        let mut named = HashSet::with_hasher(DefaultHashBuilder::default());
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.retain(|key| named.insert(key.clone()));
        let mut answers = Vec::with_capacity(keys.len());
        while !keys.is_empty() {
            let (wanted, olds) = inner.look_many(keys, &mut answers).await;
            if !wanted.is_empty() {
                let work = |keys, lease| inner.lead_many(keys, lease, &olds, &load);
                let landed = inner.loads.run_many(wanted, work).await;
                inner.sort_out(landed, &olds, &mut answers);
            }
            // What was found at first may have got too old while the rest was loaded.
            keys = inner.take_expired(&mut answers);
        }
        let value = |seen: Seen<S::Value, E>| seen.entry.held.into_value();
        let answers = answers.into_iter();
        answers.map(|(key, seen)| (key, seen.map(value))).collect()
    }
}

impl<S, E, F> Inner<S, E, F>
where
    S: Store,
    F: Flights<S::Key, Loaded<S::Value>, Fault<E, S::Error>>,
{
    /// Answers what the store has. Returns the keys that are to be loaded, and what stands there.
    async fn look_many(
        &self,
        keys: Vec<S::Key>,
        answers: &mut Answers<S, E, F>,
    ) -> (Vec<S::Key>, Map<S::Key, Old<S::Key, S::Value>>) {
        let found = self.store.get_many(&keys).await;
        let (mut wanted, mut olds) = (Vec::new(), Map::default());
        for (key, found) in keys.into_iter().zip(found) {
            let (entry, duty) = match self.known(&key, found).await {
                Ok(Known::Usable(entry)) => {
                    let verdict = self
                        .settings
                        .judge(&entry, self.settings.now(), &self.random);
                    let is_due = matches!(verdict, Verdict::Usable { due: true, .. });
                    let Some(duty) = is_due.then(|| self.duties.try_claim(&key)).flatten() else {
                        answers.push((
                            key,
                            Ok(Seen {
                                entry,
                                how: How::Looked,
                            }),
                        ));
                        continue;
                    };
                    (Some(entry), Some(duty))
                }
                Ok(Known::Lacking {
                    old: Some(old),
                    wait: true,
                }) => {
                    count(&self.counts.served_after_error);
                    answers.push((
                        key,
                        Ok(Seen {
                            entry: old,
                            how: How::AfterError(None),
                        }),
                    ));
                    continue;
                }
                Ok(Known::Lacking { old, .. }) => (old, None),
                Err(error) if self.settings.store_down == StoreDown::Fail => {
                    answers.push((key, Err(Error::Store(Arc::new(error)))));
                    continue;
                }
                Err(_) => (None, None),
            };
            if let Some(entry) = entry {
                olds.insert(key.clone(), Old { entry, duty });
            }
            wanted.push(key);
        }
        (wanted, olds)
    }

    /// Looks again, loads the rest by one call, and stores what it finds.
    async fn lead_many<L, T, R>(
        &self,
        keys: Vec<S::Key>,
        lease: Lease,
        olds: &Map<S::Key, Old<S::Key, S::Value>>,
        load: &L,
    ) -> Vec<(S::Key, Result<Loaded<S::Value>, Fault<E, S::Error>>)>
    where
        L: Fn(Vec<S::Key>) -> T,
        T: Future<Output = Result<R, E>>,
        R: IntoIterator<Item = (S::Key, S::Value)>,
    {
        let found = self.store.get_many(&keys).await;
        let (mut landing, mut lacking) = (Vec::with_capacity(keys.len()), Vec::new());
        for (key, found) in keys.into_iter().zip(found) {
            let known = self.known(&key, found).await;
            let old = olds.get(&key).filter(|old| old.duty.is_some());
            match self.lacks(known, old.map(|old| old.entry.id)) {
                Ok(Lack::Nothing(entry)) => landing.push((key, Ok(Loaded { entry, anew: false }))),
                Ok(Lack::Load(old)) => lacking.push((key, old, None)),
                Ok(Lack::LoadOnly(permit)) => lacking.push((key, None, Some(permit))),
                Err(fault) => landing.push((key, Err(fault))),
            }
        }
        if lacking.is_empty() {
            return landing;
        }
        count(&self.counts.loads);
        let keys: Vec<_> = lacking.iter().map(|(key, ..)| key.clone()).collect();
        let marks: Vec<_> = keys.iter().map(|key| self.marks.begin(key)).collect();
        let began = self.settings.now();
        let loaded = match load(keys).await {
            Ok(found) => Ok(found.into_iter().collect::<Map<_, _>>()),
            Err(error) => Err(Arc::new(error)),
        };
        if loaded.is_err() {
            count(&self.counts.load_failures);
        }
        let mut loaded = loaded;
        for ((key, old, permit), mark) in lacking.into_iter().zip(&marks) {
            let putting = permit.is_none().then_some(mark);
            let result = match &mut loaded {
                Ok(found) => {
                    let value = found.remove(&key);
                    Ok(self.keep(&key, lease, value, began, old, putting).await)
                }
                Err(error) => {
                    self.keep_failure(&key, lease, old, putting).await;
                    Err(Fault::Load(Arc::clone(error)))
                }
            };
            landing.push((key, result));
        }
        self.ended_elsewhere();
        landing
    }

    #[expect(clippy::type_complexity, reason = "it names what it is made of")]
    /// Answers what has landed.
    fn sort_out(
        &self,
        landed: Vec<(
            S::Key,
            Landed<Loaded<S::Value>, Fault<E, S::Error>, F::Error>,
        )>,
        olds: &Map<S::Key, Old<S::Key, S::Value>>,
        answers: &mut Answers<S, E, F>,
    ) {
        for (key, answer) in landed {
            let old = olds.get(&key).map(|old| old.entry.clone());
            let seen = self.seen(answer, old);
            if matches!(
                seen,
                Ok(Seen {
                    how: How::AfterError(_),
                    ..
                })
            ) {
                count(&self.counts.served_after_error);
            }
            answers.push((key, seen));
        }
    }

    /// Takes out what has got too old, and returns its keys.
    fn take_expired(&self, answers: &mut Answers<S, E, F>) -> Vec<S::Key> {
        let now = self.settings.now();
        let is_expired = |seen: &Sight<S, E, F>| match seen {
            Ok(Seen {
                entry,
                how: How::AfterError(_),
            }) => self.settings.left(entry, now) == 0,
            Ok(Seen {
                entry,
                how: How::Looked,
            }) => {
                let verdict = self.settings.judge(entry, now, &self.random);
                !matches!(verdict, Verdict::Usable { .. })
            }
            Ok(Seen { how: How::Anew, .. }) | Err(_) => false,
        };
        let mut expired = Vec::new();
        answers.retain(|(key, seen)| {
            let is_expired = is_expired(seen);
            if is_expired {
                expired.push(key.clone());
            }
            !is_expired
        });
        expired
    }
}
