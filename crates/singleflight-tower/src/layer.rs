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
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep).build();
    /// ask(&layer, [get("/a"), get("/a"), get("/a")], ok).await;
    /// let stats = layer.stats();
    /// assert_eq!((stats.led, stats.followed), (1, 2));
    /// # });
    /// ```
    pub fn stats(&self) -> Stats {
        self.hub.stats()
    }

    /// Returns how many flights there are.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep).build();
    /// let (works, in_flight) = tokio::join!(
    ///     ask(&layer, [get("/a"), get("/a"), get("/b")], ok),
    ///     async { layer.in_flight() }, // looked at while they wait
    /// );
    /// assert_eq!((works.0, in_flight, layer.in_flight()), (2, 2, 0));
    /// # });
    /// ```
    pub fn in_flight(&self) -> usize {
        self.hub.in_flight()
    }

    /// Lets the next request that is equal to this one start afresh: what is being answered may be out
    /// of date. Returns whether there was a flight to forget.
    ///
    /// The head has to be equal to a reader's: its method, its authority or `Host`, and all that the key
    /// holds, the extensions too where the key reads them. So the handler of a write makes one of the
    /// URI and its own `Host`, as below, and takes nothing else of its own request, whose `Authorization`
    /// would be another reader's. With [`HttpKey::all_headers`](crate::HttpKey::all_headers) readers
    /// differ in headers that the writer does not know, and [`forget_all`](Self::forget_all) is what
    /// helps.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use http::Request;
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep).build();
    /// let get = || with("host", "example.org");
    /// let head = Request::get("/a").header("host", "example.org").body(()).unwrap().into_parts().0;
    /// let asked = async {
    ///     assert!(layer.forget(&head));
    ///     ask(&layer, [get(), get()], ok).await.0
    /// };
    /// let (before, after) = tokio::join!(ask(&layer, [get()], ok), asked);
    /// assert_eq!((before.0, after), (1, 1), "those who came later share a work of their own");
    /// assert!(!layer.forget(&head), "nothing is in flight");
    /// # });
    /// ```
    #[doc(alias = "invalidate")]
    pub fn forget(&self, request: &request::Parts) -> bool {
        let key = self.hub.settings().requests.of_flight(request, false);
        key.is_some_and(|key| self.hub.forget(key))
    }

    /// Lets every next request start afresh; returns how many flights were forgotten.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep).build();
    /// let (_, forgotten) = tokio::join!(
    ///     ask(&layer, [get("/a"), get("/b")], ok),
    ///     async { layer.forget_all() },
    /// );
    /// assert_eq!((forgotten, layer.forget_all()), (2, 0));
    /// # });
    /// ```
    pub fn forget_all(&self) -> usize {
        self.hub.forget_all()
    }

    /// Refuses from now on each request that would be coalesced. Those that are in flight are answered;
    /// of those that wait, none leads anew ([`Elapsed::LeadAnew`](crate::Elapsed::LeadAnew)).
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep).build();
    /// layer.close();
    /// let (works, [head]) = ask(&layer, [get("/a")], ok).await;
    /// assert_eq!((works, head.status.as_u16()), (0, 503));
    /// # });
    /// ```
    #[doc(alias = "shutdown")]
    pub fn close(&self) {
        self.hub.close();
    }

    /// Closes the layer and waits until nothing is in flight.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting; the layer stays closed.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep).build();
    /// let (asked, ()) = tokio::join!(ask(&layer, [get("/a")], ok), layer.drained());
    /// assert_eq!(asked.1[0].status, 200, "what is in flight is answered");
    /// assert_eq!(layer.in_flight(), 0);
    /// # });
    /// ```
    #[doc(alias("drain", "shutdown"))]
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
