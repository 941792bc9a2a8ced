//! The service on tokio once more, coalesced by a layer in front of its routes instead of by hand: the
//! service has no group. The path is all that it reads of a request, so that is the key. What may not be
//! shared goes alone by itself: the routes of `POST` stand behind the layer as well.

use axum::Router;
use singleflight_tower::{HttpCoalesce, HttpKey};

use crate::on_tokio::OnTokio;
use crate::pool::Pool;
use crate::service::{router, router_alone};

/// Makes the layer.
pub(crate) fn layer() -> HttpCoalesce {
    HttpCoalesce::builder(HttpKey::uri_and([]), tokio::time::sleep).build()
}

/// Makes the routes, with the layer in front.
pub(crate) fn routes(pool: Pool, layer: HttpCoalesce) -> Router {
    let service = OnTokio::new(pool, None);
    router(service.clone())
        .merge(router_alone(service))
        .layer(layer)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::{layer, routes};
    use crate::service::tests;

    /// The only connection is given back when four of them wait for the fifth.
    #[tokio::test]
    async fn five_requests_share_one_query_and_two_posts_none() {
        let (pool, ledger) = tests::pool_of_one();
        let layer = layer();
        let routes = routes(pool.clone(), layer.clone());
        let ask = |method| {
            let request = Request::builder().method(method).uri("/sales/a");
            let answering = routes.clone().oneshot(request.body(Body::empty()).unwrap());
            async {
                let response = answering.await.unwrap();
                assert_eq!(response.status(), StatusCode::OK);
                response.into_body().collect().await.unwrap().to_bytes()
            }
        };
        let lease = pool.take().await.unwrap();
        let give_back = async {
            let deadline = Instant::now() + Duration::from_secs(30);
            while layer.stats().followed < 4 {
                assert!(Instant::now() < deadline, "the requests did not meet");
                tokio::task::yield_now().await;
            }
            drop(lease);
        };
        let get = || ask("GET");
        let ((), one, two, three, four, five) =
            tokio::join!(give_back, get(), get(), get(), get(), get());
        let expected = ledger.sales("a").body("a");
        for body in [one, two, three, four, five] {
            assert_eq!(body, expected);
        }
        assert_eq!((pool.queries(), layer.in_flight()), (1, 0));
        let (one, other) = tokio::join!(ask("POST"), ask("POST"));
        assert_eq!((one, pool.queries()), (other, 3));
    }
}
