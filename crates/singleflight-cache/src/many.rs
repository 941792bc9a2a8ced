//! Gets for many keys.

use alloc::boxed::Box;
use alloc::vec::Vec;

use hashbrown::HashSet;
use singleflight_core::DefaultHashBuilder;

use crate::flights::{Batch, Flights, GetError, Landing};
use crate::get::Aside;
use crate::inner::Inner;
use crate::load::{Known, Map};
use crate::store::Store;

impl<S: Store, E, F: Flights<S, E>> Aside<S, E, F> {
    /// Returns the values of many keys, one answer for each: `load` is given those that neither
    /// the store nor anybody else's load has, in one call, and returns what it has found. A key
    /// that it does not return has no value, and that is stored.
    ///
    /// The store is asked for all keys, and once more for those that are to be loaded if another load
    /// has ended meanwhile. Values that are found due for a refresh are loaded with the others.
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
        let keys = keys.into_iter().filter(|key| named.insert(key.clone()));
        let keys: Vec<_> = keys.collect();
        let since = Some(inner.changes.all());
        let found = inner.store.get_many(&keys).await;
        let mut all = Map::default();
        for (key, found) in keys.iter().zip(found) {
            let mut known = Known::new(inner.sight(key, found).await, since, None);
            inner.looked(key, &mut known, inner.settings.now()).ok();
            all.insert(key.clone(), known);
        }
        // What was found at first may get too old while the rest is loaded.
        let now = loop {
            let now = inner.settings.now();
            let is_wanted = |known: &Known<S, E, F>| {
                known.duty.is_some() || matches!(inner.judge(known, now), Ok(None))
            };
            let wanted = keys
                .iter()
                .filter(|key| all.get(*key).is_some_and(is_wanted));
            let wanted: Vec<_> = wanted.cloned().collect();
            if wanted.is_empty() {
                break now;
            }
            for (key, answer) in inner.loads.run_many(wanted, Work(inner, &all, &load)).await {
                if let Some(known) = all.get_mut(&key) {
                    known.land(Some(answer));
                }
            }
        };
        let answer = |key| {
            let known = all.remove(&key)?;
            let judged = inner.judge(&known, now).transpose()?;
            let entry = known.sight.ok().flatten();
            let value = judged.map(|freshness| inner.serve::<()>(entry, freshness, now).value);
            Some((key, value))
        };
        keys.into_iter().filter_map(answer).collect()
    }
}

/// The work of a batch.
struct Work<'a, S: Store, E, F: Flights<S, E>, L>(
    &'a Inner<S, E, F>,
    &'a Map<<S as Store>::Key, Known<S, E, F>>,
    &'a L,
);

impl<S, E, F, L> Batch<S, E> for Work<'_, S, E, F, L>
where
    S: Store,
    F: Flights<S, E>,
    L: AsyncFnOnce(Vec<S::Key>) -> Result<Vec<(S::Key, S::Value)>, E> + Clone,
{
    async fn load(self, keys: Vec<S::Key>) -> Vec<(S::Key, Landing<S, E>)> {
        Box::pin(self.0.lead(keys, |key| self.1.get(key), self.2.clone())).await
    }
}

impl<S: Store, E, F: Flights<S, E>, L> Clone for Work<'_, S, E, F, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Store, E, F: Flights<S, E>, L> Copy for Work<'_, S, E, F, L> {}
