//! The service on tokio: handlers are tasks, a group of `singleflight_tokio` coalesces them,
//! and the work awaits a connection and then queries on tokio's blocking threads.

use singleflight_tokio::Group;
use tokio::task;

use crate::pool::Pool;
use crate::service::{Answer, Service};

/// Answers on tokio.
#[derive(Clone, Debug)]
pub(crate) struct OnTokio {
    pool: Pool,
    group: Option<Group<String, Answer>>,
}

impl OnTokio {
    /// Makes the service; without a group every request queries.
    pub(crate) fn new(pool: Pool, group: Option<Group<String, Answer>>) -> Self {
        Self { pool, group }
    }

    async fn query(&self, key: &str) -> Answer {
        // Awaited here, so that no more threads block than there are connections.
        let lease = self.pool.take().await?;
        let key = key.to_owned();
        task::spawn_blocking(move || lease.query(&key)).await?
    }
}

impl Service for OnTokio {
    async fn sales(&self, key: String) -> Answer {
        match &self.group {
            None => self.query(&key).await,
            Some(group) => group.run(key.as_str(), || self.query(&key)).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Runtime;

    use super::{Group, OnTokio};
    use crate::service::tests;

    #[test]
    fn five_calls_share_one_query() {
        let (pool, ledger) = tests::pool_of_one();
        let group = Group::new();
        let service = OnTokio::new(pool.clone(), Some(group.clone()));
        Runtime::new()
            .unwrap()
            .block_on(tests::five_calls_share_one_query(
                service,
                group.shared(),
                (pool, ledger),
            ));
    }

    #[test]
    fn without_a_group_two_calls_query_twice() {
        let (pool, _) = tests::pool_of_one();
        let service = OnTokio::new(pool.clone(), None);
        Runtime::new()
            .unwrap()
            .block_on(tests::two_calls_query_twice(service, &pool));
    }
}
