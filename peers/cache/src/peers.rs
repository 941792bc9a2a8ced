//! Caches that coalesce by themselves, and ours over moka, by one interface.

use std::convert::Infallible;
use std::future::Future;

use singleflight_cache::{Aside, Builder, Look};

use crate::moka_store::MokaStore;

/// What is asked of a cache.
pub(crate) trait Peer: Clone + Send + Sync + 'static {
    fn new() -> Self;

    fn get<T>(
        &self,
        key: u64,
        load: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = u64> + Send
    where
        T: Future<Output = u64> + Send + 'static;

    fn invalidate(&self, key: u64) -> impl Future<Output = ()> + Send;
}

#[derive(Clone)]
pub(crate) struct Ours(pub(crate) Aside<MokaStore<u64, u64>, Infallible>);

impl Peer for Ours {
    fn new() -> Self {
        Self(
            Builder::new(MokaStore::new(10_000))
                .look(Look::Both)
                .build(),
        )
    }

    async fn get<T>(&self, key: u64, load: impl FnOnce() -> T + Send + 'static) -> u64
    where
        T: Future<Output = u64> + Send + 'static,
    {
        let got = self.0.get(&key, async move || Ok(Some(load().await))).await;
        got.ok().flatten().expect("a load does not fail")
    }

    async fn invalidate(&self, key: u64) {
        self.0.invalidate(&key).await.expect("moka does not fail");
    }
}

#[derive(Clone)]
pub(crate) struct Moka(moka::future::Cache<u64, u64>);

impl Peer for Moka {
    fn new() -> Self {
        Self(moka::future::Cache::new(10_000))
    }

    async fn get<T>(&self, key: u64, load: impl FnOnce() -> T + Send + 'static) -> u64
    where
        T: Future<Output = u64> + Send + 'static,
    {
        let load = async move { Ok::<_, Infallible>(load().await) };
        self.0
            .try_get_with(key, load)
            .await
            .expect("a load does not fail")
    }

    async fn invalidate(&self, key: u64) {
        self.0.invalidate(&key).await;
    }
}

#[cfg(feature = "all")]
pub(crate) use foyer_peer::Foyer;

#[cfg(feature = "all")]
mod foyer_peer {
    use std::convert::Infallible;
    use std::future::Future;
    use std::sync::Arc;

    use super::Peer;

    #[derive(Clone)]
    pub(crate) struct Foyer(Arc<foyer::Cache<u64, u64>>);

    impl Peer for Foyer {
        fn new() -> Self {
            Self(Arc::new(foyer::CacheBuilder::new(10_000).build()))
        }

        async fn get<T>(&self, key: u64, load: impl FnOnce() -> T + Send + 'static) -> u64
        where
            T: Future<Output = u64> + Send + 'static,
        {
            let load = || async move { Ok::<_, Infallible>(load().await) };
            let entry = self.0.get_or_fetch(&key, load).await;
            *entry.expect("a load does not fail").value()
        }

        async fn invalidate(&self, key: u64) {
            self.0.remove(&key);
        }
    }
}
