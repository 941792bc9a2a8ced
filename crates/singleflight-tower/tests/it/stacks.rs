//! The layer among others of tower: where it stands decides what they see.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Full};
use singleflight_tower::{HttpCoalesce, HttpKey, SharedBody};
use tokio::sync::{Notify, Semaphore};
use tower::buffer::BufferLayer;
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;
use tower::util::BoxCloneService;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::origin::at_rest;

/// A service that answers when the test opens its gate, and counts.
#[derive(Clone)]
struct Gated {
    gate: Arc<Semaphore>,
    calls: Arc<AtomicUsize>,
}

impl Gated {
    fn new() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            calls: Arc::default(),
        }
    }

    fn service(
        &self,
    ) -> impl Service<
        Request<Empty<Bytes>>,
        Response = Response<Full<Bytes>>,
        Error = BoxError,
        Future: Send,
    > + Clone
    + Send
    + 'static {
        let gated = self.clone();
        service_fn(move |_: Request<Empty<Bytes>>| {
            let gated = gated.clone();
            async move {
                gated.calls.fetch_add(1, Ordering::SeqCst);
                drop(gated.gate.acquire().await?);
                Ok(Response::new(Full::from("answer")))
            }
        })
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn coalesce() -> HttpCoalesce {
    HttpCoalesce::builder(HttpKey::all_headers(), tokio::time::sleep).build()
}

fn get() -> Request<Empty<Bytes>> {
    Request::new(Empty::new())
}

/// Sends so many equal requests and opens the gate when all that can come have come; returns how many
/// had the answer.
async fn crowd<S, B>(service: S, gated: &Gated, callers: usize) -> usize
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::fmt::Debug + Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Debug,
{
    let tasks: Vec<_> = (0..callers)
        .map(|_| tokio::spawn(service.clone().oneshot(get())))
        .collect();
    // A clock that stands still goes on only when every task sleeps.
    tokio::time::sleep(Duration::from_millis(1)).await;
    gated.gate.add_permits(Semaphore::MAX_PERMITS);
    let mut answered = 0;
    for task in tasks {
        if let Ok(response) = task.await.unwrap() {
            assert_eq!(
                response.into_body().collect().await.unwrap().to_bytes(),
                "answer"
            );
            answered += 1;
        }
    }
    answered
}

#[test]
fn a_limit_inside_sees_one_call_for_many() {
    at_rest(async {
        let gated = Gated::new();
        let service = ServiceBuilder::new()
            .layer(coalesce())
            .layer(ConcurrencyLimitLayer::new(1))
            .service(gated.service());
        assert_eq!(crowd(service, &gated, 8).await, 8);
        assert_eq!(gated.calls(), 1);
    });
}

#[test]
fn a_limit_outside_holds_back_those_who_would_follow() {
    at_rest(async {
        let gated = Gated::new();
        let service = ServiceBuilder::new()
            .layer(ConcurrencyLimitLayer::new(2))
            .layer(coalesce())
            .service(gated.service());
        assert_eq!(crowd(service, &gated, 8).await, 8);
        assert!(
            gated.calls() > 1,
            "{} calls: two at a time come in",
            gated.calls()
        );
    });
}

#[test]
fn a_buffer_on_either_side_changes_nothing() {
    at_rest(async {
        let gated = Gated::new();
        let service = ServiceBuilder::new()
            .layer(coalesce())
            .layer(BufferLayer::new(8))
            .service(gated.service());
        assert_eq!(crowd(service, &gated, 8).await, 8);
        assert_eq!(gated.calls(), 1);

        let gated = Gated::new();
        let service = ServiceBuilder::new()
            .layer(BufferLayer::new(8))
            .layer(coalesce())
            .service(gated.service());
        assert_eq!(crowd(service, &gated, 8).await, 8);
        assert_eq!(gated.calls(), 1);
    });
}

