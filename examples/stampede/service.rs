//! The service as HTTP sees it, the same for every front end.

use std::future::Future;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};

use crate::ledger::Sales;
use crate::pool::QueryFailed;

/// What a call comes back with, and what a group shares.
pub(crate) type Answer = Result<Sales, QueryFailed>;

/// Something that answers for a key: by a query each time, or by one for all who ask at once.
pub(crate) trait Service: Clone + Send + Sync + 'static {
    /// Finds the sales of a key.
    fn sales(&self, key: String) -> impl Future<Output = Answer> + Send;
}

/// Makes the route of requests that may share an answer: `GET /sales/{key}`.
pub(crate) fn router<S: Service>(service: S) -> Router {
    Router::new()
        .route("/sales/{key}", get(respond::<S>))
        .with_state(service)
}

/// Makes the route of requests that are served alone: `POST /sales/{key}`. Its service has no group.
pub(crate) fn router_alone<S: Service>(service: S) -> Router {
    Router::new()
        .route("/sales/{key}", post(respond::<S>))
        .with_state(service)
}

async fn respond<S: Service>(
    State(service): State<S>,
    Path(key): Path<String>,
) -> Result<String, (StatusCode, String)> {
    match service.sales(key.clone()).await {
        Ok(sales) => Ok(sales.body(&key)),
        Err(failed) => Err((StatusCode::INTERNAL_SERVER_ERROR, failed.to_string())),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::{Answer, Service};
    use crate::database::tests::shared;
    use crate::ledger::Ledger;
    use crate::pool::Pool;

    /// A pool of a single connection, and what must be found through it.
    pub(crate) fn pool_of_one() -> (Pool, Arc<Ledger>) {
        let ledger = Arc::new(Ledger::new(1_000));
        (Pool::open(&shared(), 1, &ledger).unwrap(), ledger)
    }

    /// Five calls for one key cost one query: the only connection is given back when four
    /// of them wait for the fifth.
    pub(crate) async fn five_calls_share_one_query<S: Service>(
        service: S,
        group: &singleflight_core::Group<String, Answer>,
        (pool, ledger): (Pool, Arc<Ledger>),
    ) {
        let lease = pool.take().await.unwrap();
        let give_back = async {
            let deadline = Instant::now() + Duration::from_secs(30);
            while group.followers("/a") != Some(4) {
                assert!(Instant::now() < deadline, "the calls did not meet");
                smol::future::yield_now().await;
            }
            drop(lease);
        };
        let expected = ledger.sales("/a");
        let ask = || async {
            let sales = service.sales("/a".to_owned()).await;
            assert_eq!(sales.unwrap(), expected);
        };
        tokio::join!(give_back, ask(), ask(), ask(), ask(), ask());
        assert_eq!(pool.queries(), 1);
        assert_eq!(group.in_flight(), 0);
    }

    /// Without a group each call queries.
    pub(crate) async fn two_calls_query_twice<S: Service>(service: S, pool: &Pool) {
        let ask = || async { service.sales("/a".to_owned()).await.unwrap() };
        let (first, second) = tokio::join!(ask(), ask());
        assert_eq!(first, second);
        assert_eq!(pool.queries(), 2);
    }
}
