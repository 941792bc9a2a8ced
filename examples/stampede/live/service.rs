//! The service behind the live page, in one of its processes: how a request is answered changes while
//! it runs.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use moka::future::Cache;
use serde_json::{Value, json};
use singleflight_cache::{Aside, Builder, Look};
use singleflight_redis::Group as Between;
use singleflight_tokio::Group;
use singleflight_tower::{HttpCoalesce, HttpKey};
use tokio::sync::watch;
use tokio::task;
use tokio::time::sleep;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::controls::{
    BETWEEN_PROCESSES, BY_THE_LAYER, FOR_A_SECOND, IN_THE_PROCESS, KEPT, OFF, Settings, TASK,
};
use crate::cached::failed;
use crate::client::ASKER;
use crate::ledger::Sales;
use crate::moka_store::MokaStore;
use crate::pool::{Pool, QueryFailed};
use crate::service::Answer;

/// How many values a cache holds.
const ENTRIES: u64 = 100_000;

/// How many flights a report names.
const SHOWN: usize = 8;

/// The service. Cheaply cloned; clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Service(Arc<Inside>);

struct Inside {
    pool: Pool,
    settings: watch::Receiver<Settings>,
    started: Instant,
    group: Group<String, Answer>,
    /// Driven by callers, and by tasks.
    layers: [HttpCoalesce; 2],
    /// Where there is a Redis.
    between: Option<Between<str, Sales>>,
    /// For those who do not coalesce behind it.
    cache: Cache<String, Sales>,
    aside: Aside<MokaStore<String, Sales>, QueryFailed>,
    /// The requests whose works run: their keys, and whether others can wait for them.
    leaders: Locked<BTreeMap<u64, (String, bool)>>,
    /// How many requests are open for each key.
    open: Locked<HashMap<String, usize>>,
    asked: AtomicU64,
    hits: AtomicU64,
    led: AtomicU64,
    followed: AtomicU64,
    /// Requests that the aside has answered, by what it had or by the load of another one.
    served: AtomicU64,
}

impl Service {
    /// Makes the service over a pool of connections.
    pub(crate) fn new(
        pool: Pool,
        settings: watch::Receiver<Settings>,
        between: Option<Between<str, Sales>>,
    ) -> Self {
        let layer = || HttpCoalesce::builder(HttpKey::uri_and([]), sleep);
        let detached = layer().detached(|work| drop(task::spawn(work)));
        let aside = Builder::new(MokaStore::new(ENTRIES)).look(Look::Both);
        Self(Arc::new(Inside {
            pool,
            settings,
            started: Instant::now(),
            group: Group::new(),
            layers: [layer().build(), detached.build()],
            between,
            cache: Cache::builder()
                .max_capacity(ENTRIES)
                .time_to_live(KEPT)
                .build(),
            aside: aside.fresh_for(KEPT).stale_for(KEPT).build(),
            leaders: Locked::default(),
            open: Locked::default(),
            asked: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            led: AtomicU64::new(0),
            followed: AtomicU64::new(0),
            served: AtomicU64::new(0),
        }))
    }

