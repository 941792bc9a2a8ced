//! Ours and its peers behind one trait each, so that a measurement is written once and compiled for
//! all of them; and what the measurements share.
//!
//! Every adapter is what a user of that crate would write, and calls it directly: the trait is
//! resolved at compile time and nothing is boxed that the crate does not box.

mod blocking;
mod by_hand;
pub mod clock;
mod fallible;
pub mod gate;
mod peer;
pub mod polls;
pub mod processor;
mod tasks;

pub use blocking::{
    BlockingPeer, MapOfOnceLocks, OursBlocking, OursByText, QuickCacheBlocking, Singleflight,
    ThreadVisitor, each_blocking,
};
pub use by_hand::{DashMapOfOnceCells, MapOfShared};
pub use fallible::{
    Answer, ByValue, Errors, Failure, FallibleOurs, FallibleOursUnbounded, FalliblePeer,
    FallibleVisitor, KEY, each_fallible,
};
pub use peer::{About, Key, Maker, Peer, Value, Visitor, Wakes};
pub use tasks::{
    AsyncSingleflight, Asyncband, Moka, Ours, OursOnSmol, OursOnTokio, QuickCache, RsSingleflight,
    SingleflightAsync, Uniflight, each, each_other,
};
