//! Where this process hears of something, flight by flight: that one has ended, that a caller has
//! come.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use event_listener::Event;

use crate::key::Id;
use crate::seeds::planted;

/// A channel to which this process is subscribed, and those who wait for what comes.
pub(crate) struct Inbox {
    pub(crate) channel: Vec<u8>,
    stamps: AtomicU64,
    ended: Places,
}

impl Inbox {
    pub(crate) fn new(channel: Vec<u8>) -> Self {
        Self {
            channel,
            stamps: AtomicU64::new(1),
            ended: Places::default(),
        }
    }

    /// The next stamp: what was stamped before has a lower one.
    pub(crate) fn stamp(&self) -> u64 {
        self.stamps.fetch_add(1, Ordering::SeqCst)
    }

    /// A message has come: whoever waits for that flight looks.
    pub(crate) fn push(&self, payload: &[u8]) {
        if let Ok(id) = Id::try_from(payload) {
            self.ended.tell(&id, self.stamp());
        }
    }

    /// Messages may have been missed: everybody who waits looks.
    pub(crate) fn push_all(&self) {
        if !planted("no-look-after-subscribing") {
            self.ended.tell_all(self.stamp());
        }
    }

    /// Waits for a message about a flight that came later than `stamp`.
    pub(crate) async fn pushed(&self, id: &Id, stamp: u64) {
        self.ended.later(id, stamp).await;
    }
}

/// Something that happens to some of many, and when it did last. They share places: whoever waits
/// for one is woken for a few others, too.
pub(crate) struct Places {
    all: Box<[Place]>,
    hasher: RandomState,
}

#[derive(Default)]
struct Place {
    latest: AtomicU64,
    event: Event,
}

const PLACES: u64 = 1024;

impl Places {
    fn of(&self, which: &impl Hash) -> &Place {
        let place = self.hasher.hash_one(which) % PLACES;
        &self.all[usize::try_from(place).expect("there are few places")]
    }

    /// It has happened.
    pub(crate) fn tell(&self, which: &impl Hash, stamp: u64) {
        self.of(which).tell(stamp);
    }

    fn tell_all(&self, stamp: u64) {
        for place in &self.all {
            place.tell(stamp);
        }
    }

    /// Waits until it has happened later than `stamp`.
    pub(crate) async fn later(&self, which: &impl Hash, stamp: u64) {
        let place = self.of(which);
        loop {
            // Pairs with `Place::tell`.
            let listener = place.event.listen();
            if place.latest.load(Ordering::SeqCst) > stamp {
                return;
            }
            listener.await;
        }
    }
}

impl Place {
    fn tell(&self, stamp: u64) {
        self.latest.fetch_max(stamp, Ordering::SeqCst);
        self.event.notify(usize::MAX);
    }
}

impl Default for Places {
    fn default() -> Self {
        Self {
            all: (0..PLACES).map(|_| Place::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}
