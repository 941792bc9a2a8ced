//! `rs-singleflight`: an `Arc` per flight, told by tokio's `Notify`.

use std::convert::Infallible;
use std::future::Future;

use futures_util::FutureExt;

use super::{About, Key, Peer, Value, Wakes};

/// `rs_singleflight::Group`, of works that do not fail.
#[derive(Debug)]
pub struct RsSingleflight;

impl Peer for RsSingleflight {
    const ABOUT: About = About::of_crate("rs-singleflight", Wakes::All);

    type Group<K: Key, V: Value> = rs_singleflight::Group<K, V, Infallible>;

    fn group<K: Key, V: Value>() -> Self::Group<K, V> {
        rs_singleflight::Group::new()
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
        let call = group.do_call(key.clone(), || work().map(Ok));
        call.map(|value| value.unwrap_or_else(|never| match never {}))
    }
}
