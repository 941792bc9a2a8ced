//! `async_singleflight`: a watch channel per flight, behind an async mutex. It takes the work's
//! future as it is, made already.

use std::future::Future;

use super::{About, Key, Peer, Value, Wakes};

/// `async_singleflight::UnaryGroup`, of works that do not fail.
#[derive(Debug)]
pub struct AsyncSingleflight;

impl Peer for AsyncSingleflight {
    const ABOUT: About = About::of_crate("async_singleflight", Wakes::All);

    type Group<K: Key, V: Value> = async_singleflight::UnaryGroup<K, V>;

    fn group<K: Key, V: Value>() -> Self::Group<K, V> {
        async_singleflight::UnaryGroup::new()
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
        group.work(key, work())
    }
}
