//! The layer for HTTP, in which the group lives, and the services that it makes.

use std::task::{Context, Poll};

use http::{Request, Response, request};
use http_body::Body;
use singleflight_core::Stats;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::SharedBody;
use crate::error::Shared;
use crate::future::HttpCoalescing;
use crate::hub::Hub;
use crate::inner::HttpInner;
use crate::role::Role;

/// Coalesces identical HTTP requests: while one is being answered, those that are equal to it wait for
/// its answer.
///
/// All services that it makes share one group, its clones' too: what they answer to equal requests must
/// be equal. (Inside of a nested router the prefix of a path may be cut off; put the layer outside of
/// it, or use two.)
///
/// # Examples
///
/// ```
/// use singleflight_tower::{HttpCoalesce, HttpKey};
///
/// let layer = HttpCoalesce::builder(HttpKey::all_headers(), tokio::time::sleep)
///     .cache_status("singleflight")
///     .build();
/// assert_eq!(layer.in_flight(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct HttpCoalesce {
    pub(crate) hub: Hub,
}

impl HttpCoalesce {
    /// Returns what the layer's group has done so far. Requests that went alone are not counted, but for
    /// those that had waited.
    pub fn stats(&self) -> Stats {
        self.hub.stats()
    }

    /// Returns how many flights there are.
    pub fn in_flight(&self) -> usize {
        self.hub.in_flight()
    }

    /// Lets the next request that is equal to this one start afresh: what is being answered may be out
    /// of date. Returns whether there was a flight to forget.
    pub fn forget(&self, request: &request::Parts) -> bool {
        let key = self.hub.settings().requests.key(request, false);
        key.is_some_and(|key| self.hub.forget(key))
    }

    /// Lets every next request start afresh; returns how many flights were forgotten.
    pub fn forget_all(&self) -> usize {
        self.hub.forget_all()
    }

    /// Refuses from now on each request that would be coalesced. Those that are in flight are answered.
    pub fn close(&self) {
        self.hub.close();
    }

    /// Closes the layer and waits until nothing is in flight.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting; the layer stays closed.
    pub async fn drained(&self) {
        self.hub.drained().await;
    }
}

impl<S> Layer<S> for HttpCoalesce {
    type Service = HttpCoalesced<S>;

    fn layer(&self, inner: S) -> HttpCoalesced<S> {
        let hub = self.hub.clone();
        HttpCoalesced { inner, hub }
    }
}

/// A service whose identical requests share one execution. Made by [`HttpCoalesce`].
///
/// It is always ready: a request that follows another needs nothing of the inner service, and the one
/// that leads waits until that is ready inside of its flight. So what counts requests by readiness
/// (`load_shed`, for example) does so inside of it.
#[derive(Clone, Debug)]
pub struct HttpCoalesced<S> {
    inner: S,
    hub: Hub,
}

impl<S: HttpInner<B> + Clone, B: Body + Send + 'static> Service<Request<B>> for HttpCoalesced<S> {
    type Response = Response<SharedBody<S::Body>>;
    type Error = Shared<S::Error>;
    type Future = HttpCoalescing<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (head, body) = request.into_parts();
        let requests = &self.hub.settings().requests;
        let key = requests.key(&head, !body.is_end_stream());
        let role = Role::new(self.hub.clone(), key);
        HttpCoalescing::new(role, self.inner.clone(), Request::from_parts(head, body))
    }
}
