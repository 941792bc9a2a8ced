//! A store that counts what is asked of it, and can be down.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use singleflight_cache::{Entry, Found, Put, Store};

#[derive(Default)]
pub(crate) struct Counting {
    kept: Mutex<HashMap<u64, Entry<u64>>>,
    operations: AtomicUsize,
    pub(crate) is_down: AtomicBool,
}

impl Counting {
    /// How many operations there were since the last time.
    pub(crate) fn taken(&self) -> usize {
        self.operations.swap(0, Ordering::Relaxed)
    }

    async fn operate<T>(
        &self,
        on: impl FnOnce(&mut HashMap<u64, Entry<u64>>) -> T,
    ) -> Result<T, ()> {
        self.operations.fetch_add(1, Ordering::Relaxed);
        // As if over a network: others come meanwhile.
        tokio::task::yield_now().await;
        if self.is_down.load(Ordering::Relaxed) {
            return Err(());
        }
        Ok(on(&mut self.kept.lock().expect("nobody panics with it")))
    }
}

impl Store for Counting {
    type Key = u64;
    type Value = u64;
    type Error = ();

    async fn get(&self, key: &u64) -> Result<Found<u64>, ()> {
        self.operate(|kept| kept.get(key).copied().into()).await
    }

    async fn put(&self, key: &u64, entry: &Entry<u64>, _: Put<u64>) -> Result<bool, ()> {
        self.operate(|kept| kept.insert(*key, *entry))
            .await
            .map(|_| true)
    }

    async fn remove(&self, key: &u64) -> Result<(), ()> {
        self.operate(|kept| kept.remove(key)).await.map(drop)
    }
}
