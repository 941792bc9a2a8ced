//! The peers that block a thread. Keys are words, or texts where a crate knows no others.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::peer::{About, Key, Value, Wakes};
use crate::tasks::shared;

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
    visitor.visit::<OursBlocking>();
    visitor.visit::<OursByText>();
    visitor.visit::<Singleflight>();
    visitor.visit::<QuickCacheBlocking>();
    visitor.visit::<MapOfOnceLocks>();
}

/// Implements the trait for a type that is named here, by its keys and how one is made, the type
/// of its group of `V`, an expression for a group and one for a call.
macro_rules! blocking {
    (
        $(#[$attribute:meta])* $Name:ident, $about:expr, $Key:ty, $key_of:expr,
        <$V:ident> $Group:ty, $new:expr,
        |$group:ident, $key:ident, $work:ident| $call:expr
    ) => {
        $(#[$attribute])*
        #[derive(Debug)]
        pub struct $Name;

        impl BlockingPeer for $Name {
            const ABOUT: About = $about;

            type Key = $Key;
            type Group<$V: Value> = $Group;

            fn group<$V: Value>() -> Self::Group<$V> {
                $new
            }

            fn key(number: u64) -> $Key {
                $key_of(number)
            }

            #[inline]
            fn call<$V: Value>(
                $group: &Self::Group<$V>,
                $key: &$Key,
                $work: impl Fn() -> $V,
            ) -> $V {
                $call
            }
        }
    };
}

blocking! {
    /// Ours, for threads.
    OursBlocking, About::ours("ours"), u64, word,
    <V> singleflight_std::Group<u64, V>, singleflight_std::Group::new(),
    |group, key, work| shared(group.run(*key, work))
}

blocking! {
    /// Ours, for threads, with keys that are texts: a `&str` into a group of `String`.
    OursByText, About::ours("ours (&str key)"), String, text,
    <V> singleflight_std::Group<String, V>, singleflight_std::Group::new(),
    |group, key, work| shared(group.run(key.as_str(), work))
}

blocking! {
    /// `singleflight` 0.3: keys are texts, and the work runs under the table's lock.
    Singleflight, About::of_crate("singleflight", Wakes::All), String, text,
    <V> singleflight::Group<V>, singleflight::Group::new(),
    |group, key, work| group.work(key, work)
}

blocking! {
    /// `quick_cache`, keeping nothing.
    QuickCacheBlocking, About::of_crate("quick_cache", Wakes::Relay), u64, word,
    <V> quick_cache::sync::Cache<u64, V>, quick_cache::sync::Cache::new(0),
    |group, key, work| {
        let Ok(value) = group.get_or_insert_with(key, || Ok::<_, Infallible>(work()));
        value
    }
}

blocking! {
    /// `Mutex<HashMap<K, Arc<OnceLock>>>`, as written by hand.
    MapOfOnceLocks, About::by_hand("Mutex<HashMap<K, Arc<OnceLock>>>", Wakes::All), u64, word,
    <V> Mutex<HashMap<u64, Arc<OnceLock<V>>>>, Mutex::default(),
    |group, key, work| {
        let lock = || group.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = Arc::clone(lock().entry(*key).or_default());
        let value = cell.get_or_init(work).clone();
        lock().remove(key);
        value
    }
}

fn word(number: u64) -> u64 {
    number
}

fn text(number: u64) -> String {
    format!("key-{number}")
}
