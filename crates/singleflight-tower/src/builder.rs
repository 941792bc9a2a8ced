//! What a layer for HTTP is made with.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, Method, Response, response};
use singleflight_core::{Builder, CallError};

use crate::answer::Verdict;
use crate::choices::{Elapsed, Failed, Identity};
use crate::flight_key::FlightKey;
use crate::http_key::{Class, HttpKey};
use crate::hub::{BoxFuture, Hub, Inside, Settings};
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
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::all_headers(), tokio::time::sleep).build();
    /// let (works, answers) = ask(&layer, [get("/a"), get("/a"), get("/b")], ok).await;
    /// assert_eq!(works, 2);
    /// assert!(answers.iter().all(|head| head.status == 200));
    /// # });
    /// ```
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
                #[cfg(feature = "metrics")]
                meter: singleflight_metrics::Meter::default(),
            },
        }
        .max_age(Duration::from_secs(30))
    }
}

impl HttpCoalesceBuilder {
    /// Sets what is done with a request that says whose it is. It goes alone unless told otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use singleflight_tower::{HttpCoalesce, HttpKey, Identity};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep)
    ///     .identity(Identity::PartOfKey)
    ///     .build();
    /// let of = |user| with("authorization", user);
    /// let (works, _) = ask(&layer, [of("ann"), of("ann"), of("bob")], ok).await;
    /// assert_eq!(works, 2, "one for each user");
    /// # });
    /// ```
    pub const fn identity(mut self, identity: Identity) -> Self {
        self.settings.requests.identity = identity;
        self
    }

