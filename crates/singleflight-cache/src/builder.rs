//! What an aside is made with.

use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::AtomicUsize;
use core::time::Duration;

use singleflight_core::Group;

use crate::claims::Claims;
use crate::flights::{Flights, InProcess};
use crate::get::Aside;
use crate::load::Inner;
use crate::seed::Random;
use crate::settings::{Early, Look, Settings, StoreDown};
use crate::stats::Counts;
use crate::store::Store;

/// Makes an [`Aside`].
///
/// | an entry's age | a get |
/// |---|---|
/// | below `fresh_for` | returns it; near the end, as `early` says, somebody refreshes it |
/// | below `stale_for` beyond that | returns it, and somebody refreshes it |
/// | below `stale_if_error` beyond `fresh_for` | loads, and returns it if the load fails |
/// | older | loads |
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
/// # use map::Map;
/// use std::time::Duration;
/// use singleflight_cache::{Builder, Early};
///
/// let aside = Builder::new(Map::default())
///     .fresh_for(Duration::from_secs(60))
///     .stale_for(Duration::from_secs(600))
///     .early(Early::Share(0.8))
///     .build();
/// let name = aside.get(&7, async || Ok::<_, std::io::Error>(Some("Ada".to_owned()))).await?;
/// assert_eq!(name.as_deref(), Some("Ada"));
/// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
/// # }).unwrap();
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder<S> {
    store: S,
    seed: u64,
    settings: Settings,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970.
#[cfg(feature = "std")]
fn wall_clock() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, millis)
}

impl<S: Store> Builder<S> {
    /// Starts from the defaults, over a store.
    #[cfg(feature = "std")]
    pub fn new(store: S) -> Self {
        use core::hash::{BuildHasher, Hasher};

        let seed = std::hash::RandomState::new().build_hasher().finish();
        Self::with_clock(store, wall_clock, seed)
    }

    /// Starts from the defaults, over a store, with a clock and a seed of the caller's.
    ///
    /// The clock returns milliseconds: since 1970, where the store is shared or outlives the
    /// process. The seed must be another one in each process.
    pub fn with_clock(store: S, clock: fn() -> u64, seed: u64) -> Self {
        let settings = Settings {
            fresh_for: 600_000,
            absent_for: 30_000,
            stale_for: 0,
            stale_if_error: 0,
            jitter: share(0.1),
            look: Look::default(),
            unprotected: 0,
            early: Early::default(),
            after_failure: (1_000, 60_000),
            clock,
        };
        Self {
            store,
            seed,
            settings,
        }
    }

    /// Sets how long a value is fresh. Ten minutes unless told otherwise.
    pub fn fresh_for(mut self, time: Duration) -> Self {
        self.settings.fresh_for = millis(time);
        self
    }

    /// Sets how long it is believed that there is no value. 30 seconds unless told otherwise; with
    /// zero it is not stored.
    pub fn absent_for(mut self, time: Duration) -> Self {
        self.settings.absent_for = millis(time);
        self
    }

    /// Sets how long a value that is no longer fresh is served while it is refreshed. Zero unless
    /// told otherwise.
    pub fn stale_for(mut self, time: Duration) -> Self {
        self.settings.stale_for = millis(time);
        self
    }

    /// Sets how long a value that is no longer fresh is served where a load fails. Zero unless
    /// told otherwise. The answer says so: [`Freshness::AfterError`](crate::Freshness).
    pub fn stale_if_error(mut self, time: Duration) -> Self {
        self.settings.stale_if_error = millis(time);
        self
    }

    /// Sets by how much of their time entries expire early, each by a share of its own between
    /// zero and this. What was stored at once then does not expire at once. A tenth unless told
    /// otherwise; kept within 0 and 1.
    pub fn jitter(mut self, most: f64) -> Self {
        self.settings.jitter = share(most);
        self
    }

    /// Sets where a get looks.
    pub fn look(mut self, look: Look) -> Self {
        self.settings.look = look;
        self
    }

    /// Sets what a get does when the store fails to get.
    pub fn store_down(mut self, policy: StoreDown) -> Self {
        self.settings.unprotected = match policy {
            StoreDown::Fail => 0,
            StoreDown::Load { at_most } => at_most,
        };
        self
    }

    /// Sets when a value is refreshed before its time.
    pub fn early(mut self, early: Early) -> Self {
        self.settings.early = early;
        self
    }

    /// Sets how long an old value is not refreshed after a load for it has failed: `first`, and
    /// twice as long after each further failure, but no longer than `most`. A second and a minute
    /// unless told otherwise.
    pub fn after_failure(mut self, first: Duration, most: Duration) -> Self {
        self.settings.after_failure = (millis(first), millis(most));
        self
    }

    /// Makes the aside, with flights in this process.
    #[must_use = "an aside does nothing until it is asked"]
    pub fn build<E>(self) -> Aside<S, E> {
        self.build_over(InProcess::<S, E>::new())
    }

    /// Makes the aside over flights of the caller's choice, which may be shared between processes.
    #[must_use = "an aside does nothing until it is asked"]
    pub fn build_over<E, F: Flights<S, E>>(self, flights: F) -> Aside<S, E, F> {
        Aside(Arc::new(Inner {
            store: self.store,
            settings: self.settings,
            looks: Group::new(),
            loads: flights,
            marks: Claims::new(),
            claims: Claims::new(),
            duties: Claims::new(),
            random: Random::new(self.seed),
            counts: Counts::default(),
            unprotected: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            errors: PhantomData,
        }))
    }
}

/// A share as one of 2^32.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is clamped, and a cast saturates"
)]
fn share(part: f64) -> u32 {
    (part.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u32
}

impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
