//! What the calls of a group share.
//!
//! A caller that joins its process's flight after that flight has landed in Redis, but before its
//! own leader has heard of it, must not take its value: somebody elsewhere may have received it
//! already, and told. So each call takes a stamp when it arrives, and each message when it is sent.
//! A value counts for the callers that arrived before a message whose answer said that the flight
//! was still led. The others join anew, together.

use std::collections::HashMap;
use std::future::pending;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_listener::Event;

use crate::codec::Codec;
use crate::counts::Counts;
use crate::engine::{Engine, Id};
use crate::key::Slot;
use crate::local::Local;
use crate::settings::Settings;

pub(crate) struct Inner<V> {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) codec: Box<dyn Codec<V>>,
    pub(crate) settings: Settings,
    pub(crate) counts: Counts,
    pub(crate) local: Local<V>,
    pub(crate) prefix: Vec<u8>,
    pub(crate) hash: Option<Hash>,
    stamps: AtomicU64,
    arrivals: Box<[Arrivals]>,
    hasher: RandomState,
    leading: Mutex<HashMap<Id, Slot>>,
}

/// Makes of a key's bytes what stands in Redis.
pub(crate) type Hash = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// The calls of some keys: a leader that waits for another process looks again when one comes.
#[derive(Default)]
struct Arrivals {
    latest: AtomicU64,
    event: Event,
}

/// Keys share places. A newcomer of another key costs a look.
const PLACES: u64 = 256;

/// How long after a look the next one for newcomers comes.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// A flight that this process leads, until it is dropped.
pub(crate) struct Led<'a, V> {
    inner: &'a Inner<V>,
    id: Id,
}

impl<V> Inner<V> {
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        codec: Box<dyn Codec<V>>,
        settings: Settings,
        prefix: Vec<u8>,
        hash: Option<Hash>,
    ) -> Self
    where
        V: Clone,
    {
        Self {
            engine,
            codec,
            settings,
            counts: Counts::default(),
            local: Local::new(settings.max_failures),
            prefix,
            hash,
            stamps: AtomicU64::new(0),
            arrivals: (0..PLACES).map(|_| Arrivals::default()).collect(),
            hasher: RandomState::new(),
            leading: Mutex::default(),
        }
    }

    /// The next stamp: what was stamped before has a lower one.
    pub(crate) fn stamp(&self) -> u64 {
        self.stamps.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn arrive(&self, slot: &Slot) -> u64 {
        let arrived = self.stamp();
        let arrivals = self.arrivals(slot);
        arrivals.latest.fetch_max(arrived, Ordering::SeqCst);
        arrivals.event.notify(usize::MAX);
        arrived
    }

    fn arrivals(&self, slot: &Slot) -> &Arrivals {
        let place = self.hasher.hash_one(slot) % PLACES;
        let place = usize::try_from(place).expect("there are few places");
        &self.arrivals[place]
    }

    /// Waits until a caller has come after `before`, and some time after the last look.
    pub(crate) async fn newcomer(&self, slot: &Slot, before: u64, looked: Duration) {
        let arrivals = self.arrivals(slot);
        loop {
            // Pairs with the notification in `arrive`.
            let listener = arrivals.event.listen();
            if arrivals.latest.load(Ordering::SeqCst) > before {
                break;
            }
            listener.await;
        }
        let early = (looked + BETWEEN_LOOKS).saturating_sub(self.engine.now());
        if !early.is_zero() {
            self.engine.sleep(early).await;
        }
    }

    /// When a call gives up.
    pub(crate) async fn expiry(
        &self,
        begun: Duration,
        timeout: Option<Duration>,
        leads: &AtomicBool,
    ) {
        let passed = self.engine.now().saturating_sub(begun);
        let wait = self.settings.wait_at_most;
        let whole = timeout.unwrap_or(Duration::MAX);
        self.engine
            .sleep(wait.min(whole).saturating_sub(passed))
            .await;
        // A work of its own has its own time.
        if whole > wait && leads.load(Ordering::Relaxed) {
            if timeout.is_none() {
                pending::<()>().await;
            }
            self.engine.sleep(whole.saturating_sub(wait)).await;
        }
    }

    pub(crate) fn leading(&self) -> MutexGuard<'_, HashMap<Id, Slot>> {
        self.leading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn register(&self, id: Id, slot: &Slot) -> Led<'_, V> {
        self.leading().insert(id, slot.clone());
        Led { inner: self, id }
    }
}

impl<V> Drop for Led<'_, V> {
    fn drop(&mut self) {
        self.inner.leading().remove(&self.id);
    }
}
