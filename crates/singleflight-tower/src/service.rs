//! The service that a layer makes.

use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::body::SharedBody;
use crate::error::Shared;
use crate::future::HttpCoalescing;
use crate::hub::Hub;
use crate::inner::HttpInner;
use crate::role::Role;

/// A service whose identical requests share one execution. Made by [`HttpCoalesce`](crate::HttpCoalesce).
///
/// It is always ready: a request that follows another needs nothing of the inner service, and the one
/// that leads waits until that is ready inside of its flight. So what counts requests by readiness
/// (`load_shed`, for example) does so inside of it.
#[derive(Clone, Debug)]
pub struct HttpCoalesced<S> {
    inner: S,
    hub: Hub,
}

impl<S> HttpCoalesced<S> {
    pub(crate) const fn new(inner: S, hub: Hub) -> Self {
        Self { inner, hub }
    }
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
        let key = if self.hub.mark().is_in(&head.extensions) {
            None
        } else {
            let requests = &self.hub.settings().requests;
            requests.key(&head, !body.is_end_stream())
        };
        let role = Role::new(self.hub.clone(), key);
        HttpCoalescing::new(role, self.inner.clone(), Request::from_parts(head, body))
    }
}
