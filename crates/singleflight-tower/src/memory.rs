//! The keys whose answers were not shared although somebody waited for them: for a while their
//! requests go alone, rather than wait in vain again.
//!
//! It holds hashes of keys, by secrets of its own: two keys that have one cost no more than a request
//! that goes alone.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::flight_key::FlightKey;

pub(crate) struct Memory {
    lasts: Duration,
    most: usize,
    hasher: RandomState,
    /// So a layer that remembers nothing takes no lock.
    is_used: AtomicBool,
    known: Mutex<Known>,
}

/// When each ends; those without a time do not.
#[derive(Default)]
struct Known {
    ends: HashMap<u64, Option<Instant>>,
    /// When the last one does.
    last: Option<Instant>,
}

impl Memory {
    pub(crate) fn new(lasts: Duration, most: usize) -> Self {
        Self {
            lasts,
            most,
            hasher: RandomState::new(),
            is_used: AtomicBool::new(false),
            known: Mutex::default(),
        }
    }

    /// Remembers a key. It is not prolonged by being remembered, or asked for, again.
    pub(crate) fn remember(&self, key: &FlightKey) {
        if self.most == 0 {
            return;
        }
        let (hash, now) = (self.hasher.hash_one(key), Instant::now());
        let Known { ends, last } = &mut *self.known();
        *last = now.checked_add(self.lasts);
        ends.retain(|_, until| lasts(*until, now));
        ends.entry(hash).or_insert(*last);
        if ends.len() > self.most {
            let oldest = ends
                .iter()
                .min_by_key(|(_, until)| (until.is_none(), **until));
            if let Some(oldest) = oldest.map(|(hash, _)| *hash) {
                ends.remove(&oldest);
            }
        }
        self.is_used.store(true, Ordering::Relaxed);
    }

    /// Whether requests of this key go alone. One that comes while a key is being remembered may miss
    /// it, and is told by the flight.
    pub(crate) fn knows(&self, key: &FlightKey) -> bool {
        if !self.is_used.load(Ordering::Relaxed) {
            return false;
        }
        let (hash, now) = (self.hasher.hash_one(key), Instant::now());
        let Known { ends, last } = &mut *self.known();
        if !lasts(*last, now) {
            ends.clear();
        }
        let is_known = ends.get(&hash).is_some_and(|until| lasts(*until, now));
        if !is_known {
            ends.remove(&hash);
            self.is_used.store(!ends.is_empty(), Ordering::Relaxed);
        }
        is_known
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing under the lock panics half-way: a key is hashed before it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lasts(until: Option<Instant>, now: Instant) -> bool {
    until.is_none_or(|until| until > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(uri: &str) -> FlightKey {
        let request = http::Request::get(uri).body(());
        let (head, ()) = request.expect("it is one").into_parts();
        FlightKey::new(&head, None, 0)
    }

    #[test]
    fn what_is_over_costs_no_lock() {
        let memory = Memory::new(Duration::ZERO, 1024);
        memory.remember(&key("/gone"));
        assert!(!memory.knows(&key("/other")));
        assert!(memory.known().ends.is_empty());
        assert!(!memory.is_used.load(Ordering::Relaxed));
    }
}
