//! What the calls of a group share.
//!
//! A caller that joins its process's flight after that flight has landed in Redis, but before its
//! own leader has heard of it, must not take its value: somebody elsewhere may have received it
//! already, and told. So each call takes a stamp when it arrives, and each message when it is sent.
//! A value counts for the callers that arrived before a message whose answer said that the flight
//! was still led. The others join anew, together.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_listener::Event;

use crate::codec::Codec;
use crate::counts::Counts;
use crate::engine::{Engine, Id};
use crate::error::CallError;
use crate::key::Slot;
use crate::outcome::Outcome;
use crate::settings::Settings;

pub(crate) struct Inner<V> {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) codec: Box<dyn Codec<V>>,
    pub(crate) settings: Settings,
    pub(crate) counts: Counts,
    /// In front: one caller for each key and process goes to Redis.
    pub(crate) flights: Flights<V>,
    pub(crate) prefix: Vec<u8>,
    pub(crate) hash: Option<Hash>,
    stamps: AtomicU64,
    arrivals: Box<[Arrivals]>,
    hasher: RandomState,
    leading: Mutex<HashMap<Id, Slot>>,
}

/// The group of this process.
pub(crate) type Flights<V> = singleflight_core::Group<Slot, Landing<V>>;

/// Makes of a key's bytes what stands in Redis.
pub(crate) type Hash = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// What the caller that went to Redis brings back for all.
#[derive(Clone, Debug)]
pub(crate) struct Landing<V> {
    /// `None`: somebody else leads, and the caller does not wait.
    pub(crate) answer: Result<Option<Outcome<V>>, CallError>,
    /// It counts for those who arrived before this stamp.
    pub(crate) before: u64,
}

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

impl<V: Clone> Inner<V> {
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        codec: Box<dyn Codec<V>>,
        settings: Settings,
        prefix: Vec<u8>,
        hash: Option<Hash>,
    ) -> Self {
        let flights = singleflight_core::Builder::new().max_failures(settings.max_failures);
        Self {
            engine,
            codec,
            settings,
            counts: Counts::default(),
            flights: flights.build(),
            prefix,
            hash,
            stamps: AtomicU64::new(0),
            arrivals: (0..PLACES).map(|_| Arrivals::default()).collect(),
            hasher: RandomState::new(),
            leading: Mutex::default(),
        }
    }
}

impl<V> Inner<V> {
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
        &self.arrivals[usize::try_from(place).expect("there are few places")]
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
        let next = looked + BETWEEN_LOOKS;
        self.engine
            .sleep(next.saturating_sub(self.engine.now()))
            .await;
    }

    /// The leases that this process holds.
    pub(crate) fn leading(&self) -> MutexGuard<'_, HashMap<Id, Slot>> {
        self.leading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