#[test]
fn a_timeout_outside_is_each_callers_and_inside_the_flights() {
    at_rest(async {
        let second = TimeoutLayer::new(Duration::from_secs(1));
        let gated = Gated::new();
        let service = ServiceBuilder::new()
            .layer(second.clone())
            .layer(coalesce())
            .service(gated.service());
        let first = tokio::spawn(service.clone().oneshot(get()));
        tokio::time::sleep(Duration::from_millis(500)).await;
        let second_caller = tokio::spawn(service.oneshot(get()));
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(first.await.unwrap().is_err());
        assert_eq!(gated.calls(), 2, "the second leads on, with its own time");
        gated.gate.add_permits(1);
        assert!(second_caller.await.unwrap().is_ok());

        let gated = Gated::new();
        let service = ServiceBuilder::new()
            .layer(coalesce())
            .layer(second)
            .service(gated.service());
        let callers = [(); 4].map(|()| tokio::spawn(service.clone().oneshot(get())));
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        for caller in callers {
            assert!(caller.await.unwrap().is_err(), "one time for all");
        }
        assert_eq!(gated.calls(), 1);
    });
}

#[test]
fn load_is_shed_inside_for_all_and_never_outside() {
    at_rest(async {
        let shed = |layer_outside: bool| {
            let gated = Gated::new();
            let full = ConcurrencyLimitLayer::new(1);
            let service: BoxCloneService<_, _, BoxError> = if layer_outside {
                let inner = ServiceBuilder::new()
                    .layer(coalesce())
                    .layer(LoadShedLayer::new())
                    .layer(full)
                    .service(gated.service());
                BoxCloneService::new(inner.map_err(BoxError::from))
            } else {
                let inner = ServiceBuilder::new()
                    .layer(LoadShedLayer::new())
                    .layer(coalesce())
                    .layer(full)
                    .service(gated.service());
                BoxCloneService::new(inner)
            };
            (gated, service)
        };
        for (layer_outside, is_shed) in [(true, true), (false, false)] {
            let (gated, service) = shed(layer_outside);
            let other = Request::builder().uri("/other").body(Empty::new()).unwrap();
            let first = tokio::spawn(service.clone().oneshot(get()));
            tokio::time::sleep(Duration::from_millis(1)).await;
            let second = tokio::spawn(service.oneshot(other));
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert_eq!(
                second.is_finished(),
                is_shed,
                "layer outside: {layer_outside}"
            );
            gated.gate.add_permits(2);
            assert!(first.await.unwrap().is_ok());
            assert_eq!(second.await.unwrap().is_err(), is_shed);
        }
    });
}

/// With a buffer between them another task brings the request to the inner one.
#[test]
fn a_layer_twice_in_one_stack_goes_alone_inside() {
    at_rest(async {
        for buffered in [false, true] {
            let (gated, layer) = (Gated::new(), coalesce());
            let inner = layer.layer(gated.service()).map_err(BoxError::from);
            let inner: BoxCloneService<_, _, BoxError> = if buffered {
                BoxCloneService::new(BufferLayer::new(8).layer(inner))
            } else {
                BoxCloneService::new(inner)
            };
            let service = layer.layer(SyncService(Arc::new(std::sync::Mutex::new(inner))));
            assert_eq!(crowd(service, &gated, 8).await, 8);
            assert_eq!(gated.calls(), 1);
            assert_eq!(layer.in_flight(), 0);
        }
    });
}

/// Makes a boxed service `Sync` by a lock.
struct SyncService<S>(Arc<std::sync::Mutex<S>>);

impl<S> Clone for SyncService<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Q, S: Service<Q>> Service<Q> for SyncService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        self.0.lock().unwrap().poll_ready(context)
    }

    fn call(&mut self, request: Q) -> S::Future {
        self.0.lock().unwrap().call(request)
    }
}

#[test]
fn two_layers_in_one_stack_both_coalesce() {
    at_rest(async {
        let gated = Gated::new();
        let (outer, inner) = (coalesce(), coalesce());
        let service = ServiceBuilder::new()
            .layer(outer.clone())
            .layer(inner.clone())
            .service(gated.service());
        assert_eq!(crowd(service, &gated, 8).await, 8);
        assert_eq!(gated.calls(), 1);
        assert_eq!([outer.stats().led, inner.stats().led], [1, 1]);
    });
}

