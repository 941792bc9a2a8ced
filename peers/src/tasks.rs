//! Ours and the published crates that coalesce async calls.
//!
//! Where a crate wants a result and a work has none, the futures are mapped: `async` blocks would
//! hold the work twice over.

use std::convert::Infallible;
use std::future::Future;

use futures_util::FutureExt;
use singleflight_core::CallResult;

use crate::by_hand::{DashMapOfOnceCells, MapOfShared};
use crate::peer::{About, Key, Peer, Value, Visitor, Wakes};

/// Visits ours, and then every peer.
pub fn each(visitor: &mut impl Visitor) {
    visitor.visit::<Ours>();
    each_other(visitor);
}

/// Visits every peer but ours.
pub fn each_other(visitor: &mut impl Visitor) {
    visitor.visit::<Uniflight>();
    visitor.visit::<RsSingleflight>();
    visitor.visit::<AsyncSingleflight>();
    visitor.visit::<Asyncband>();
    visitor.visit::<SingleflightAsync>();
    visitor.visit::<Moka>();
    visitor.visit::<QuickCache>();
    visitor.visit::<MapOfShared>();
    visitor.visit::<DashMapOfOnceCells>();
}

/// Implements the trait for a type that is named here, by the type of its group of `K` and `V`, an
/// expression for a group and one for a call.
macro_rules! peer {
    (
        $(#[$attribute:meta])* $Name:ident, $about:expr,
        <$K:ident, $V:ident> $Group:ty, $new:expr,
        |$group:ident, $key:ident, $work:ident| $call:expr
    ) => {
        $(#[$attribute])*
        #[derive(Debug)]
        pub struct $Name;

        impl Peer for $Name {
            const ABOUT: About = $about;

            type Group<$K: Key, $V: Value> = $Group;

            fn group<$K: Key, $V: Value>() -> Self::Group<$K, $V> {
                $new
            }

            #[inline]
            fn call<$K, $V, F, T>(
                $group: &Self::Group<$K, $V>,
                $key: &$K,
                $work: F,
            ) -> impl Future<Output = $V> + Send
            where
                $K: Key,
                $V: Value,
                F: FnOnce() -> T + Send + 'static,
                T: Future<Output = $V> + Send + 'static,
            {
                $call
            }
        }
    };
}

/// Takes the value out of what a call of ours returns.
pub(crate) fn shared<V>(result: CallResult<V>) -> V {
    result.expect("no value to return")
}

peer! {
    /// The core's own group.
    Ours, About::ours("ours"),
    <K, V> singleflight_core::Group<K, V>, singleflight_core::Group::new(),
    |group, key, work| group.run(key.clone(), work).map(shared)
}

peer! {
    /// The front end for tokio, which shares the core's `run`.
    OursOnTokio, About::ours("ours (tokio)"),
    <K, V> singleflight_tokio::Group<K, V>, singleflight_tokio::Group::new(),
    |group, key, work| group.run(key.clone(), work).map(shared)
}

peer! {
    /// The front end for smol, which shares the core's `run`.
    OursOnSmol, About::ours("ours (smol)"),
    <K, V> singleflight_smol::Group<K, V>, singleflight_smol::Group::new(),
    |group, key, work| group.run(key.clone(), work).map(shared)
}

peer! {
    /// `uniflight::Merger`, for the whole process: weak cells in a sharded map; the work is boxed.
    Uniflight, About::of_crate("uniflight", Wakes::All),
    <K, V> uniflight::Merger<K, V>, uniflight::Merger::new(),
    |group, key, work| {
        let call = group.execute(key, work);
        call.map(|value| value.expect("no work here panics"))
    }
}

peer! {
    /// `rs_singleflight::Group`, of works that do not fail: an `Arc` per flight, told by tokio's
    /// `Notify`.
    RsSingleflight, About::of_crate("rs-singleflight", Wakes::All),
    <K, V> rs_singleflight::Group<K, V, Infallible>, rs_singleflight::Group::new(),
    |group, key, work| {
        let call = group.do_call(key.clone(), || work().map(Ok));
        call.map(|value| value.unwrap_or_else(|never| match never {}))
    }
}

peer! {
    /// `async_singleflight::UnaryGroup`, of works that do not fail: a watch channel per flight,
    /// behind an async mutex. It takes the work's future as it is, made already.
    AsyncSingleflight, About::of_crate("async_singleflight", Wakes::All),
    <K, V> async_singleflight::UnaryGroup<K, V>, async_singleflight::UnaryGroup::new(),
    |group, key, work| group.work(key, work())
}

peer! {
    /// `asyncband::singleflight::Group`: an `Arc` per flight in one locked table, and a relaying
    /// once-cell.
    Asyncband, About::of_crate("asyncband", Wakes::Relay),
    <K, V> asyncband::singleflight::Group<K, V>, asyncband::singleflight::Group::new(),
    |group, key, work| {
        #[expect(
            clippy::redundant_closure,
            reason = "a closure that returns a future is an async one, a parameter is not"
        )]
        group.work(key.clone(), || work())
    }
}

peer! {
    /// `singleflight_async::SingleFlight`: a tokio mutex per flight, which relays.
    SingleflightAsync, About::of_crate("singleflight-async", Wakes::Relay),
    <K, V> singleflight_async::SingleFlight<K, V>, singleflight_async::SingleFlight::new(),
    |group, key, work| group.work(key.clone(), work)
}

peer! {
    /// `moka::future::Cache` of no capacity: a cache, here one that keeps nothing, whose `get_with`
    /// coalesces.
    Moka, About::of_crate("moka", Wakes::Relay),
    <K, V> moka::future::Cache<K, V>, moka::future::Cache::new(0),
    |group, key, work| group.get_with(key.clone(), work())
}

peer! {
    /// `quick_cache::sync::Cache` of no capacity: a cache, here one that keeps nothing, whose
    /// `get_or_insert_async` coalesces.
    QuickCache, About::of_crate("quick_cache", Wakes::Relay),
    <K, V> quick_cache::sync::Cache<K, V>, quick_cache::sync::Cache::new(0),
    |group, key, work| {
        let call = group.get_or_insert_async(key, work().map(Ok::<_, Infallible>));
        call.map(|value| value.unwrap_or_else(|never| match never {}))
    }
}
