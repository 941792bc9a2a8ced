//! moka as a store, in this process. Use it with `Look::Both`: a hit then takes no flight.

use std::convert::Infallible;
use std::hash::Hash;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use moka::ops::compute::{CompResult, Op};
use singleflight_cache::{Entry, Found, Put, RemoveAll, Store};

/// Each entry has its own time to live.
pub(crate) struct MokaStore<K, V>(Cache<K, (Entry<V>, Duration)>);

struct ByEntry;

impl<K, V> Expiry<K, (Entry<V>, Duration)> for ByEntry {
    fn expire_after_create(
        &self,
        _: &K,
        kept: &(Entry<V>, Duration),
        _: Instant,
    ) -> Option<Duration> {
        Some(kept.1)
    }

    fn expire_after_update(
        &self,
        _: &K,
        kept: &(Entry<V>, Duration),
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.1)
    }
}

impl<K, V> MokaStore<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(entries: u64) -> Self {
        Self(
            Cache::builder()
                .max_capacity(entries)
                .expire_after(ByEntry)
                .build(),
        )
    }
}

impl<K, V> Store for MokaStore<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Key = K;
    type Value = V;
    type Error = Infallible;

    async fn get(&self, key: &K) -> Result<Found<V>, Infallible> {
        Ok(self.0.get(key).await.map(|kept| kept.0).into())
    }

    async fn put(&self, key: &K, entry: &Entry<V>, how: Put<K>) -> Result<bool, Infallible> {
        let put = self.0.entry_by_ref(key).and_compute_with(async |stands| {
            let id = stands.map(|stands| stands.into_value().0.id);
            if id == how.expect {
                Op::Put((entry.clone(), how.keep))
            } else {
                Op::Nop
            }
        });
        let put = put.await;
        Ok(matches!(
            put,
            CompResult::Inserted(_) | CompResult::ReplacedWith(_)
        ))
    }

    async fn remove(&self, key: &K) -> Result<(), Infallible> {
        self.0.invalidate(key).await;
        Ok(())
    }
}

impl<K, V> RemoveAll for MokaStore<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    async fn remove_all(&self) -> Result<(), Infallible> {
        self.0.invalidate_all();
        Ok(())
    }
}
