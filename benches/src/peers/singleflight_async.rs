//! `singleflight-async`: a tokio mutex per flight, which relays.

use std::future::Future;

use super::{About, Key, Peer, Value, Wakes};

/// `singleflight_async::SingleFlight`.
#[derive(Debug)]
pub struct SingleflightAsync;

impl Peer for SingleflightAsync {
    const ABOUT: About = About::of_crate("singleflight-async", Wakes::Relay);

    type Group<K: Key, V: Value> = singleflight_async::SingleFlight<K, V>;

    fn group<K: Key, V: Value>() -> Self::Group<K, V> {
        singleflight_async::SingleFlight::new()
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
        group.work(key.clone(), work)
    }
}
