//! The flights of a `singleflight_cache::Aside`, shared between processes.

use std::error::Error;
use std::future::Future;

use singleflight_cache::{Flights, Landing, Lease, Loaded, Store};

use crate::codec::Codec;
use crate::error::{CallError, ForgetError};
use crate::group::Group;
use crate::key::KeyBytes;

/// Why flights between processes did not serve a cache.
#[derive(Clone, Debug, Eq, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum FlightsError {
    /// A call had no answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A flight may not be forgotten elsewhere.
    #[error(transparent)]
    Forget(#[from] ForgetError),
    /// `invalidate_all` has forgotten the flights of this process. Those of others go on: there is no
    /// list of them.
    #[error("the flights of other processes cannot be forgotten all at once")]
    ForgetAll,
}

impl From<singleflight_core::CallError> for FlightsError {
    fn from(error: singleflight_core::CallError) -> Self {
        Self::Call(error.into())
    }
}

/// How what a cache has loaded crosses, by a codec for `singleflight_cache::Loaded`. A load that failed
/// does not cross: its error is for its own process, and others load for themselves.
///
/// # Examples
///
#[cfg_attr(feature = "postcard", doc = "```no_run")]
#[cfg_attr(not(feature = "postcard"), doc = "```ignore")]
/// # use std::time::Duration;
/// # use std::io;
/// # use singleflight_cache::{Aside, Builder, Landing, Store};
/// use singleflight_redis::{Group, Landed, Postcard, Server};
///
/// /// An aside whose loads run once in all processes. The store is yours, and on a server.
/// fn aside<S: Store<Key = u64, Value = String>>(
///     store: S,
///     server: &Server,
/// ) -> Result<Aside<S, io::Error, Group<u64, Landing<S, io::Error>>>, Box<dyn std::error::Error>>
/// where
///     S::Error: Send + Sync + 'static,
/// {
///     let flights = Group::builder(server, "user:v1")
///         .wait_at_most(Duration::from_secs(60))
///         .codec(Landed(Postcard))
///         .build()?;
///     Ok(Builder::new(store).fresh_for(Duration::from_secs(600)).build_over(flights))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it is made of a codec")]
pub struct Landed<C>(
    /// The codec for what was loaded.
    pub C,
);

impl<V, F, C> Codec<Result<Loaded<V>, F>> for Landed<C>
where
    C: Codec<Loaded<V>>,
{
    fn encode(
        &self,
        landing: &Result<Loaded<V>, F>,
    ) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        match landing {
            Ok(loaded) => self.0.encode(loaded),
            Err(_) => Err("the load failed".into()),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Result<Loaded<V>, F>, Box<dyn Error + Send + Sync>> {
        Ok(Ok(self.0.decode(bytes)?))
    }
}

impl<S, E> Flights<S, E> for Group<S::Key, Landing<S, E>>
where
    S: Store,
    S::Key: KeyBytes,
    Landing<S, E>: Clone + Send + Sync + 'static,
{
    type Error = FlightsError;

    const BETWEEN_PROCESSES: bool = true;

    async fn run(
        &self,
        key: &S::Key,
        work: impl Future<Output = Landing<S, E>>,
    ) -> Result<Landing<S, E>, FlightsError> {
        Ok(Self::run(self, key, |_| work).await?)
    }

    async fn try_lead(
        &self,
        key: &S::Key,
        work: impl Future<Output = Landing<S, E>>,
    ) -> Option<Result<Landing<S, E>, FlightsError>> {
        let led = Self::try_lead(self, key, |_| work).await;
        led.map(|led| led.map(|outcome| outcome.value))
            .map_err(FlightsError::from)
            .transpose()
    }

    fn lease(&self, key: &S::Key) -> Lease {
        // The key's own code, before the lock.
        let slot = self.inner.names.slot(key);
        let id = self.inner.leading().get(&slot).copied();
        Lease(id.map(u128::from_le_bytes))
    }

    async fn forget(&self, key: &S::Key) -> Result<(), FlightsError> {
        Self::forget(self, key).await?;
        Ok(())
    }

    async fn forget_all(&self) -> Result<(), FlightsError> {
        self.inner.flights.forget_all();
        Err(FlightsError::ForgetAll)
    }
}

impl<K: KeyBytes + ?Sized, V> Group<K, V> {
    /// Returns the name of the lease of `key` in Redis: a hash whose field `id` is the flight's
    /// identity, 16 bytes, while it is led. A store in the same Redis can compare it, in one script
    /// with its put, with `singleflight_cache::Put::lease`, whose 16 bytes it is with the lowest first.
    /// The store's own key has to be in the same slot of a cluster: it has this name in front.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # fn example(flights: &Group<u64, String>, lease: u128) {
    /// const PUT: &str = "
    /// if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
    /// redis.call('SET', KEYS[2], ARGV[2])
    /// return 1";
    ///
    /// let lease_name = flights.lease_name(&7);
    /// let entry_name = [&lease_name, &b"entry"[..]].concat();
    /// let script = redis::Script::new(PUT);
    /// let mut put = script.key(lease_name);
    /// put.key(entry_name).arg(&lease.to_le_bytes()).arg("the entry");
    /// # }
    /// ```
    pub fn lease_name(&self, key: &K) -> Vec<u8> {
        self.inner.names.slot(key).lease().concat()
    }
}
