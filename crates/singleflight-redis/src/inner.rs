//! What the calls of a group share.
//!
//! A caller that joins its process's flight after that flight has landed in Redis, but before its
//! own leader has heard of it, must not take its value: somebody elsewhere may have received it
//! already, and told. So each call takes a stamp when it arrives, and each message when it is sent.
//! A value counts for the callers that arrived before a message whose answer said that the flight
//! was still led. The others join anew, together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::codec::Codec;
use crate::engine::{Engine, Id};
use crate::error::CallError;
use crate::inbox::Places;
use crate::key::{Names, Slot};
use crate::outcome::{Outcome, Stats};
use crate::settings::Settings;
use crate::traceparent::Tell;

pub(crate) struct Inner<V> {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) names: Names,
    pub(crate) settings: Settings,
    pub(crate) codec: Box<dyn Codec<V>>,
    pub(crate) tell: Option<Tell>,
    /// In front: one caller for each key and process goes to Redis.
    pub(crate) flights: Flights<V>,
    /// A leader that waits for another process looks again when a call comes.
    arrivals: Places,
    /// The leases that this process holds; of several for a key, the newest: the others are lost.
    leading: Mutex<HashMap<Slot, Id>>,
    stats: Mutex<Stats>,
    #[cfg(feature = "metrics")]
    pub(crate) meter: singleflight_metrics::Meter,
}

/// The group of this process.
pub(crate) type Flights<V> = singleflight_core::Group<Slot, Landing<V>>;

/// What the caller that went to Redis brings back for all.
#[derive(Clone, Debug)]
pub(crate) struct Landing<V> {
    /// `None`: somebody else leads, and the caller does not wait.
    pub(crate) answer: Result<Option<Outcome<V>>, CallError>,
    /// It counts for those who arrived before this stamp.
    pub(crate) before: u64,
}

/// How long after a look the next one for newcomers comes.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

impl<V: Clone> Inner<V> {
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        names: Names,
        settings: Settings,
        codec: Box<dyn Codec<V>>,
        tell: Option<Tell>,
    ) -> Self {
        let flights = singleflight_core::Builder::new().max_failures(settings.max_failures);
        Self {
            engine,
            names,
            settings,
            codec,
            tell,
            flights: flights.build(),
            arrivals: Places::default(),
            leading: Mutex::default(),
            stats: Mutex::default(),
            #[cfg(feature = "metrics")]
            meter: singleflight_metrics::Meter::default(),
        }
    }
}

impl<V> Inner<V> {
    #[cfg(feature = "metrics")]
    pub(crate) fn metered(self, meter: singleflight_metrics::Meter) -> Self {
        Self { meter, ..self }
    }

    pub(crate) fn stamp(&self) -> u64 {
        self.engine.inbox().stamp()
    }

    pub(crate) fn arrive(&self, slot: &Slot) -> u64 {
        let arrived = self.stamp();
        self.arrivals.tell(slot, arrived);
        arrived
    }

    /// Waits until a caller has come after `before`, and some time after the last look.
    pub(crate) async fn newcomer(&self, slot: &Slot, before: u64, looked: Duration) {
        self.arrivals.later(slot, before).await;
        let next = looked + BETWEEN_LOOKS;
        let pause = next.saturating_sub(self.engine.now());
        self.engine.sleep(pause).await;
    }

    pub(crate) fn leading(&self) -> MutexGuard<'_, HashMap<Slot, Id>> {
        self.leading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
