//! What an aside is made with.

use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::AtomicUsize;
use core::time::Duration;

use singleflight_core::Group;

use crate::changes::Changes;
use crate::claims::Claims;
use crate::flights::{Flights, InProcess};
use crate::get::Aside;
use crate::inner::Inner;
use crate::seed::Random;
use crate::settings::{Early, Look, Settings, StoreDown};
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
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::Builder;
    ///
    /// let aside = Builder::new(Map::default()).build();
    /// let name = aside.get(&7, async || Ok::<_, std::io::Error>(Some("Ada".to_owned()))).await?;
    /// assert_eq!(name.as_deref(), Some("Ada"));
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use singleflight_cache::Builder;
    ///
    /// static NOW: AtomicU64 = AtomicU64::new(0);
    ///
    /// let builder = Builder::with_clock(Map::default(), || NOW.load(Ordering::Relaxed), 7);
    /// let aside = builder.build::<std::io::Error>();
    /// aside.get(&7, async || Ok(Some("old".to_owned()))).await?;
    /// NOW.store(600_000, Ordering::Relaxed); // ten minutes later
    /// let name = aside.get(&7, async || Ok(Some("new".to_owned()))).await?;
    /// assert_eq!(name.as_deref(), Some("new"));
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use std::time::Duration;
    /// use singleflight_cache::Builder;
    ///
    /// let aside = Builder::new(Map::default()).fresh_for(Duration::ZERO).build();
    /// for name in ["Ada", "Countess"] {
    ///     let load = async || Ok::<_, std::io::Error>(Some(name.to_owned()));
    ///     assert_eq!(aside.get(&7, load).await?.as_deref(), Some(name), "nothing is ever fresh");
    /// }
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub fn fresh_for(mut self, time: Duration) -> Self {
        self.settings.fresh_for = millis(time);
        self
    }

    /// Sets how long it is believed that there is no value. 30 seconds unless told otherwise; with
    /// zero it is not stored, and an old value is removed.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use std::time::Duration;
    /// use singleflight_cache::Builder;
    ///
    /// let aside = Builder::new(Map::default()).absent_for(Duration::from_secs(5)).build();
    /// assert_eq!(aside.get(&7, async || Ok::<_, std::io::Error>(None)).await?, None);
    /// assert_eq!(aside.get(&7, async || unreachable!("it is known")).await?, None);
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub fn absent_for(mut self, time: Duration) -> Self {
        self.settings.absent_for = millis(time);
        self
    }

    /// Sets how long a value that is no longer fresh is served while it is refreshed. Zero unless
    /// told otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use std::time::Duration;
    /// use singleflight_cache::{Builder, Freshness};
    ///
    /// let builder = Builder::new(Map::default()).fresh_for(Duration::ZERO);
    /// let aside = builder.stale_for(Duration::from_secs(600)).build();
    /// let load = async || Ok::<_, std::io::Error>(Some("Ada".to_owned()));
    /// aside.get(&7, load).await?;
    /// let got = aside.get_with_age(&7, load).await?;
    /// assert!(matches!(got.freshness, Freshness::Stale) && got.refresh.is_some());
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub fn stale_for(mut self, time: Duration) -> Self {
        self.settings.stale_for = millis(time);
        self
    }

    /// Sets how long a value that is no longer fresh is served where a load fails. Zero unless
    /// told otherwise. The answer says so: [`Freshness::AfterError`](crate::Freshness).
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use std::time::Duration;
    /// use singleflight_cache::Builder;
    ///
    /// let builder = Builder::new(Map::default()).fresh_for(Duration::ZERO);
    /// let aside = builder.stale_if_error(Duration::from_secs(3_600)).build();
    /// aside.get(&7, async || Ok(Some("Ada".to_owned()))).await?;
    /// let name = aside.get(&7, async || Err("the database is down")).await?;
    /// assert_eq!(name.as_deref(), Some("Ada"));
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub fn stale_if_error(mut self, time: Duration) -> Self {
        self.settings.stale_if_error = millis(time);
        self
    }

    /// Sets by how much of their time entries expire early, each by a share of its own between
    /// zero and this. What was stored at once then does not expire at once. A tenth unless told
    /// otherwise; kept within 0 and 1.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::Builder;
    ///
    /// // Values of a minute expire after 45 to 60 seconds.
    /// let builder = Builder::new(Map::default()).fresh_for(std::time::Duration::from_secs(60));
    /// let aside = builder.jitter(0.25).build::<std::io::Error>();
    /// assert_eq!(aside.stats().loads, 0);
    /// # });
    /// ```
    pub fn jitter(mut self, most: f64) -> Self {
        self.settings.jitter = share(most);
        self
    }

    /// Sets where a get looks.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::{Builder, Look};
    ///
    /// // A store in this process: a hit takes no flight.
    /// let aside = Builder::new(Map::default()).look(Look::Both).build();
    /// let name = aside.get(&7, async || Ok::<_, std::io::Error>(Some("Ada".to_owned()))).await?;
    /// assert_eq!(name.as_deref(), Some("Ada"));
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub fn look(mut self, look: Look) -> Self {
        self.settings.look = look;
        self
    }

    /// Sets what a get does when the store fails to get.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::{Builder, StoreDown};
    ///
    /// // The database stands eight loads at once without a cache in front.
    /// let builder = Builder::new(Map::default()).store_down(StoreDown::Load { at_most: 8 });
    /// let aside = builder.build::<std::io::Error>();
    /// assert_eq!(aside.stats().get_failures, 0);
    /// # });
    /// ```
    pub fn store_down(mut self, policy: StoreDown) -> Self {
        self.settings.unprotected = match policy {
            StoreDown::Fail => 0,
            StoreDown::Load { at_most } => at_most,
        };
        self
    }

    /// Sets when a value is refreshed before its time.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::{Builder, Early};
    ///
    /// let aside = Builder::new(Map::default()).early(Early::Share(0.0)).build();
    /// let load = async || Ok::<_, std::io::Error>(Some("Ada".to_owned()));
    /// aside.get(&7, load).await?;
    /// assert!(aside.get_with_age(&7, load).await?.refresh.is_some(), "it is due from the first");
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub fn early(mut self, early: Early) -> Self {
        self.settings.early = early;
        self
    }

    /// Sets how long an old value is not refreshed after a load for it has failed: `first`, and
    /// twice as long after each further failure, but no longer than `most`. A second and a minute
    /// unless told otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use std::time::Duration;
    /// use singleflight_cache::Builder;
    ///
    /// let builder = Builder::new(Map::default()).fresh_for(Duration::ZERO);
    /// let builder = builder.stale_for(Duration::from_secs(600));
    /// let aside = builder.after_failure(Duration::from_secs(60), Duration::from_secs(600)).build();
    /// aside.get(&7, async || Ok(Some("Ada".to_owned()))).await?;
    /// aside.get(&7, async || Err("down")).await?; // refreshes in vain, and has the old value
    /// aside.get(&7, async || unreachable!("a minute must go by first")).await?;
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub fn after_failure(mut self, first: Duration, most: Duration) -> Self {
        self.settings.after_failure = (millis(first), millis(most));
        self
    }

    /// Makes the aside, with flights in this process.
    ///
    /// `E` is what loads fail with. It is known from the first get, or from the type that the aside is
    /// kept as (`Aside<Users, io::Error>`); elsewhere it is said, as below.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::Builder;
    ///
    /// let aside = Builder::new(Map::default()).build::<std::io::Error>();
    /// assert_eq!(aside.stats().misses, 0);
    /// # });
    /// ```
    #[must_use = "an aside does nothing until it is asked"]
    pub fn build<E>(self) -> Aside<S, E> {
        self.build_over(InProcess::<S, E>::new())
    }

    /// Makes the aside over flights of the caller's choice, which may be shared between processes.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::{Builder, InProcess};
    /// use singleflight_core::Group;
    ///
    /// // A group of one shard, for a device.
    /// let flights: InProcess<Map, &str> = Group::builder().shards(1).build();
    /// let aside = Builder::new(Map::default()).build_over(flights);
    /// let name = aside.get(&7, async || Ok(Some("Ada".to_owned()))).await?;
    /// assert_eq!(name.as_deref(), Some("Ada"));
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
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
            counts: Arc::default(),
            unprotected: AtomicUsize::new(0),
            changes: Changes::new(),
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
