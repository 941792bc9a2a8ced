//! The layers that are compared, each in front of the same work.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use singleflight_tower::{HttpCoalesce, HttpKey};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, Service, ServiceExt as _};
use tower_http_cache::prelude::{CacheLayer, InMemoryBackend};

pub type Asked = Request<Empty<Bytes>>;
pub type Payload = UnsyncBoxBody<Bytes, String>;
pub type Stack = BoxCloneSyncService<Asked, Response<Payload>, String>;

/// A work that takes a while, returns so many bytes, and counts how often it runs.
#[derive(Clone)]
pub struct Work {
    calls: Arc<AtomicUsize>,
    time: Duration,
    bytes: usize,
}

impl Work {
    pub fn new(time: Duration, bytes: usize) -> Self {
        let calls = Arc::default();
        Self { calls, time, bytes }
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

/// Its clone costs a reference count, so that what a layer allocates is its own.
impl Service<Asked> for Work {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Asked) -> Self::Future {
        let work = self.clone();
        Box::pin(async move {
            work.calls.fetch_add(1, Ordering::Relaxed);
            if !work.time.is_zero() {
                tokio::time::sleep(work.time).await;
            }
            let body = match work.bytes {
                0 => Bytes::from_static(b"answer"),
                bytes => Bytes::from(vec![b'x'; bytes]),
            };
            Ok(Response::new(Full::new(body)))
        })
    }
}

/// A layer that is compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Bare,
    Ours,
    OursInTasks,
    Resilience,
    HttpCache,
}

pub const KINDS: [Kind; 5] = [
    Kind::Bare,
    Kind::Ours,
    Kind::OursInTasks,
    Kind::Resilience,
    Kind::HttpCache,
];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare service",
            Self::Ours => "singleflight-tower",
            Self::OursInTasks => "the same, detached",
            Self::Resilience => "tower-resilience-coalesce",
            Self::HttpCache => "tower-http-cache",
        }
    }

    pub fn is_ours(self) -> bool {
        matches!(self, Self::Ours | Self::OursInTasks)
    }

    /// Puts the layer in front of a work, with the least that its documentation asks for.
    pub fn stack<S>(self, inner: S) -> Stack
    where
        S: Service<Asked, Response = Response<Full<Bytes>>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        let ours = || HttpCoalesce::builder(HttpKey::all_headers(), tokio::time::sleep);
        match self {
            Self::Bare => erased(inner),
            Self::Ours => erased(ours().build().layer(inner)),
            Self::OursInTasks => {
                let layer = ours().detached(|task| drop(tokio::spawn(task))).build();
                erased(layer.layer(inner))
            }
            Self::Resilience => {
                let layer = tower_resilience_coalesce::CoalesceLayer::new(by_uri::<Empty<Bytes>>);
                erased(layer.layer(inner))
            }
            Self::HttpCache => erased(cache().layer(inner)),
        }
    }
}

/// The key of a peer that has to be given one.
pub fn by_uri<B>(request: &Request<B>) -> (Method, String) {
    (request.method().clone(), request.uri().to_string())
}

/// The peer that is a cache.
pub fn cache() -> CacheLayer<InMemoryBackend> {
    CacheLayer::builder(InMemoryBackend::new(10_000))
        .ttl(Duration::from_secs(60))
        .build()
}

fn erased<S, B>(service: S) -> Stack
where
    S: tower::Service<Asked, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    S::Error: std::fmt::Display + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    let service = service.map_response(|response: Response<B>| {
        response.map(|body| Payload::new(body.map_err(|error| error.to_string())))
    });
    BoxCloneSyncService::new(service.map_err(|error: S::Error| error.to_string()))
}
