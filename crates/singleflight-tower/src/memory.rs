//! The keys whose answers were not shared although somebody waited for them: for a while their
//! requests go alone, rather than wait in vain again.
//!
//! It holds hashes of keys, by secrets of its own: two keys that have one cost no more than a request
//! that goes alone.

use std::collections::hash_map::RandomState;
use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::flight_key::FlightKey;

pub(crate) struct Memory {
    lasts: Duration,
    most: usize,
    hasher: RandomState,
    /// How many there are, so that a layer that never had one takes no lock.
    count: AtomicUsize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    hashes: HashSet<u64>,
    /// The same, the oldest first, with the time at which each ends.
    order: VecDeque<(Instant, u64)>,
}

impl Memory {
    pub(crate) fn new(lasts: Duration, most: usize) -> Self {
        Self {
            lasts,
            most,
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
            known: Mutex::default(),
        }
    }

    /// Remembers a key. It is not prolonged by being remembered, or asked for, again.
    pub(crate) fn remember(&self, key: &FlightKey) {
        let Some(until) = Instant::now().checked_add(self.lasts) else {
            return;
        };
        let hash = self.hasher.hash_one(key);
        let mut known = self.known();
        if self.most > 0 && known.hashes.insert(hash) {
            known.order.push_back((until, hash));
            if known.order.len() > self.most {
                known.forget_oldest();
            }
        }
        self.count.store(known.order.len(), Ordering::Relaxed);
    }

    /// Whether requests of this key go alone. One that comes while a key is being remembered may miss
    /// it, and is told by the flight.
    pub(crate) fn knows(&self, key: &FlightKey) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let hash = self.hasher.hash_one(key);
        let now = Instant::now();
        let mut known = self.known();
        while known.order.front().is_some_and(|(until, _)| *until <= now) {
            known.forget_oldest();
        }
        self.count.store(known.order.len(), Ordering::Relaxed);
        known.hashes.contains(&hash)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing under the lock panics half-way.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn forget_oldest(&mut self) {
        if let Some((_, hash)) = self.order.pop_front() {
            self.hashes.remove(&hash);
        }
    }
}
