//! Each row of the failure table, against a real server. Without one they say SKIPPED; where
//! `SINGLEFLIGHT_REDIS_REQUIRED` is set, that is a failure.

#[cfg(all(feature = "cache", feature = "postcard"))]
mod caches;
mod calls;
#[cfg(feature = "cluster")]
mod clusters;
mod leaders;
#[cfg(feature = "metrics")]
mod metered;
mod refusals;
mod runtimes;
#[cfg(feature = "sentinel")]
mod sentinels;
mod servers;
mod silent;
mod stage;
mod traces;
mod values;