    /// Makes its route: `GET /sales/{key}`.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/sales/{key}", get(respond))
            .with_state(self)
    }

    /// Returns the request that leads the flight for whose key most are open: its number, its key and
    /// how many these are.
    pub(crate) fn busiest_leader(&self) -> Option<(u64, String, usize)> {
        let open = self.0.open.with(|open| open.clone());
        let leaders = self.0.leaders.with(|leaders| leaders.clone());
        let leads = leaders.into_iter().filter(|(_, (_, is_flight))| *is_flight);
        let with_open = leads.map(|(asker, (key, _))| {
            let open = open.get(&key).copied().unwrap_or(0);
            (asker, key, open)
        });
        with_open.max_by_key(|(_, _, open)| *open)
    }

    /// Returns what it has done so far, and what is in flight.
    pub(crate) fn report(&self) -> Value {
        let inside = &*self.0;
        let mut flights = inside.open.with(|open| open.clone());
        let leaders = inside.leaders.with(|leaders| leaders.clone());
        for (key, _) in leaders.values() {
            let followers = flights.entry(key.clone()).or_default();
            *followers = followers.saturating_sub(1);
        }
        let followers: usize = flights.values().sum();
        let mut most: Vec<_> = flights.into_iter().collect();
        most.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        most.truncate(SHOWN);
        let (group, cache) = (inside.group.stats(), inside.aside.stats());
        let layers = inside.layers.each_ref().map(HttpCoalesce::stats);
        let between = inside
            .between
            .as_ref()
            .map(Between::stats)
            .unwrap_or_default();
        let by_layers = |count: fn(&singleflight_tokio::Stats) -> u64| -> u64 {
            layers.iter().map(count).sum()
        };
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let hits = cache.hits as u64;
        let waited = read(&inside.served).saturating_sub(hits);
        json!({
            "micros": u64::try_from(inside.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "requests": read(&inside.asked),
            "queries": inside.pool.queries(),
            "hits": read(&inside.hits) + hits,
            "led": read(&inside.led),
            "followed": read(&inside.followed) + waited + by_layers(|stats| stats.followed),
            "handed_over": group.handed_over + between.taken_over + by_layers(|stats| stats.handed_over),
            // Of its own flights the aside does not tell it.
            "hides_some": inside.settings.borrow().has_aside(),
            "down": between.down,
            "in_flight": leaders.len(),
            "followers": followers,
            "flights": most,
        })
    }

    /// Answers one request.
    async fn answer(&self, key: String, asker: u64) -> Answer {
        let settings = *self.0.settings.borrow();
        if settings.cache != FOR_A_SECOND {
            return self.coalesced(key, asker).await;
        }
        if !settings.has_aside() {
            return self.cached(key, asker).await;
        }
        let (service, of) = (self.clone(), key.clone());
        let (loads, loaded) = (Arc::new(AtomicBool::new(false)), Ordering::Relaxed);
        let own = Arc::clone(&loads);
        let load = async move || {
            own.store(true, loaded);
            service.coalesced(of, asker).await.map(Some)
        };
        let got = self.0.aside.get_with_age(&key, load).await;
        let is_served = !loads.load(loaded);
        self.0.served.fetch_add(is_served.into(), loaded);
        let got = got.map_err(failed)?;
        if let Some(refresh) = got.refresh {
            task::spawn(refresh.run());
        }
        Ok(got.value.expect("every key has sales"))
    }

    /// As most write it: look, query, keep. All who miss at once query.
    async fn cached(&self, key: String, asker: u64) -> Answer {
        if let Some(sales) = self.0.cache.get(&key).await {
            self.0.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(sales);
        }
        let sales = self.lead(key.clone(), asker).await?;
        self.0.cache.insert(key, sales).await;
        Ok(sales)
    }

    async fn coalesced(&self, key: String, asker: u64) -> Answer {
        let settings = *self.0.settings.borrow();
        let service = self.clone();
        match (settings.coalescing, settings.driver, &self.0.between) {
            (IN_THE_PROCESS, TASK, _) => {
                let of = key.clone();
                let lead = move || async move { service.lead(of, asker).await };
                let outcome = self.0.group.spawn(key, lead).outcome().await?;
                self.count(!outcome.is_leader());
                outcome.value
            }
            (IN_THE_PROCESS, _, _) => {
                let lead = || self.lead(key.clone(), asker);
                let outcome = self.0.group.run_outcome(key.as_str(), lead).await?;
                self.count(!outcome.is_leader());
                outcome.value
            }
            (BETWEEN_PROCESSES, TASK, Some(_)) => {
                task::spawn(async move { service.between(key, asker).await }).await?
            }
            (BETWEEN_PROCESSES, _, Some(_)) => self.between(key, asker).await,
            _ => self.lead(key, asker).await,
        }
    }

    async fn between(&self, key: String, asker: u64) -> Answer {
        let group = self.0.between.as_ref().expect("it was looked for");
        let leads = AtomicBool::new(false);
        let outcome = group.call(key.as_str()).try_run_outcome(|_| {
            leads.store(true, Ordering::Relaxed);
            self.lead(key.clone(), asker)
        });
        let outcome = outcome.await??;
        // Without Redis, too, those who share a work follow.
        self.count(!leads.load(Ordering::Relaxed));
        Ok(outcome.value)
    }

    fn count(&self, follows: bool) {
        self.0.followed.fetch_add(follows.into(), Ordering::Relaxed);
    }

    /// Queries for all who wait.
    async fn lead(&self, key: String, asker: u64) -> Answer {
        self.0.led.fetch_add(1, Ordering::Relaxed);
        let is_flight = self.0.settings.borrow().coalescing != OFF;
        let _leading = Leading::enter(&self.0, asker, (key.clone(), is_flight));
        self.query(&key).await
    }

    /// Queries a database that is far away: the connection is held for the work time.
    async fn query(&self, key: &str) -> Answer {
        let lease = self.0.pool.take().await?;
        let work = self.0.settings.borrow().work;
        sleep(Duration::from_millis(work.into())).await;
        let key = key.to_owned();
        task::spawn_blocking(move || lease.query(&key)).await?
    }
}

async fn respond(
    State(service): State<Service>,
    Path(key): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let asker = headers.get(ASKER).and_then(|value| value.to_str().ok());
    let asker = asker.and_then(|value| value.parse().ok()).unwrap_or(0);
    service.0.asked.fetch_add(1, Ordering::Relaxed);
    let _open = Open::enter(&service.0, key.clone());
    let settings = *service.0.settings.borrow();
    if settings.coalescing != BY_THE_LAYER {
        return spoken(&key, service.answer(key.clone(), asker).await);
    }
    let layer = service.0.layers[usize::from(settings.driver == TASK)].clone();
    let led_by = service.clone();
    let inner = service_fn(move |_: Request| {
        let (service, key) = (led_by.clone(), key.clone());
        async move { Ok::<_, Infallible>(spoken(&key, service.answer(key.clone(), asker).await)) }
    });
    match layer.layer(inner).oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(shared) => match Infallible::from(shared) {},
    }
}

fn spoken(key: &str, answer: Answer) -> Response {
    match answer {
        Ok(sales) => sales.body(key).into_response(),
        Err(failed) => (StatusCode::INTERNAL_SERVER_ERROR, failed.to_string()).into_response(),
    }
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Locked<T>(Mutex<T>);

impl<T> Locked<T> {
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // One call changes it, so that it is whole whatever happens.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A work that runs, until it is dropped.
struct Leading<'a>(&'a Inside, u64);

impl<'a> Leading<'a> {
    fn enter(inside: &'a Inside, asker: u64, what: (String, bool)) -> Self {
        inside.leaders.with(|leaders| leaders.insert(asker, what));
        Self(inside, asker)
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.0.leaders.with(|leaders| leaders.remove(&self.1));
    }
}

/// A request that is open, until it is dropped.
struct Open<'a>(&'a Inside, String);

impl<'a> Open<'a> {
    fn enter(inside: &'a Inside, key: String) -> Self {
        inside
            .open
            .with(|open| *open.entry(key.clone()).or_default() += 1);
        Self(inside, key)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.with(|open| {
            let left = open.get_mut(&self.1).map_or(0, |count| {
                *count -= 1;
                *count
            });
            if left == 0 {
                open.remove(&self.1);
            }
        });
    }
}
