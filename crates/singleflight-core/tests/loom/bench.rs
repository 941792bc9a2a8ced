//! What the models have in common: a group whose executions are counted as they run.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use singleflight_core::{
    Builder, ByValue, Follower, Joined, Leader, Outcome, ShareAll, Spawnable, Turn,
};

/// Every execution of a model must be the same, so the hash has no seed.
#[derive(Default)]
pub(crate) struct Same;

pub(crate) struct SameHasher;

impl BuildHasher for Same {
    type Hasher = SameHasher;

    fn build_hasher(&self) -> SameHasher {
        SameHasher
    }
}

impl Hasher for SameHasher {
    fn write(&mut self, _: &[u8]) {}

    fn finish(&self) -> u64 {
        1
    }
}

pub(crate) type Group = singleflight_core::Group<u32, u32, Same>;
pub(crate) type Shared = Arc<Group>;

pub(crate) const KEY: u32 = 7;

/// A group whose executions are counted as they run.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) group: Shared,
    running: Arc<AtomicUsize>,
    runs: Arc<AtomicUsize>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Builder::new())
    }

    pub(crate) fn with(builder: Builder<u32, u32>) -> Self {
        Self {
            group: Arc::new(builder.shards(1).hasher(Same).build()),
            running: Arc::new(AtomicUsize::new(0)),
            runs: Arc::new(AtomicUsize::new(0)),
        }
    }

    pub(crate) fn join(&self) -> Joined<Shared> {
        Group::join_owned(Arc::clone(&self.group), KEY).expect("nothing is refused here")
    }

    pub(crate) fn leader(&self) -> Leader<Shared> {
        match self.join() {
            Joined::Leader(leader) => leader,
            Joined::Follower(_) => panic!("a call that comes first leads"),
        }
    }

    pub(crate) fn follower(&self) -> Follower<Shared> {
        match self.join() {
            Joined::Follower(follower) => follower,
            Joined::Leader(_) => panic!("a call that comes second follows"),
        }
    }

    /// Work that gives the other threads a turn while it runs. P1: it never overlaps another.
    pub(crate) fn work(&self, value: u32) -> u32 {
        assert_eq!(self.running.fetch_add(1, Ordering::AcqRel), 0, "P1");
        thread::yield_now();
        self.running.fetch_sub(1, Ordering::AcqRel);
        self.runs.fetch_add(1, Ordering::AcqRel);
        value
    }

    pub(crate) fn lead(&self, leader: Leader<Shared>, value: u32) -> Outcome<u32> {
        let value = self.work(value);
        leader.complete(value)
    }

    /// A whole call.
    pub(crate) fn run(&self, value: u32) -> Outcome<u32> {
        match self.join() {
            Joined::Leader(leader) => self.lead(leader, value),
            Joined::Follower(follower) => self.finish(follower, value),
        }
    }

    /// The rest of a call that follows.
    pub(crate) fn finish(&self, follower: Follower<Shared>, value: u32) -> Outcome<u32> {
        match block_on(follower.wait()).expect("nobody panics here") {
            Turn::Landed(outcome) => outcome,
            Turn::Lead(leader) => self.lead(leader, value),
        }
    }

    /// A call that is going to run by itself.
    pub(crate) fn spawnable(&self) -> Spawnable<Shared, u32, ByValue, ShareAll> {
        Group::call_owned(Arc::clone(&self.group), KEY).spawnable()
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::Acquire)
    }

    /// P6.
    pub(crate) fn assert_empty(&self) {
        assert_eq!(self.group.in_flight(), 0, "P6: something stays behind");
    }
}