/// The work sends an equal request through the layer: in its own task, and by another, where only
/// the mark in the extensions tells.
#[test]
fn a_request_from_inside_its_own_work_goes_alone() {
    type Boxed = BoxCloneService<Request<Empty<Bytes>>, Response<Full<Bytes>>, BoxError>;
    at_rest(async {
        for in_a_task in [false, true] {
            let layer = coalesce();
            let calls = Arc::new(AtomicUsize::new(0));
            let again: Arc<std::sync::Mutex<Option<Boxed>>> = Arc::default();
            let (count, through) = (Arc::clone(&calls), Arc::clone(&again));
            let work = service_fn(move |request: Request<Empty<Bytes>>| {
                let (count, through) = (Arc::clone(&count), Arc::clone(&through));
                async move {
                    if count.fetch_add(1, Ordering::SeqCst) == 0 {
                        let service = through.lock().unwrap().clone().unwrap();
                        if in_a_task {
                            // It is passed on with its extensions.
                            tokio::spawn(service.oneshot(request)).await??;
                        } else {
                            service.oneshot(get()).await?;
                        }
                    }
                    Ok::<_, BoxError>(Response::new(Full::from("answer")))
                }
            });
            let service = layer.layer(work);
            let boxed = service.clone().map_err(BoxError::from).and_then(
                async |response: Response<SharedBody<Full<Bytes>>>| {
                    let body = response.into_body().collect().await?.to_bytes();
                    Ok(Response::new(Full::from(body)))
                },
            );
            *again.lock().unwrap() = Some(BoxCloneService::new(boxed));
            let got = service.oneshot(get());
            let got = tokio::time::timeout(Duration::from_secs(1), got).await;
            got.expect("it does not hang").unwrap();
            assert_eq!(calls.load(Ordering::SeqCst), 2);
            again.lock().unwrap().take();
        }
    });
}

#[test]
fn compression_outside_compresses_for_each_what_was_made_once() {
    use tower_http::compression::CompressionLayer;
    use tower_http::trace::TraceLayer;
    at_rest(async {
        let calls = Arc::new(AtomicUsize::new(0));
        let opened = Arc::new(Notify::new());
        let (count, gate) = (Arc::clone(&calls), Arc::clone(&opened));
        let work = service_fn(move |_: Request<Empty<Bytes>>| {
            let (count, gate) = (Arc::clone(&count), Arc::clone(&gate));
            async move {
                count.fetch_add(1, Ordering::SeqCst);
                gate.notified().await;
                let text = "a text that is worth the while ".repeat(100);
                Ok::<_, BoxError>(Response::new(Full::<Bytes>::from(text)))
            }
        });
        let key = HttpKey::all_headers_except([http::header::ACCEPT_ENCODING]);
        let service = ServiceBuilder::new()
            .layer(TraceLayer::new_for_http())
            .layer(CompressionLayer::new())
            .layer(HttpCoalesce::builder(key, tokio::time::sleep).build())
            .service(work);
        let ask = |encoding: &'static str| {
            let request = Request::builder()
                .header("accept-encoding", encoding)
                .body(Empty::new())
                .unwrap();
            tokio::spawn(service.clone().oneshot(request))
        };
        let tasks = [ask("gzip"), ask("identity"), ask("gzip")];
        tokio::time::sleep(Duration::from_millis(1)).await;
        opened.notify_one();
        let mut encodings = Vec::new();
        let mut sizes = Vec::new();
        for task in tasks {
            let response = task.await.unwrap().unwrap();
            encodings.push(response.headers().get("content-encoding").cloned());
            sizes.push(
                response
                    .into_body()
                    .collect()
                    .await
                    .unwrap()
                    .to_bytes()
                    .len(),
            );
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        let gzip = Some(http::HeaderValue::from_static("gzip"));
        assert_eq!(encodings, [gzip.clone(), None, gzip]);
        assert_eq!(sizes[0], sizes[2]);
        assert!(sizes[0] < 200 && sizes[1] == 3_100, "{sizes:?}");
    });
}
