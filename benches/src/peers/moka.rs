//! `moka`: a cache, here one that keeps nothing, whose `get_with` coalesces.

use std::future::Future;

use super::{About, Key, Peer, Value, Wakes};

/// `moka::future::Cache` of no capacity.
#[derive(Debug)]
pub struct Moka;

impl Peer for Moka {
    const ABOUT: About = About::of_crate("moka", Wakes::Relay);

    type Group<K: Key, V: Value> = moka::future::Cache<K, V>;

    fn group<K: Key, V: Value>() -> Self::Group<K, V> {
        moka::future::Cache::new(0)
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
        group.get_with(key.clone(), work())
    }
}
