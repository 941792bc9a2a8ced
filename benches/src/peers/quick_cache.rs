//! `quick_cache`: a cache, here one that keeps nothing, whose `get_or_insert_async` coalesces.

use std::convert::Infallible;
use std::future::Future;

use futures_util::FutureExt;

use super::{About, Key, Peer, Value, Wakes};

/// `quick_cache::sync::Cache` of no capacity.
#[derive(Debug)]
pub struct QuickCache;

impl Peer for QuickCache {
    const ABOUT: About = About::of_crate("quick_cache", Wakes::Relay);

    type Group<K: Key, V: Value> = quick_cache::sync::Cache<K, V>;

    fn group<K: Key, V: Value>() -> Self::Group<K, V> {
        quick_cache::sync::Cache::new(0)
    }

    #[inline]
    fn call<K, V, F, T>(
        group: &Self::Group<K, V>,
        key: &K,
        work: F,
    ) -> impl Future<Output = V> + Send
    where
        K: Key,
        V: Value,
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = V> + Send + 'static,
    {
        // Mapped: `async` blocks would hold the work twice over.
        let call = group.get_or_insert_async(key, work().map(Ok::<_, Infallible>));
        call.map(|value| value.unwrap_or_else(|never| match never {}))
    }
}
