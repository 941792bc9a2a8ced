//! What a layer for HTTP is made with.

use std::fmt;
use std::future::Future;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, Method, Response, response};
use singleflight_core::{Builder, CallError};

use crate::answer::Verdict;
use crate::choices::{Elapsed, Failed, Identity};
use crate::flight_key::FlightKey;
use crate::http_key::{Class, HttpKey};
use crate::hub::{BoxFuture, Hub, Settings};
use crate::layer::HttpCoalesce;
use crate::mark::Mark;
use crate::memory::Memory;
use crate::names::{ALONE, names};
use crate::refusal::{cache_status, refused};
use crate::rules::Requests;

/// Makes an [`HttpCoalesce`]. Every setting but key and timer has a default that is safe.
#[must_use = "a builder does nothing until `build` is called"]
pub struct HttpCoalesceBuilder {
    flights: Builder<FlightKey, Verdict>,
    settings: Settings,
}

impl HttpCoalesce {
    /// Starts to describe a layer: what makes requests equal, and how the runtime sleeps.
    ///
    /// The timer is for [`wait_at_most`](HttpCoalesceBuilder::wait_at_most) and
    /// [`collect_within`](HttpCoalesceBuilder::collect_within), and is asked only where somebody waits.
    /// `tokio::time::sleep` is one, `smol::Timer::after` another.
    pub fn builder<T, F>(key: HttpKey, timer: T) -> HttpCoalesceBuilder
    where
        T: Fn(Duration) -> F + Send + Sync + 'static,
        F: Future + Send + 'static,
    {
        let timer = move |time| -> BoxFuture<()> {
            let timer = timer(time);
            Box::pin(async move { drop(timer.await) })
        };
        HttpCoalesceBuilder {
            flights: Builder::new().max_followers(10_000),
            settings: Settings {
                requests: Requests {
                    key,
                    identity: Identity::default(),
                    methods: vec![Method::GET, Method::HEAD],
                    with_body: false,
                    mark: Mark::new(),
                    memory: Memory::new(Duration::from_secs(10), 1024),
                },
                body_limit: 1 << 20,
                collect_within: Duration::from_secs(5),
                wait_at_most: Duration::from_secs(30),
                elapsed: Elapsed::default(),
                failed: Failed::default(),
                share_if: Box::new(|_| true),
                timer: Box::new(timer),
                spawner: None,
                refused: Box::new(refused),
                cache_status: None,
            },
        }
        .max_age(Duration::from_secs(30))
    }
}

impl HttpCoalesceBuilder {
    /// Sets what is done with a request that says whose it is. It goes alone unless told otherwise.
    pub const fn identity(mut self, identity: Identity) -> Self {
        self.settings.requests.identity = identity;
        self
    }

    /// Adds headers by which users are told apart, to `Authorization`, `Cookie`,
    /// `Proxy-Authorization`, `X-Api-Key` and `X-Auth-Token`.
    pub fn identity_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        let key = self.settings.requests.key;
        self.settings.requests.key = key.with(names, Class::Identity);
        self
    }

    /// Coalesces requests of other methods than `GET` and `HEAD`: right only if to ask once and to ask
    /// often is the same.
    pub fn also_methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.settings.requests.methods.extend(methods);
        self
    }

    /// Coalesces requests that have a body. Their key, [by a function](HttpKey::by), has to hold it:
    /// something outside of this layer reads it and puts it into the request's extensions.
    pub const fn body_is_in_key(mut self) -> Self {
        self.settings.requests.with_body = true;
        self
    }

    /// Sets how many bytes an answer may have to be shared: 1 MiB unless told otherwise.
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.settings.body_limit = bytes;
        self
    }

    /// Sets how long a body may take, from its head to its end, to be shared: five seconds unless told
    /// otherwise.
    pub const fn collect_within(mut self, time: Duration) -> Self {
        self.settings.collect_within = time;
        self
    }

    /// Shares only answers that the function accepts; those that are never shared stay so. It is not
    /// asked where nobody waits.
    pub fn share_if<F>(mut self, share: F) -> Self
    where
        F: Fn(&response::Parts) -> bool + Send + Sync + 'static,
    {
        self.settings.share_if = Box::new(share);
        self
    }

    /// Sets for how long, and for how many keys, it is remembered that an answer was not shared with
    /// those who waited. Their requests go alone. Ten seconds and 1,024 unless told otherwise.
    ///
    /// To remember one looks at all that are remembered: keep to thousands of keys.
    pub fn remember_unshareable(mut self, time: Duration, keys: usize) -> Self {
        self.settings.requests.memory = Memory::new(time, keys);
        self
    }

    /// Sets how long a request waits for another's answer, and what happens then: 30 seconds, after
    /// which it [fails](Elapsed::Fail), unless told otherwise. The one that leads is not limited.
    pub const fn wait_at_most(mut self, time: Duration, elapsed: Elapsed) -> Self {
        self.settings.wait_at_most = time;
        self.settings.elapsed = elapsed;
        self
    }

    /// Sets how old a flight may be to be joined: 30 seconds unless told otherwise. So a service that
    /// hangs holds a key no longer.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.flights = self.flights.max_age(milliseconds_of(age), milliseconds);
        self
    }

    /// Sets how many requests may wait for one flight, 10,000 unless told otherwise. Those beyond are
    /// refused.
    pub fn max_followers(mut self, most: u32) -> Self {
        self.flights = self.flights.max_followers(most);
        self
    }

    /// Sets what happens to those who wait when the inner service fails: they receive the failure,
    /// unless told otherwise.
    pub const fn failed(mut self, failed: Failed) -> Self {
        self.settings.failed = failed;
        self
    }

    /// Runs each flight in a task, which `spawn` starts: then no client that disconnects, reads slowly
    /// or is cancelled delays another one. When the last of them is gone, the work is dropped.
    ///
    /// Without it the request that leads is polled by its own connection, and if that goes, one of
    /// those who wait begins anew.
    pub fn detached<F>(mut self, spawn: F) -> Self
    where
        F: Fn(BoxFuture<()>) + Send + Sync + 'static,
    {
        self.settings.spawner = Some(Box::new(spawn));
        self
    }

    /// Says in a `Cache-Status` header (RFC 9211) by this name what became of each request:
    /// `fwd=bypass`, `fwd=miss`, `fwd=miss; collapsed`, or `fwd=miss; collapsed=?0` for one that
    /// waited in vain.
    pub fn cache_status(mut self, name: &str) -> Self {
        self.settings.cache_status = Some(cache_status(name));
        self
    }

    /// Sets how a request is answered for which there is no answer: the group is full or closed (503
    /// with `Retry-After` unless told otherwise), its time is up (504), the leader panicked (500).
    pub fn refused<F>(mut self, answer: F) -> Self
    where
        F: Fn(&CallError) -> Response<Bytes> + Send + Sync + 'static,
    {
        self.settings.refused = Box::new(answer);
        self
    }

    /// Makes the layer.
    pub fn build(mut self) -> HttpCoalesce {
        let key = self.settings.requests.key;
        // At the end: nothing that was said of other headers changes it.
        self.settings.requests.key = key.with(names(ALONE), Class::GoesAlone);
        let hub = Hub::new(self.flights.build(), self.settings);
        HttpCoalesce { hub }
    }
}

fn milliseconds_of(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The time since it was first asked for.
fn milliseconds() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    milliseconds_of(START.get_or_init(Instant::now).elapsed())
}

impl fmt::Debug for HttpCoalesceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCoalesceBuilder")
            .field("key", &self.settings.requests.key)
            .field("identity", &self.settings.requests.identity)
            .finish_non_exhaustive()
    }
}
