//! The service that a layer makes.

use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::body::SharedBody;
use crate::error::Shared;
use crate::future::HttpCoalescing;
use crate::hub::{Call, Hub};
use crate::inner::HttpInner;
use crate::rules::announces_body;

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
        let hub = self.hub.clone();
        let (head, body) = request.into_parts();
        let key = if hub.0.mark.is_in(&head.extensions) {
            None
        } else {
            let has_body = !body.is_end_stream() || announces_body(&head);
            hub.0.requests.key(&head, has_body)
        };
        let call = Call {
            hub,
            inner: self.inner.clone(),
            request: Request::from_parts(head, body),
        };
        HttpCoalescing::new(call, key)
    }
}
