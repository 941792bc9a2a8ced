//! `uniflight`: weak cells in a sharded map; the work is boxed.

use std::future::Future;

use futures_util::FutureExt;

use super::{About, Key, Peer, Value, Wakes};

/// `uniflight::Merger`, for the whole process.
#[derive(Debug)]
pub struct Uniflight;

impl Peer for Uniflight {
    const ABOUT: About = About::of_crate("uniflight", Wakes::All);

    type Group<K: Key, V: Value> = uniflight::Merger<K, V>;

    fn group<K: Key, V: Value>() -> Self::Group<K, V> {
        uniflight::Merger::new()
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
        // Mapped: an `async` block would hold the call twice over.
        let call = group.execute(key, work);
        call.map(|value| value.expect("no work here panics"))
    }
}
