//! The service on smol: handlers are tasks of a smol executor, a group of `singleflight_smol`
//! coalesces them, and the work awaits a connection and then queries by `smol::unblock`.

use singleflight_smol::Group;

use crate::pool::Pool;
use crate::service::{Answer, Service};

/// Answers on smol.
#[derive(Clone, Debug)]
pub(crate) struct OnSmol {
    pool: Pool,
    group: Option<Group<String, Answer>>,
}

impl OnSmol {
    /// Makes the service; without a group every request queries.
    pub(crate) fn new(pool: Pool, group: Option<Group<String, Answer>>) -> Self {
        Self { pool, group }
    }

    async fn query(&self, key: &str) -> Answer {
        // Awaited here, so that no more threads block than there are connections.
        let lease = self.pool.take().await?;
        let key = key.to_owned();
        smol::unblock(move || lease.query(&key)).await
    }
}

impl Service for OnSmol {
    async fn sales(&self, key: String) -> Answer {
        match &self.group {
            None => self.query(&key).await,
            Some(group) => group.run(key.as_str(), || self.query(&key)).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Group, OnSmol};
    use crate::service::tests;

    #[test]
    fn five_calls_share_one_query() {
        let (pool, ledger) = tests::pool_of_one();
        let group = Group::new();
        let service = OnSmol::new(pool.clone(), Some(group.clone()));
        smol::block_on(tests::five_calls_share_one_query(
            service,
            group.shared(),
            (pool, ledger),
        ));
    }

    #[test]
    fn without_a_group_two_calls_query_twice() {
        let (pool, _) = tests::pool_of_one();
        let service = OnSmol::new(pool.clone(), None);
        smol::block_on(tests::two_calls_query_twice(service, &pool));
    }
}
