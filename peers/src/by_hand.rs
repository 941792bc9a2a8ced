//! The two idioms that people write themselves, with the care that is common.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::OnceCell;

use crate::peer::{About, Key, Peer, Value, Wakes};

/// `Mutex<HashMap<K, WeakShared>>`: a shared boxed future per key, which whoever is polled
/// drives.
#[derive(Debug)]
pub struct MapOfShared;

type InFlight<V> = WeakShared<BoxFuture<'static, V>>;

/// What keeps the shared futures.
pub struct Shareds<K, V: Clone> {
    map: Mutex<HashMap<K, InFlight<V>>>,
}

impl<K: Key, V: Value> Shareds<K, V> {
    fn with<T>(&self, run: impl FnOnce(&mut HashMap<K, InFlight<V>>) -> T) -> T {
        run(&mut self.map.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<K, V: Clone> fmt::Debug for Shareds<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shareds").finish_non_exhaustive()
    }
}

impl Peer for MapOfShared {
    const ABOUT: About = About::by_hand("Mutex<HashMap<K, WeakShared>>", Wakes::All);

    type Group<K: Key, V: Value> = Shareds<K, V>;

    fn group<K: Key, V: Value>() -> Self::Group<K, V> {
        Shareds {
            map: Mutex::default(),
        }
    }

    #[inline]
    async fn call<K, V, F, T>(group: &Self::Group<K, V>, key: &K, work: F) -> V
    where
        K: Key,
        V: Value,
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = V> + Send + 'static,
    {
        let shared: Shared<_> = group.with(|map| {
            let known = map.get(key).and_then(WeakShared::upgrade);
            known.unwrap_or_else(|| {
                let shared = async { work().await }.boxed().shared();
                if let Some(weak) = shared.downgrade() {
                    map.insert(key.clone(), weak);
                }
                shared
            })
        });
        let value = shared.clone().await;
        group.with(|map| {
            let current = map.get(key).and_then(WeakShared::upgrade);
            if current.is_some_and(|current| current.ptr_eq(&shared)) {
                map.remove(key);
            }
        });
        value
    }
}

/// `DashMap<K, Arc<OnceCell>>`: whoever comes first initialises the cell, and everyone removes
/// it.
#[derive(Debug)]
pub struct DashMapOfOnceCells;

impl Peer for DashMapOfOnceCells {
    const ABOUT: About = About::by_hand("DashMap<K, Arc<OnceCell>>", Wakes::Relay);

    type Group<K: Key, V: Value> = DashMap<K, Arc<OnceCell<V>>>;

    fn group<K: Key, V: Value>() -> Self::Group<K, V> {
        DashMap::new()
    }

    #[inline]
    async fn call<K, V, F, T>(group: &Self::Group<K, V>, key: &K, work: F) -> V
    where
        K: Key,
        V: Value,
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = V> + Send + 'static,
    {
        let cell = Arc::clone(&group.entry(key.clone()).or_default());
        let value = cell.get_or_init(work).await.clone();
        group.remove(key);
        value
    }
}
