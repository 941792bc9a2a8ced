//! What a case's group is made with.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, DefaultHasher, Hasher};

use proptest::option;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use singleflight_core::{Builder, Group, PanicPolicy};

#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Options {
    /// The keys are the numbers below.
    pub(crate) keys: u8,
    pub(crate) shards: usize,
    pub(crate) hashing: Hashing,
    pub(crate) panic_policy: PanicPolicy,
    pub(crate) max_followers: Option<u32>,
    pub(crate) max_failures: Option<u32>,
    pub(crate) has_clock: bool,
    pub(crate) max_age: Option<u64>,
}

/// How keys are hashed. Without a seed, so that a case can be repeated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Hashing {
    Real,
    /// All hashes are equal.
    Equal,
}

pub(crate) enum CaseHasher {
    Real(DefaultHasher),
    Equal,
}

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
}

/// The group's clock, which the case sets.
pub(crate) fn now() -> u64 {
    NOW.get()
}

pub(crate) fn set_now(now: u64) {
    NOW.set(now);
}

impl Options {
    pub(crate) fn strategy() -> impl Strategy<Value = Self> {
        let sizes = (
            prop_oneof![5 => Just(1), 3 => Just(2), 2 => Just(4)],
            prop_oneof![Just(1), Just(4)],
            prop_oneof![2 => Just(Hashing::Real), 1 => Just(Hashing::Equal)],
        );
        let policies = (
            prop_oneof![Just(PanicPolicy::Share), Just(PanicPolicy::HandOver)],
            option::weighted(0.3, 0..4_u32),
            option::weighted(0.6, 1..4_u32),
        );
        let clock = (any::<bool>(), option::weighted(0.4, 0..4_u64));
        (sizes, policies, clock).prop_map(|(sizes, policies, (has_clock, max_age))| Self {
            keys: sizes.0,
            shards: sizes.1,
            hashing: sizes.2,
            panic_policy: policies.0,
            max_followers: policies.1,
            max_failures: policies.2,
            has_clock: has_clock || max_age.is_some(),
            max_age,
        })
    }

    pub(crate) fn group<K, V>(&self) -> Group<K, V, Hashing> {
        let mut builder = Builder::new()
            .shards(self.shards)
            .hasher(self.hashing)
            .panic_policy(self.panic_policy);
        if let Some(most) = self.max_followers {
            builder = builder.max_followers(most);
        }
        if let Some(most) = self.max_failures {
            builder = builder.max_failures(most);
        }
        if self.has_clock {
            builder = builder.clock(now);
        }
        if let Some(ticks) = self.max_age {
            builder = builder.max_age(ticks, now);
        }
        builder.build()
    }
}

/// Tells only what differs from the defaults.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a group of {} shards", self.shards)?;
        if self.hashing == Hashing::Equal {
            write!(f, ", all hashes equal")?;
        }
        if self.panic_policy == PanicPolicy::HandOver {
            write!(f, ", panics hand over")?;
        }
        if let Some(most) = self.max_followers {
            write!(f, ", {most} followers at most")?;
        }
        if let Some(most) = self.max_failures {
            write!(f, ", {most} failures at most")?;
        }
        match (self.max_age, self.has_clock) {
            (Some(ticks), _) => write!(f, ", not joined after {ticks} ticks"),
            (None, true) => write!(f, ", with a clock"),
            (None, false) => Ok(()),
        }
    }
}

impl BuildHasher for Hashing {
    type Hasher = CaseHasher;

    fn build_hasher(&self) -> CaseHasher {
        match self {
            Self::Real => CaseHasher::Real(DefaultHasher::new()),
            Self::Equal => CaseHasher::Equal,
        }
    }
}

impl Hasher for CaseHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Self::Real(hasher) = self {
            hasher.write(bytes);
        }
    }

    fn finish(&self) -> u64 {
        match self {
            Self::Real(hasher) => hasher.finish(),
            Self::Equal => 7,
        }
    }
}
