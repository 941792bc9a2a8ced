//! What all services of one layer share: the group, the rules, the settings.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, response};
use http_body::{Body, SizeHint};
use singleflight_core::{CallError, Group, Joined};

use crate::answer::Verdict;
use crate::body::SharedBody;
use crate::choices::{Elapsed, Failed};
use crate::content::{Content, End};
use crate::flight_key::FlightKey;
use crate::mark::Mark;
use crate::memory::Memory;
use crate::rules::{Requests, announced, shared_by};

pub(crate) type Flights = Group<FlightKey, Verdict>;
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(crate) type Spawner = dyn Fn(BoxFuture<()>) + Send + Sync;
pub(crate) type Timer = dyn Fn(Duration) -> BoxFuture<()> + Send + Sync;
pub(crate) type ShareIf = dyn Fn(&response::Parts) -> bool + Send + Sync;
pub(crate) type Refused = dyn Fn(&CallError) -> Response<Bytes> + Send + Sync;

pub(crate) struct Settings {
    pub(crate) body_limit: usize,
    pub(crate) collect_within: Duration,
    pub(crate) wait_at_most: Duration,
    pub(crate) elapsed: Elapsed,
    pub(crate) failed: Failed,
    pub(crate) share_if: Option<Arc<ShareIf>>,
    pub(crate) timer: Arc<Timer>,
    pub(crate) spawner: Option<Arc<Spawner>>,
    pub(crate) refused: Arc<Refused>,
    pub(crate) cache_status: Option<[HeaderValue; 4]>,
}

/// By which way a caller came by its answer.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// The request was not one to be coalesced.
    Bypassed,
    Led,
    Followed,
    /// It waited, and what came was not for it.
    WaitedInVain,
}

/// A handle to what the services of a layer share.
#[derive(Clone)]
pub(crate) struct Hub(pub(crate) Arc<Inside>);

pub(crate) struct Inside {
    pub(crate) flights: Flights,
    pub(crate) requests: Requests,
    pub(crate) memory: Memory,
    pub(crate) mark: Mark,
    pub(crate) settings: Settings,
}

/// A request on its way, and the service that it is for.
pub(crate) struct Call<S, B> {
    pub(crate) hub: Hub,
    pub(crate) inner: S,
    pub(crate) request: Request<B>,
}

impl Deref for Hub {
    type Target = Flights;

    fn deref(&self) -> &Flights {
        &self.0.flights
    }
}

impl Hub {
    pub(crate) fn join(&self, key: &FlightKey) -> Result<Joined<Self>, CallError> {
        Group::join_owned(self.clone(), key.clone())
    }

    /// What other requests must agree about to receive this answer. `None`: it is not shared.
    pub(crate) fn shared_by(
        &self,
        head: &response::Parts,
        body: &SizeHint,
        is_head: bool,
    ) -> Option<Vec<HeaderName>> {
        let settings = &self.0.settings;
        let limit = settings.body_limit as u64;
        let is_large = body.lower() > limit || announced(head, is_head) > Some(limit);
        let is_refused = || settings.share_if.as_ref().is_some_and(|share| !share(head));
        if is_large || is_refused() {
            return None;
        }
        shared_by(head)
    }

    /// Makes a response what its caller receives.
    pub(crate) fn finish<R>(&self, mut response: Response<R>, way: Way) -> Response<R> {
        if let Some(values) = &self.0.settings.cache_status {
            let name = HeaderName::from_static("cache-status");
            response
                .headers_mut()
                .append(name, values[way as usize].clone());
        }
        response
    }

    /// The answer of a caller that has none.
    pub(crate) fn refuse<R: Body>(&self, error: &CallError) -> Response<SharedBody<R>> {
        (self.0.settings.refused)(error).map(|body| {
            let frames = if body.is_empty() {
                Vec::new()
            } else {
                vec![body]
            };
            let end = End::Clean(None);
            SharedBody::read(Arc::new(Content { frames, end }))
        })
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
