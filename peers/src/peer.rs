//! The peers behind one trait, so that each measurement is written once and compiled for each.
//!
//! Every adapter is what a user of that crate would write, and calls it directly: the trait is
//! resolved at compile time and nothing is boxed that the crate does not box.

use std::fmt::Debug;
use std::future::Future;
use std::hash::Hash;

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
    /// Tells of one of ours, which tells all at once.
    pub(crate) const fn ours(name: &'static str) -> Self {
        Self {
            name,
            maker: Maker::Ours,
            wakes: Wakes::All,
        }
    }

    /// Tells of a published crate.
    pub(crate) const fn of_crate(name: &'static str, wakes: Wakes) -> Self {
        Self {
            name,
            maker: Maker::Crate,
            wakes,
        }
    }

    /// Tells of what people write themselves.
    pub(crate) const fn by_hand(name: &'static str, wakes: Wakes) -> Self {
        Self {
            name,
            maker: Maker::ByHand,
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
