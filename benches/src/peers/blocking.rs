//! The peers that block a thread. Keys are words, or texts where a crate knows no others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{About, Key, Maker, Value, Wakes};

/// Something that coalesces calls of threads.
pub trait BlockingPeer: 'static {
    /// What there is to say of it.
    const ABOUT: About;

    /// The keys that it takes.
    type Key: Key;

    /// The space in which equal keys are coalesced.
    type Group<V: Value>: Send + Sync + 'static;

    /// Makes a group.
    fn group<V: Value>() -> Self::Group<V>;

    /// Makes a key of its kind.
    fn key(number: u64) -> Self::Key;

    /// Makes one call.
    fn call<V: Value>(group: &Self::Group<V>, key: &Self::Key, work: impl Fn() -> V) -> V;
}

/// Something to be done with each blocking peer.
pub trait ThreadVisitor {
    /// Does it with one of them.
    fn visit<P: BlockingPeer>(&mut self);
}

/// Visits ours, and then every blocking peer.
pub fn each_blocking(visitor: &mut impl ThreadVisitor) {
    visitor.visit::<Ours>();
    visitor.visit::<OursByText>();
    visitor.visit::<Singleflight>();
    visitor.visit::<QuickCache>();
    visitor.visit::<MapOfOnceLocks>();
}

const fn ours(name: &'static str) -> About {
    About {
        name,
        maker: Maker::Ours,
        wakes: Wakes::All,
    }
}

/// Ours, for threads.
#[derive(Debug)]
pub struct Ours;

impl BlockingPeer for Ours {
    const ABOUT: About = ours("ours");

    type Key = u64;
    type Group<V: Value> = singleflight_std::Group<u64, V>;

    fn group<V: Value>() -> Self::Group<V> {
        singleflight_std::Group::new()
    }

    fn key(number: u64) -> u64 {
        number
    }

    #[inline]
    fn call<V: Value>(group: &Self::Group<V>, key: &u64, work: impl Fn() -> V) -> V {
        group.run(*key, work)
    }
}

/// Ours, for threads, with keys that are texts: a `&str` into a group of `String`.
#[derive(Debug)]
pub struct OursByText;

impl BlockingPeer for OursByText {
    const ABOUT: About = ours("ours (&str key)");

    type Key = String;
    type Group<V: Value> = singleflight_std::Group<String, V>;

    fn group<V: Value>() -> Self::Group<V> {
        singleflight_std::Group::new()
    }

    fn key(number: u64) -> String {
        text(number)
    }

    #[inline]
    fn call<V: Value>(group: &Self::Group<V>, key: &String, work: impl Fn() -> V) -> V {
        group.run(key.as_str(), work)
    }
}

/// `singleflight` 0.3: keys are texts, and the work runs under the table's lock.
#[derive(Debug)]
pub struct Singleflight;

impl BlockingPeer for Singleflight {
    const ABOUT: About = About::of_crate("singleflight", Wakes::All);

    type Key = String;
    type Group<V: Value> = singleflight::Group<V>;

    fn group<V: Value>() -> Self::Group<V> {
        singleflight::Group::new()
    }

    fn key(number: u64) -> String {
        text(number)
    }

    #[inline]
    fn call<V: Value>(group: &Self::Group<V>, key: &String, work: impl Fn() -> V) -> V {
        group.work(key, work)
    }
}

/// `quick_cache`, keeping nothing.
#[derive(Debug)]
pub struct QuickCache;

impl BlockingPeer for QuickCache {
    const ABOUT: About = About::of_crate("quick_cache", Wakes::Relay);

    type Key = u64;
    type Group<V: Value> = quick_cache::sync::Cache<u64, V>;

    fn group<V: Value>() -> Self::Group<V> {
        quick_cache::sync::Cache::new(0)
    }

    fn key(number: u64) -> u64 {
        number
    }

    #[inline]
    fn call<V: Value>(group: &Self::Group<V>, key: &u64, work: impl Fn() -> V) -> V {
        let Ok(value) = group.get_or_insert_with(key, || Ok::<_, std::convert::Infallible>(work()));
        value
    }
}

/// `Mutex<HashMap<K, Arc<OnceLock>>>`, as written by hand.
#[derive(Debug)]
pub struct MapOfOnceLocks;

impl BlockingPeer for MapOfOnceLocks {
    const ABOUT: About = About {
        name: "Mutex<HashMap<K, Arc<OnceLock>>>",
        maker: Maker::ByHand,
        wakes: Wakes::All,
    };

    type Key = u64;
    type Group<V: Value> = Mutex<HashMap<u64, Arc<OnceLock<V>>>>;

    fn group<V: Value>() -> Self::Group<V> {
        Mutex::default()
    }

    fn key(number: u64) -> u64 {
        number
    }

    #[inline]
    fn call<V: Value>(group: &Self::Group<V>, key: &u64, work: impl Fn() -> V) -> V {
        let lock = || group.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = Arc::clone(lock().entry(*key).or_default());
        let value = cell.get_or_init(work).clone();
        lock().remove(key);
        value
    }
}

fn text(number: u64) -> String {
    format!("key-{number}")
}
