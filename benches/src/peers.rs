//! The peers behind one trait, so that each measurement is written once and compiled for each.
//!
//! Every adapter is what a user of that crate would write, and calls it directly: the trait is
//! resolved at compile time and nothing is boxed that the crate does not box.

mod async_singleflight;
mod asyncband;
mod blocking;
mod by_hand;
mod fallible;
mod floor;
mod moka;
mod ours;
mod quick_cache;
mod rs_singleflight;
mod singleflight_async;
mod uniflight;

use std::fmt::Debug;
use std::future::Future;
use std::hash::Hash;

pub use async_singleflight::AsyncSingleflight;
pub use asyncband::Asyncband;
pub use blocking::{
    BlockingPeer, MapOfOnceLocks, Ours as OursBlocking, OursByText,
    QuickCache as QuickCacheBlocking, Singleflight, ThreadVisitor, each_blocking,
};
pub use by_hand::{DashMapOfOnceCells, MapOfShared};
pub use fallible::{
    Answer, ByValue, Errors, Failure, FallibleOurs, FallibleOursBounded, FalliblePeer,
    FallibleVisitor, KEY, each_fallible,
};
pub use floor::{Floor, Slot};
pub use moka::Moka;
pub use ours::{Ours, OursOnSmol, OursOnTokio};
pub use quick_cache::QuickCache;
pub use rs_singleflight::RsSingleflight;
pub use singleflight_async::SingleflightAsync;
pub use uniflight::Uniflight;

/// What any of the crates asks of a key.
pub trait Key: Clone + Debug + Eq + Hash + Send + Sync + 'static {}
impl<K: Clone + Debug + Eq + Hash + Send + Sync + 'static> Key for K {}

/// What any of the crates asks of a value.
pub trait Value: Clone + Debug + Send + Sync + 'static {}
impl<V: Clone + Debug + Send + Sync + 'static> Value for V {}

/// Whose it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Maker {
    /// This project.
    Ours,
    /// A published crate.
    Crate,
    /// What people write themselves.
    ByHand,
    /// What nobody can pass: the table alone, coalescing nothing.
    Floor,
    /// Another language's.
    Elsewhere,
}

/// How waiting callers are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wakes {
    /// All at once, so that none waits on another (P3).
    All,
    /// Each wakes the next, so that one that is not polled stops those behind it.
    Relay,
}

/// What there is to say of a peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct About {
    /// The name of the crate, or what it is made of.
    pub name: &'static str,
    /// Whose it is.
    pub maker: Maker,
    /// How it tells those who wait.
    pub wakes: Wakes,
}

impl About {
    const fn of_crate(name: &'static str, wakes: Wakes) -> Self {
        Self {
            name,
            maker: Maker::Crate,
            wakes,
        }
    }
}

/// Something that coalesces async calls.
pub trait Peer: 'static {
    /// What there is to say of it.
    const ABOUT: About;

    /// The space in which equal keys are coalesced.
    type Group<K: Key, V: Value>: Send + Sync + 'static;

    /// Makes a group.
    fn group<K: Key, V: Value>() -> Self::Group<K, V>;

    /// Makes one call. Some crates register it here, others when it is first polled.
    fn call<K, V, F, T>(
        group: &Self::Group<K, V>,
        key: &K,
        work: F,
    ) -> impl Future<Output = V> + Send
    where
        K: Key,
        V: Value,
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = V> + Send + 'static;
}

/// Something to be done with each peer.
pub trait Visitor {
    /// Does it with one of them.
    fn visit<P: Peer>(&mut self);
}

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
