//! The herd: clients that arrive at random moments for as long as the page is served.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::controls::Settings;
use super::counts::Counts;
use crate::client::Client;
use crate::ledger::Ledger;
use crate::zipf::Zipf;

/// A herd that is further behind than this skips what it has missed.
const BEHIND: Duration = Duration::from_secs(1);

/// How long it looks away when nothing is to arrive.
const IDLE: Duration = Duration::from_millis(100);

/// All clients.
#[derive(Debug)]
pub(crate) struct Herd {
    /// Where the processes of the service are. Each request goes to one of them, at random.
    pub(crate) addresses: Vec<SocketAddr>,
    /// How many requests may be open at a time.
    pub(crate) most: usize,
    /// How many keys they ask for.
    pub(crate) keys: u32,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) settings: watch::Receiver<Settings>,
    pub(crate) clients: Clients,
}

/// Who is connected.
#[derive(Debug)]
pub(crate) struct Clients {
    /// Of each process.
    idle: Vec<Mutex<Vec<Client>>>,
    /// By the number that the request carries.
    open: Mutex<HashMap<u64, AbortHandle>>,
}

impl Clients {
    pub(crate) fn of(processes: usize) -> Self {
        Self {
            idle: (0..processes).map(|_| Mutex::default()).collect(),
            open: Mutex::default(),
        }
    }
}

impl Herd {
    /// Lets clients arrive, until it is dropped.
    pub(crate) async fn run(self: Arc<Self>, seed: u64) {
        let mut random = Rng::with_seed(seed);
        let mut skew = self.settings.borrow().skew;
        let mut zipf = Zipf::new(self.keys, f64::from(skew) / 10.0);
        let mut due = Instant::now();
        for number in 1.. {
            let settings = loop {
                let settings = *self.settings.borrow();
                if settings.load > 0 {
                    break settings;
                }
                due = Instant::now() + IDLE;
                sleep_until(due).await;
            };
            // Arrivals that know nothing of each other are so far apart.
            let apart = -(1.0 - random.f64()).ln() / f64::from(settings.load);
            due += Duration::from_secs_f64(apart);
            let now = Instant::now();
            if due + BEHIND < now {
                due = now;
            }
            if due > now {
                // No longer than this, so that a slider is seen to act.
                sleep_until(due.min(now + IDLE)).await;
                if due > now + IDLE {
                    due = Instant::now();
                    continue;
                }
            }
            if skew != settings.skew {
                skew = settings.skew;
                zipf = Zipf::new(self.keys, f64::from(skew) / 10.0);
            }
            let key = format!("item-{}", zipf.draw(&mut random) + 1);
            let leaves = random.u32(0..100) < settings.disconnects;
            let patience = leaves.then(|| {
                let work = Duration::from_millis(settings.work.max(1).into());
                work.mul_f64(random.f64())
            });
            let process = random.usize(0..self.addresses.len());
            self.arrive(number, key, due, patience, process);
        }
    }

    /// Disconnects the client of a request; returns whether the request was open.
    pub(crate) fn disconnect(&self, number: u64) -> bool {
        let task = locked(&self.clients.open).remove(&number);
        task.inspect(AbortHandle::abort).is_some()
    }

    /// Returns how many requests are open.
    pub(crate) fn open(&self) -> usize {
        locked(&self.clients.open).len()
    }

    /// One client comes, unless there are too many.
    fn arrive(
        self: &Arc<Self>,
        number: u64,
        key: String,
        due: Instant,
        patience: Option<Duration>,
        process: usize,
    ) {
        let mut open = locked(&self.clients.open);
        if open.len() >= self.most {
            drop(open);
            self.counts.with(|since| since.unsent += 1);
            return;
        }
        let request = Request {
            herd: Arc::clone(self),
            number,
            process,
            ended: false,
        };
        let task = tokio::spawn(async move {
            let asked = request.ask(key, due);
            match patience {
                Some(patience) => drop(timeout(patience, asked).await),
                None => asked.await,
            }
        });
        // The task cannot take itself out before it is in: the list is locked.
        open.insert(number, task.abort_handle());
        drop(open);
        self.counts.with(|since| since.arrived += 1);
    }
}

/// A request that is open, until it is dropped.
struct Request {
    herd: Arc<Herd>,
    number: u64,
    process: usize,
    ended: bool,
}

impl Request {
    async fn ask(mut self, key: String, due: Instant) {
        let answer = self.answer(&key).await;
        let latency = due.elapsed();
        self.ended = true;
        self.herd.counts.with(|since| match answer {
            Ok(()) => since.answered(latency),
            Err(fault) => since.failed(fault),
        });
    }

    async fn answer(&self, key: &str) -> Result<(), String> {
        let herd = &self.herd;
        let idle = locked(&herd.clients.idle[self.process]).pop();
        let mut client = match idle {
            Some(client) => client,
            None => Client::connect(herd.addresses[self.process])
                .await
                .map_err(|fault| fault.to_string())?,
        };
        let body = client.get_as(self.number, key).await;
        let body = body.map_err(|fault| fault.to_string())?;
        locked(&herd.clients.idle[self.process]).push(client);
        if body == herd.ledger.sales(key).body(key) {
            Ok(())
        } else {
            Err(format!(
                "a wrong answer for {key}: {}",
                String::from_utf8_lossy(&body).trim()
            ))
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        locked(&self.herd.clients.open).remove(&self.number);
        if !self.ended {
            self.herd.counts.with(|since| since.left += 1);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // One call changes the list, so that it is whole whatever happens.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