    /// Adds headers by which users are told apart, to `Authorization`, `Cookie`,
    /// `Proxy-Authorization`, `X-Api-Key` and `X-Auth-Token`.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use http::HeaderName;
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep)
    ///     .identity_headers([HeaderName::from_static("x-tenant")])
    ///     .build();
    /// let of = |tenant| with("x-tenant", tenant);
    /// let (works, _) = ask(&layer, [of("1"), of("1")], ok).await;
    /// assert_eq!(works, 2, "each goes alone");
    /// # });
    /// ```
    pub fn identity_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        let key = self.settings.requests.key;
        self.settings.requests.key = key.with(names, Class::Identity);
        self
    }

    /// Coalesces requests of other methods than `GET` and `HEAD`: right only if to ask once and to ask
    /// often is the same. `CONNECT` stays alone.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use http::{Method, Request};
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let search = Method::from_bytes(b"SEARCH").unwrap();
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep)
    ///     .also_methods([search.clone()])
    ///     .build();
    /// let request = || Request::builder().method(&search).uri("/a").body(String::new()).unwrap();
    /// assert_eq!(ask(&layer, [request(), request()], ok).await.0, 1);
    /// # });
    /// ```
    pub fn also_methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.settings.requests.methods.extend(methods);
        self
    }

    /// Coalesces requests that have a body. Their key, [by a function](HttpKey::by), has to hold it:
    /// something outside of this layer reads it and puts it into the request's extensions.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use http::{Method, Request};
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// #[derive(Clone, Eq, Hash, PartialEq)]
    /// struct Query(String); // put into the extensions by a layer that has read the body
    ///
    /// let key = HttpKey::by(|head| head.extensions.get::<Query>().cloned());
    /// let layer = HttpCoalesce::builder(key, sleep).also_methods([Method::POST]).body_is_in_key().build();
    /// let request = |query: &str| {
    ///     let request = Request::post("/search").extension(Query(query.to_owned()));
    ///     request.body(query.to_owned()).unwrap()
    /// };
    /// let requests = [request("rust"), request("rust"), request("go")];
    /// assert_eq!(ask(&layer, requests, ok).await.0, 2);
    /// # });
    /// ```
    pub const fn body_is_in_key(mut self) -> Self {
        self.settings.requests.with_body = true;
        self
    }

    /// Sets how many bytes an answer may have to be shared: 1 MiB unless told otherwise.
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
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep).body_limit(4).build();
    /// let (works, _) = ask(&layer, [get("/a"), get("/a")], ok).await;
    /// assert_eq!(works, 2, "the answer is longer than four bytes");
    /// # });
    /// ```
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.settings.body_limit = bytes;
        self
    }

    /// Sets how long a body may take, from its head to its end, to be shared: five seconds unless told
    /// otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use std::time::Duration;
    ///
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep)
    ///     .collect_within(Duration::from_secs(1))
    ///     .build();
    /// // A body that is there is collected in no time.
    /// assert_eq!(ask(&layer, [get("/a"), get("/a")], ok).await.0, 1);
    /// # });
    /// ```
    pub const fn collect_within(mut self, time: Duration) -> Self {
        self.settings.collect_within = time;
        self
    }

    /// Shares only answers that the function accepts; those that are never shared stay so. It is not
    /// asked where nobody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use http::StatusCode;
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep)
    ///     .share_if(|head| head.status != StatusCode::NOT_FOUND)
    ///     .build();
    /// let missing = || {
    ///     let mut answer = ok();
    ///     *answer.status_mut() = StatusCode::NOT_FOUND;
    ///     answer
    /// };
    /// assert_eq!(ask(&layer, [get("/a"), get("/a")], ok).await.0, 1);
    /// assert_eq!(ask(&layer, [get("/b"), get("/b")], missing).await.0, 2);
    /// # });
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use std::time::Duration;
    ///
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep)
    ///     .remember_unshareable(Duration::from_secs(60), 100)
    ///     .build();
    /// let private = || {
    ///     let mut answer = ok();
    ///     answer.headers_mut().insert("cache-control", "private".parse().unwrap());
    ///     answer
    /// };
    /// let (works, _) = ask(&layer, [get("/a"), get("/a")], private).await;
    /// assert_eq!((works, layer.stats().followed), (2, 1), "the second has waited in vain");
    /// ask(&layer, [get("/a"), get("/a")], private).await;
    /// assert_eq!(layer.stats().followed, 1, "nobody waits again");
    /// # });
    /// ```
    pub fn remember_unshareable(mut self, time: Duration, keys: usize) -> Self {
        self.settings.requests.memory = Memory::new(time, keys);
        self
    }

    /// Sets how long a request waits for another's answer, and what happens then: 30 seconds, after
    /// which it [fails](Elapsed::Fail), unless told otherwise. The one that leads is not limited.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use std::time::Duration;
    ///
    /// use singleflight_tower::{Elapsed, HttpCoalesce, HttpKey};
    ///
    /// // No follower waits at all here, since its time is up at once.
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), |_| std::future::ready(()))
    ///     .wait_at_most(Duration::from_secs(5), Elapsed::Fail)
    ///     .build();
    /// let (_, [leads, follows]) = ask(&layer, [get("/a"), get("/a")], ok).await;
    /// assert_eq!((leads.status.as_u16(), follows.status.as_u16()), (200, 504));
    /// # });
    /// ```
    pub const fn wait_at_most(mut self, time: Duration, elapsed: Elapsed) -> Self {
        self.settings.wait_at_most = time;
        self.settings.elapsed = elapsed;
        self
    }

    /// Sets how old a flight may be to be joined: 30 seconds unless told otherwise. So a service that
    /// hangs holds a key no longer.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use std::time::Duration;
    ///
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep)
    ///     .max_age(Duration::from_secs(10))
    ///     .build();
    /// assert_eq!(ask(&layer, [get("/a"), get("/a")], ok).await.0, 1, "it is younger");
    /// # });
    /// ```
    pub fn max_age(mut self, age: Duration) -> Self {
        self.flights = self.flights.max_age(milliseconds_of(age), milliseconds);
        self
    }

    /// Sets how many requests may wait for one flight, 10,000 unless told otherwise. Those beyond are
    /// refused.
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
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep).max_followers(1).build();
    /// let (works, heads) = ask(&layer, [get("/a"), get("/a"), get("/a")], ok).await;
    /// assert_eq!(works, 1);
    /// assert_eq!(heads.map(|head| head.status.as_u16()), [200, 200, 503]);
    /// # });
    /// ```
    pub fn max_followers(mut self, most: u32) -> Self {
        self.flights = self.flights.max_followers(most);
        self
    }

    /// Sets what happens to those who wait when the inner service fails: they receive the failure,
    /// unless told otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use http::StatusCode;
    /// use singleflight_tower::{Failed, HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let broken = || {
    ///     let mut answer = ok();
    ///     *answer.status_mut() = StatusCode::BAD_GATEWAY;
    ///     answer
    /// };
    /// let key = || HttpKey::uri_and([]);
    /// let shares = HttpCoalesce::builder(key(), sleep).failed(Failed::Share).build();
    /// assert_eq!(ask(&shares, [get("/a"), get("/a")], broken).await.0, 1);
    /// let retries = HttpCoalesce::builder(key(), sleep).failed(Failed::Retry).build();
    /// assert_eq!(ask(&retries, [get("/a"), get("/a")], broken).await.0, 2);
    /// # });
    /// ```
    pub const fn failed(mut self, failed: Failed) -> Self {
        self.settings.failed = failed;
        self
    }

    /// Runs each flight in a task, which `spawn` starts: then no client that disconnects, reads slowly
    /// or is cancelled delays another one. When the last of them is gone, the work is dropped.
    ///
    /// Without it the request that leads is polled by its own connection, and if that goes, one of
    /// those who wait begins anew.
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
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep)
    ///     .detached(|work| drop(tokio::spawn(work)))
    ///     .build();
    /// assert_eq!(ask(&layer, [get("/a"), get("/a")], ok).await.0, 1);
    /// # });
    /// ```
    pub fn detached<F>(mut self, spawn: F) -> Self
    where
        F: Fn(BoxFuture<()>) + Send + Sync + 'static,
    {
        self.settings.spawner = Some(Box::new(spawn));
        self
    }

    /// Says in a `Cache-Status` header (RFC 9211) by this name what became of each request:
    /// `fwd=bypass`, `fwd=miss`, `fwd=miss; collapsed`, or `fwd=miss; collapsed=?0` for one that
    /// waited in vain. It is added to answers of the service, not to those of
    /// [`refused`](Self::refused).
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
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep).cache_status("edge").build();
    /// let (_, heads) = ask(&layer, [get("/a"), get("/a")], ok).await;
    /// let said = heads.map(|head| head.headers["cache-status"].clone());
    /// assert_eq!(said, ["edge; fwd=miss", "edge; fwd=miss; collapsed"]);
    /// # });
    /// ```
    pub fn cache_status(mut self, name: &str) -> Self {
        self.settings.cache_status = Some(cache_status(name));
        self
    }

    /// Sets how a request is answered for which there is no answer: the group is full or closed (503
    /// with `Retry-After` unless told otherwise), its time is up (504), the leader panicked (500), or too
    /// many in a row have failed (502).
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use bytes::Bytes;
    /// use http::Response;
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep)
    ///     .refused(|why| Response::builder().status(599).body(Bytes::from(why.to_string())).unwrap())
    ///     .build();
    /// layer.close();
    /// let (works, [head]) = ask(&layer, [get("/a")], ok).await;
    /// assert_eq!((works, head.status.as_u16()), (0, 599));
    /// # });
    /// ```
    pub fn refused<F>(mut self, answer: F) -> Self
    where
        F: Fn(&CallError) -> Response<Bytes> + Send + Sync + 'static,
    {
        self.settings.refused = Box::new(answer);
        self
    }

    /// Tells the facade `metrics` what the layer counts, under the name of the meter, how long requests
    /// wait for others and how long works take.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use singleflight_metrics::{Meter, Registry, Stat};
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let registry = Registry::new();
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([]), sleep)
    ///     .metrics(Meter::new(&registry, "edge"))
    ///     .build();
    /// ask(&layer, [get("/a"), get("/a")], ok).await;
    /// registry.publish(); // when they are scraped
    /// let numbers = registry.read(); // what was published
    /// assert!(numbers.iter().any(|one| (one.stat, one.value) == (Stat::Followed, 1)));
    /// # });
    /// ```
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self, meter: singleflight_metrics::Meter) -> Self {
        self.settings.meter = meter;
        self
    }

    /// Makes the layer.
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
    /// let layer = HttpCoalesce::builder(HttpKey::all_headers(), sleep).build();
    /// // One layer, one group: for all services that it makes.
    /// assert_eq!(ask(&layer, [get("/a"), get("/a")], ok).await.0, 1);
    /// # });
    /// ```
    pub fn build(mut self) -> HttpCoalesce {
        let key = self.settings.requests.key;
        // At the end: nothing that was said of other headers changes it.
        self.settings.requests.key = key.with(names(ALONE), Class::GoesAlone);
        let (flights, settings) = (self.flights.build(), self.settings);
        let hub = Hub(Arc::new(Inside { flights, settings }));
        #[cfg(feature = "metrics")]
        hub.0.settings.meter.watch(&hub.0, |of| of.flights.stats());
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
