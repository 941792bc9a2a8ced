//! The service on threads: handlers hand their request to a pool of blocking threads, where a
//! group of `singleflight_std` coalesces them; leaders query, followers park.
//!
//! HTTP itself is axum on tokio here too: a handler only waits for the thread that has its
//! request, and no call into the group is made on a thread that polls tasks.

use singleflight_std::Group;

use crate::pool::Pool;
use crate::service::{Answer, Service};
use crate::workers::Queue;

/// Answers on threads.
#[derive(Clone, Debug)]
pub(crate) struct OnThreads {
    queue: Queue,
    pool: Pool,
    group: Option<Group<String, Answer>>,
}

impl OnThreads {
    /// Makes the service; without a group every request queries.
    pub(crate) fn new(queue: Queue, pool: Pool, group: Option<Group<String, Answer>>) -> Self {
        Self { queue, pool, group }
    }

    fn sales_blocking(&self, key: &str) -> Answer {
        let query = || self.pool.take_blocking()?.query(key);
        match &self.group {
            None => query(),
            Some(group) => group.run(key, query)?,
        }
    }
}

impl Service for OnThreads {
    async fn sales(&self, key: String) -> Answer {
        let service = self.clone();
        self.queue.run(move || service.sales_blocking(&key)).await?
    }
}

#[cfg(test)]
mod tests {
    use smol::future::block_on;

    use super::{Group, OnThreads};
    use crate::service::tests;
    use crate::workers::Workers;

    #[test]
    fn five_calls_share_one_query() {
        let (pool, ledger) = tests::pool_of_one();
        let (_workers, queue) = Workers::start(5).unwrap();
        let group = Group::new();
        let service = OnThreads::new(queue, pool.clone(), Some(group.clone()));
        block_on(tests::five_calls_share_one_query(
            service,
            group.shared(),
            (pool, ledger),
        ));
    }

    #[test]
    fn without_a_group_two_calls_query_twice() {
        let (pool, _) = tests::pool_of_one();
        let (_workers, queue) = Workers::start(2).unwrap();
        let service = OnThreads::new(queue, pool.clone(), None);
        block_on(tests::two_calls_query_twice(service, &pool));
    }
}
