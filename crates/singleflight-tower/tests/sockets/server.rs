//! The server: an axum router whose handlers wait at a gate, behind the layer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, Uri};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use singleflight_tower::{HttpCoalesce, HttpCoalesceBuilder, HttpKey};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

use crate::wire::Wire;

/// Enough that no socket's buffers hold it.
pub(crate) const LARGE: usize = 1 << 20;

/// After this a test has failed.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Driven {
    ByCallers,
    InTasks,
}

/// Where the handlers wait.
#[derive(Clone)]
pub(crate) struct Gate {
    is_open: watch::Sender<bool>,
    waiting: Arc<AtomicUsize>,
}

struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    fn new() -> Self {
        Self {
            is_open: watch::Sender::new(false),
            waiting: Arc::default(),
        }
    }

    async fn pass(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(Arc::clone(&self.waiting));
        let mut is_open = self.is_open.subscribe();
        is_open.wait_for(|is_open| *is_open).await.unwrap();
    }

    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Waits until so many requests have come to the layer.
    pub(crate) async fn reached(&self, requests: u64, layer: &HttpCoalesce) {
        until(|| {
            let stats = layer.stats();
            stats.led + stats.followed >= requests
        })
        .await;
    }
}

async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("it comes in time");
}

#[derive(Clone)]
struct Handlers {
    gate: Gate,
    events: broadcast::Sender<usize>,
    executions: Arc<Mutex<HashMap<String, usize>>>,
}

impl Handlers {
    async fn begin(&self, uri: &Uri) {
        let path = uri.path().to_owned();
        *self.executions.lock().unwrap().entry(path).or_default() += 1;
        self.gate.pass().await;
    }
}

pub(crate) struct Server {
    pub(crate) gate: Gate,
    pub(crate) layer: HttpCoalesce,
    handlers: Handlers,
    address: SocketAddr,
    // Every connection ends with it.
    _connections: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(
        driven: Driven,
        set: impl FnOnce(HttpCoalesceBuilder) -> HttpCoalesceBuilder,
    ) -> Self {
        let builder = HttpCoalesce::builder(HttpKey::all_headers(), tokio::time::sleep);
        let builder = match driven {
            Driven::ByCallers => builder,
            Driven::InTasks => builder.detached(|task| drop(tokio::spawn(task))),
        };
        let layer = set(builder).build();
        let gate = Gate::new();
        let handlers = Handlers {
            gate: gate.clone(),
            events: broadcast::Sender::new(16),
            executions: Arc::default(),
        };
        let router = Router::new()
            .route("/gated", get(gated))
            .route("/large", get(large))
            .route("/events", get(events))
            .route("/broken", get(broken))
            .route("/who", get(who))
            .route("/trailers", get(trailers))
            .with_state(handlers.clone())
            .route("/quick", get(|| async { "quick" }))
            .layer(layer.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let router = router.clone();
                connections.spawn(async move {
                    let builder =
                        hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let service = TowerToHyperService::new(router);
                    drop(
                        builder
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Self {
            gate,
            layer,
            handlers,
            address,
            _connections: connections,
        }
    }

    pub(crate) async fn connect(&self) -> Wire {
        Wire::connect(self.address).await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn executions(&self, path: &str) -> usize {
        let executions = self.handlers.executions.lock().unwrap();
        executions.get(path).copied().unwrap_or_default()
    }

    pub(crate) fn event(&self) {
        let events = &self.handlers.events;
        drop(events.send(0));
    }

    pub(crate) async fn until(&self, is_so: impl Fn() -> bool) {
        until(is_so).await;
    }

    /// P6: nothing is left.
    pub(crate) async fn is_empty(&self) {
        until(|| self.layer.in_flight() == 0).await;
    }

    /// Waits until a reset has come through, if it was a follower's, or its work was lost; returns how
    /// many executions there were by then.
    pub(crate) async fn settled(&self, followers: u64) -> usize {
        until(|| self.layer.stats().most_followers >= followers).await;
        self.handlers.executions.lock().unwrap().values().sum()
    }
}

async fn gated(State(handlers): State<Handlers>, uri: Uri) -> &'static str {
    handlers.begin(&uri).await;
    "gated"
}

async fn large(State(handlers): State<Handlers>, uri: Uri) -> Vec<u8> {
    handlers.begin(&uri).await;
    vec![b'x'; LARGE]
}

async fn who(State(handlers): State<Handlers>, uri: Uri, headers: HeaderMap) -> Vec<u8> {
    handlers.begin(&uri).await;
    headers["authorization"].as_bytes().to_vec()
}

async fn broken(State(handlers): State<Handlers>, uri: Uri) -> Response {
    handlers.begin(&uri).await;
    let frames = [
        Ok(Frame::data(Bytes::from_static(b"half of it"))),
        Err(std::io::Error::other("the origin is gone")),
    ];
    Response::new(Body::new(StreamBody::new(futures_util::stream::iter(
        frames,
    ))))
}

async fn trailers(State(handlers): State<Handlers>, uri: Uri) -> Response {
    handlers.begin(&uri).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", "1".parse().unwrap());
    let frames = [
        Frame::data(Bytes::from_static(b"with ")),
        Frame::data(Bytes::from_static(b"trailers")),
        Frame::trailers(trailers),
    ];
    let frames = frames.map(Ok::<_, Infallible>);
    Response::new(Body::new(StreamBody::new(futures_util::stream::iter(
        frames,
    ))))
}

async fn events(State(handlers): State<Handlers>, uri: Uri) -> Response {
    let events = handlers.events.subscribe();
    handlers.begin(&uri).await;
    let stream = futures_util::stream::unfold((events, 0), async |(mut events, count)| {
        if count > 0 {
            events.recv().await.ok()?;
        }
        let event = Bytes::from(format!("data: {count}\n\n"));
        Some((Ok::<_, Infallible>(event), (events, count + 1)))
    });
    let mut response = Response::new(Body::from_stream(stream));
    let kind = http::HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert("content-type", kind);
    response
}
