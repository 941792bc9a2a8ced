//! `quick_cache` as a store, in this process. It knows no times: what is too old is told by the
//! entry's own dates, and put over.

use std::convert::Infallible;
use std::hash::Hash;

use quick_cache::sync::Cache;
use singleflight_cache::{Entry, Found, Put, RemoveAll, Store};

pub(crate) struct QuickCacheStore<K, V>(Cache<K, Entry<V>>);

impl<K: Clone + Eq + Hash, V: Clone> QuickCacheStore<K, V> {
    pub(crate) fn new(entries: usize) -> Self {
        Self(Cache::new(entries))
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Store for QuickCacheStore<K, V> {
    type Key = K;
    type Value = V;
    type Error = Infallible;

    async fn get(&self, key: &K) -> Result<Found<V>, Infallible> {
        Ok(self.0.get(key).into())
    }

    async fn put(&self, key: &K, entry: &Entry<V>, how: Put<K>) -> Result<bool, Infallible> {
        // Nobody else puts or removes this key while `how` lives.
        let is_expected = self.0.peek(key).map(|stands| stands.id) == how.expect;
        if is_expected {
            self.0.insert(key.clone(), entry.clone());
        }
        Ok(is_expected)
    }

    async fn remove(&self, key: &K) -> Result<(), Infallible> {
        self.0.remove(key);
        Ok(())
    }
}

impl<K: Clone + Eq + Hash, V: Clone> RemoveAll for QuickCacheStore<K, V> {
    async fn remove_all(&self) -> Result<(), Infallible> {
        self.0.clear();
        Ok(())
    }
}
