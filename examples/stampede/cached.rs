//! The service on tokio with a cache in front: moka as the store of a cache-aside. Values are fresh
//! for a fifth of a second, so that a short run shows refreshes; the old one is served meanwhile.

use std::convert::Infallible;
use std::time::Duration;
use std::{fmt, io};

use singleflight_cache::{Aside, Builder, Error, Look, Stats};
use singleflight_core::CallError;
use tokio::task;

use crate::ledger::Sales;
use crate::moka_store::MokaStore;
use crate::pool::{Pool, QueryFailed};
use crate::service::{Answer, Service};

/// Answers from a cache.
#[derive(Clone)]
pub(crate) struct Cached {
    pool: Pool,
    aside: Aside<MokaStore<String, Sales>, QueryFailed>,
}

impl Cached {
    pub(crate) fn new(pool: Pool) -> Self {
        let builder = Builder::new(MokaStore::new(100_000)).look(Look::Both);
        let builder = builder.fresh_for(Duration::from_millis(200));
        let aside = builder.stale_for(Duration::from_secs(60)).build();
        Self { pool, aside }
    }

    /// What the cache has done so far.
    pub(crate) fn stats(&self) -> Stats {
        self.aside.stats()
    }
}

impl Service for Cached {
    async fn sales(&self, key: String) -> Answer {
        let (pool, id) = (self.pool.clone(), key.clone());
        let load = async move || {
            let lease = pool.take().await?;
            task::spawn_blocking(move || lease.query(&id))
                .await?
                .map(Some)
        };
        let got = self.aside.get_with_age(&key, load).await.map_err(failed)?;
        if let Some(refresh) = got.refresh {
            task::spawn(refresh.run());
        }
        Ok(got.value.expect("every key has sales"))
    }
}

/// Says why the cache has no value, as a query would.
pub(crate) fn failed(error: Error<QueryFailed, Infallible, CallError>) -> QueryFailed {
    match error {
        Error::Load(failed) => (*failed).clone(),
        Error::Flight(error) => error.into(),
        error => io::Error::other(error.to_string()).into(),
    }
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.aside.fmt(f)
    }
}

/// What the cache has done, in a line below the names.
#[derive(Debug)]
pub(crate) struct CacheTable(pub(crate) Stats);

impl fmt::Display for CacheTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(stats) = self;
        let cells = [
            ("hits", stats.hits),
            ("served stale", stats.served_stale),
            ("absences", stats.absent_hits),
            ("misses", stats.misses),
            ("loads", stats.loads),
            ("refreshes", stats.refreshes),
        ];
        write!(f, "{:<12}", "the cache")?;
        cells
            .iter()
            .try_for_each(|(name, _)| write!(f, "  {name:>12}"))?;
        write!(f, "\n{:<12}", "")?;
        cells
            .iter()
            .try_for_each(|(_, count)| write!(f, "  {count:>12}"))?;
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{CacheTable, Cached};
    use crate::service::{Service, tests};

    #[tokio::test]
    async fn calls_at_once_and_later_share_one_query() {
        let (pool, ledger) = tests::pool_of_one();
        let service = Arc::new(Cached::new(pool.clone()));
        let ask = || async { service.sales("/a".to_owned()).await.unwrap() };
        let (first, second) = tokio::join!(ask(), ask());
        assert_eq!((first, second), (ledger.sales("/a"), ledger.sales("/a")));
        assert_eq!(ask().await, ledger.sales("/a"));
        let table = CacheTable(service.stats()).to_string();
        assert_eq!(service.stats().misses, 2, "{table}");
        assert!(
            pool.queries() <= 2,
            "one, and one refresh if the machine is slow"
        );
    }
}
