//! `asyncband`: an `Arc` per flight in one locked table, and a relaying once-cell.

use std::future::Future;

use super::{About, Key, Peer, Value, Wakes};

/// `asyncband::singleflight::Group`.
#[derive(Debug)]
pub struct Asyncband;

impl Peer for Asyncband {
    const ABOUT: About = About::of_crate("asyncband", Wakes::Relay);

    type Group<K: Key, V: Value> = asyncband::singleflight::Group<K, V>;

    fn group<K: Key, V: Value>() -> Self::Group<K, V> {
        asyncband::singleflight::Group::new()
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
        #[expect(
            clippy::redundant_closure,
            reason = "a closure that returns a future is an async one, a parameter is not"
        )]
        group.work(key.clone(), || work())
    }
}
