//! What all services of one layer share: the group, the rules, the settings.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, response};
use singleflight_core::{CallError, Group};

use crate::answer::Verdict;
use crate::body::{Piece, SharedBody};
use crate::choices::{Elapsed, Failed};
use crate::flight_key::FlightKey;
use crate::rules::Requests;

pub(crate) type Flights = Group<FlightKey, Verdict>;
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

type Refused = dyn Fn(&CallError) -> Response<Bytes> + Send + Sync;

pub(crate) struct Settings {
    pub(crate) requests: Requests,
    pub(crate) body_limit: usize,
    pub(crate) collect_within: Duration,
    pub(crate) wait_at_most: Duration,
    pub(crate) elapsed: Elapsed,
    pub(crate) failed: Failed,
    pub(crate) share_if: Box<dyn Fn(&response::Parts) -> bool + Send + Sync>,
    pub(crate) timer: Box<dyn Fn(Duration) -> BoxFuture<()> + Send + Sync>,
    pub(crate) spawner: Option<Box<dyn Fn(BoxFuture<()>) + Send + Sync>>,
    pub(crate) refused: Box<Refused>,
    pub(crate) cache_status: Option<[HeaderValue; 4]>,
    #[cfg(feature = "metrics")]
    pub(crate) meter: singleflight_metrics::Meter,
}

/// By which way a caller came by its answer. In the order of `Cache-Status`, and of what metrics tell.
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
    pub(crate) settings: Settings,
}

impl Deref for Hub {
    type Target = Flights;

    fn deref(&self) -> &Flights {
        &self.0.flights
    }
}

impl Hub {
    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The answer of a caller that has none.
    pub(crate) fn refuse<R>(&self, error: &CallError) -> Response<SharedBody<R>> {
        (self.settings().refused)(error).map(|body| {
            let pieces = Some(body).filter(|body| !body.is_empty());
            SharedBody::read(pieces.into_iter().map(Piece::Data).collect(), None)
        })
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hub({} in flight)", self.in_flight())
    }
}
