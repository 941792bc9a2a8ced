//! The service behind the live page: how a request is answered changes while it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use singleflight_tokio::{FlightInfo, Group, Stats};
use tokio::sync::watch;
use tokio::task;
use tokio::time::sleep;

use super::controls::{IN_THE_PROCESS, Settings, TASK};
use crate::client::ASKER;
use crate::pool::Pool;
use crate::service::Answer;

/// The service. Cheaply cloned; clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pool: Pool,
    group: Group<String, Answer>,
    settings: watch::Receiver<Settings>,
    leaders: Leaders,
}

impl Service {
    /// Makes the service over a pool of connections.
    pub(crate) fn new(pool: Pool, settings: watch::Receiver<Settings>) -> Self {
        Self {
            pool,
            group: Group::new(),
            settings,
            leaders: Leaders::default(),
        }
    }

    /// Makes its route: `GET /sales/{key}`.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/sales/{key}", get(respond))
            .with_state(self)
    }

    /// Returns how many queries have reached the database.
    pub(crate) fn queries(&self) -> u64 {
        self.pool.queries()
    }

    /// Returns the counts of the group.
    pub(crate) fn stats(&self) -> Stats {
        self.group.stats()
    }

    /// Returns what is in flight.
    pub(crate) fn flights(&self) -> Vec<FlightInfo<String>> {
        self.group.flights()
    }

    /// Returns the request that leads the flight with the most followers, and its key.
    pub(crate) fn busiest_leader(&self) -> Option<(u64, String)> {
        let leaders = self.leaders.with(|leaders| leaders.clone());
        leaders
            .into_iter()
            .max_by_key(|(_, key)| self.group.followers(key.as_str()))
    }

    /// Answers one request. A further way to coalesce is one more arm here.
    async fn answer(&self, key: String, asker: u64) -> Answer {
        let settings = *self.settings.borrow();
        match (settings.coalescing, settings.driver) {
            (IN_THE_PROCESS, TASK) => {
                let (service, of) = (self.clone(), key.clone());
                let lead = move || async move { service.lead(of, asker).await };
                self.group.spawn(key, lead).await?
            }
            (IN_THE_PROCESS, _) => {
                let lead = || self.lead(key.clone(), asker);
                self.group.run(key.as_str(), lead).await?
            }
            _ => self.query(&key).await,
        }
    }

    /// Queries for all who wait.
    async fn lead(&self, key: String, asker: u64) -> Answer {
        let _leading = self.leaders.enter(asker, key.clone());
        self.query(&key).await
    }

    /// Queries a database that is far away: the connection is held for the work time.
    async fn query(&self, key: &str) -> Answer {
        let lease = self.pool.take().await?;
        let work = self.settings.borrow().work;
        sleep(Duration::from_millis(work.into())).await;
        let key = key.to_owned();
        task::spawn_blocking(move || lease.query(&key)).await?
    }
}

async fn respond(
    State(service): State<Service>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<String, (StatusCode, String)> {
    let asker = headers.get(ASKER).and_then(|value| value.to_str().ok());
    let asker = asker.and_then(|value| value.parse().ok()).unwrap_or(0);
    match service.answer(key.clone(), asker).await {
        Ok(sales) => Ok(sales.body(&key)),
        Err(failed) => Err((StatusCode::INTERNAL_SERVER_ERROR, failed.to_string())),
    }
}

/// The requests whose works run, and their keys.
#[derive(Clone, Debug, Default)]
struct Leaders(Arc<Mutex<BTreeMap<u64, String>>>);

impl Leaders {
    fn enter(&self, asker: u64, key: String) -> Leading {
        self.with(|leaders| leaders.insert(asker, key));
        Leading {
            leaders: self.clone(),
            asker,
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut BTreeMap<u64, String>) -> R) -> R {
        // One call changes it, so that it is whole whatever happens.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A work that runs, until it is dropped.
struct Leading {
    leaders: Leaders,
    asker: u64,
}

impl Drop for Leading {
    fn drop(&mut self) {
        self.leaders.with(|leaders| leaders.remove(&self.asker));
    }
}
