//! Counts by which a load tells that what somebody saw in the store may have changed since.

use core::array;
use core::hash::{BuildHasher as _, Hash};
use core::marker::PhantomData;
use core::sync::atomic::{AtomicUsize, Ordering};

use singleflight_core::DefaultHashBuilder;

use crate::on_drop::OnDrop;

/// Keys share counts. More of them make it rarer that a key is taken for another one that was
/// invalidated.
const COUNTS: usize = 64;

/// A hash times this has in its higher bits what the lower ones tell too: the core chooses a shard so.
const SPREAD: u64 = 0_u64.wrapping_sub(0x61c8_8647);

/// What has happened to the keys, counted up only.
pub(crate) struct Changes<K> {
    /// Loads that have ended, in whatever way, and invalidations.
    all: AtomicUsize,
    /// Invalidations.
    of_keys: [AtomicUsize; COUNTS],
    /// Removals of everything that are on their way.
    removals: AtomicUsize,
    hasher: DefaultHashBuilder,
    keys: PhantomData<fn(&K)>,
}

impl<K: Hash> Changes<K> {
    pub(crate) fn new() -> Self {
        Self {
            all: AtomicUsize::new(0),
            of_keys: array::from_fn(|_| AtomicUsize::new(0)),
            removals: AtomicUsize::new(0),
            hasher: DefaultHashBuilder::default(),
            keys: PhantomData,
        }
    }

    /// Returns how many changes there have been.
    pub(crate) fn all(&self) -> usize {
        // Pairs with `ended` and `voided`.
        self.all.load(Ordering::Acquire)
    }

    /// Returns how often a key was invalidated, or another one with which it shares its count.
    pub(crate) fn of(&self, key: &K) -> usize {
        // Pairs with `voided`.
        self.count(key).load(Ordering::Acquire)
    }

    fn count(&self, key: &K) -> &AtomicUsize {
        let hash = self.hasher.hash_one(key).wrapping_mul(SPREAD);
        let place = (hash >> 41) % COUNTS as u64;
        &self.of_keys[usize::try_from(place).expect("there are few counts")]
    }

    /// A load has ended.
    pub(crate) fn ended(&self) {
        self.all.fetch_add(1, Ordering::Release);
    }

    /// A key is invalidated. First `all`: a load that reads its key's count first, and then all, sees either
    /// both, or that its key's has risen in the end.
    pub(crate) fn voided(&self, key: &K) {
        self.ended();
        self.count(key).fetch_add(1, Ordering::Release);
    }

    /// The same for all keys.
    pub(crate) fn voided_all(&self) {
        self.ended();
        for count in &self.of_keys {
            count.fetch_add(1, Ordering::Release);
        }
    }

    /// Says until its end that everything is being removed. It is ordered by the lock of the marks, which are
    /// made void after it.
    pub(crate) fn removing(&self) -> OnDrop<impl Fn()> {
        self.removals.fetch_add(1, Ordering::Relaxed);
        OnDrop(|| {
            self.removals.fetch_sub(1, Ordering::Relaxed);
        })
    }

    pub(crate) fn is_removing(&self) -> bool {
        self.removals.load(Ordering::Relaxed) > 0
    }
}
