//! Hash builders that do not do what they should: what it costs, and what stays right.

use std::cell::Cell;
use std::future::ready;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use singleflight_core::{Builder, Group, Joined};

use crate::hand::lead;
use crate::task::Task;

/// All keys hash alike.
#[derive(Default)]
pub(crate) struct Colliding;

/// No two hashes are alike, nor in one shard.
#[derive(Default)]
struct Fickle(AtomicU64);

/// Every key hashes to this, until it is told otherwise.
#[derive(Default)]
struct Reseeded(AtomicU64);

pub(crate) struct Fixed(u64);

impl Hasher for Fixed {
    fn write(&mut self, _: &[u8]) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl BuildHasher for Colliding {
    type Hasher = Fixed;

    fn build_hasher(&self) -> Fixed {
        Fixed(0)
    }
}

impl BuildHasher for Fickle {
    type Hasher = Fixed;

    fn build_hasher(&self) -> Fixed {
        Fixed(self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed))
    }
}

impl BuildHasher for Reseeded {
    type Hasher = Fixed;

    fn build_hasher(&self) -> Fixed {
        Fixed(self.0.load(Ordering::Relaxed))
    }
}

/// A hasher that never gives the same hash twice makes calls miss each other, and no more.
///
/// Holds P6.
#[test]
fn with_a_fickle_hasher_nobody_meets_and_everyone_is_served() {
    let group: Group<u64, u64, Fickle> = Group::with_hasher(Fickle::default());
    let first = lead(&group, 1);
    let second = lead(&group, 1);
    assert!(!group.forget(1), "nothing is found by key");
    assert_eq!(group.followers(1), None);
    assert_eq!((group.in_flight(), group.flights().len()), (2, 2));
    assert_eq!(first.complete(1).value, 1);
    drop(second);
    assert_eq!(group.in_flight(), 0);

    // Through a table that grows and shrinks, too: slots keep the hash that they came with.
    let leaders: Vec<_> = (0..1000).map(|key| lead(&group, key)).collect();
    for (key, leader) in (0..).zip(leaders) {
        assert_eq!(leader.complete(key).value, key);
    }
    assert_eq!(group.in_flight(), 0);

    // What a batch's work returns is found where it comes in the order of its keys. Elsewhere it
    // is looked up by its hash, and not found.
    let load = |keys: Vec<u64>| ready(keys.into_iter().map(|key| (key, key)));
    let answers = Task::new(group.run_many([1, 2], load)).ends();
    assert_eq!(answers.into_all(), Ok(vec![(1, 1), (2, 2)]));
    let load = |keys: Vec<u64>| ready(keys.into_iter().skip(1).map(|key| (key, key)));
    let answers = Task::new(group.run_many([1, 2], load)).ends();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers.into_present(), Ok(Vec::new()));
    assert_eq!(group.in_flight(), 0);
}

/// Those who met before the hashes changed stay together; those who come later meet each other.
#[test]
fn a_hasher_that_changes_parts_those_who_come_later() {
    // In one shard, so that the later ones look among the earlier ones.
    let builder = Builder::new().hasher(Reseeded::default()).shards(1);
    let group: Group<u64, u64, Reseeded> = builder.build();
    let old = lead(&group, 1);
    let call = || Task::new(group.run(1, async || unreachable!("it follows")));
    let mut early = call();
    early.waits();
    group.hasher().0.store(u64::MAX, Ordering::Relaxed);

    let new = lead(&group, 1);
    let mut late = call();
    late.waits();
    assert!(group.forget(1), "the one that is found");
    assert_eq!((old.complete(1).followers, early.ends()), (1, Ok(1)));
    assert_eq!((new.complete(2).followers, late.ends()), (1, Ok(2)));
    assert_eq!(group.in_flight(), 0);
}

/// Two groups never agree on hashes, so that what collides in one does not in the other.
#[test]
fn each_group_is_seeded_apart() {
    let (one, other): (Group<u64, u64>, Group<u64, u64>) = (Group::new(), Group::new());
    let differ = |key: &u64| one.hasher().hash_one(key) != other.hasher().hash_one(key);
    assert!((0..100).all(|key| differ(&key)));
    let hash = one.hasher().hash_one(1);
    assert_eq!(one.hasher().hash_one(1), hash, "a group agrees with itself");
}

thread_local!(static COMPARED: Cell<u64> = const { Cell::new(0) });

#[derive(Clone, Debug, Eq)]
struct Compared(u64);

impl Hash for Compared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialEq for Compared {
    fn eq(&self, other: &Self) -> bool {
        COMPARED.set(COMPARED.get() + 1);
        self.0 == other.0
    }
}

/// Counts the comparisons that a step takes.
fn comparisons<T>(step: impl FnOnce() -> T) -> (u64, T) {
    COMPARED.set(0);
    let result = step();
    (COMPARED.get(), result)
}

/// What a newcomer among a hundred keys in flight is compared with: given by value, given as a
/// borrow; and what it and the others are compared with when they land.
fn compared<S: BuildHasher>(group: &Group<Compared, u64, S>) -> [u64; 4] {
    let leaders: Vec<_> = (0..100).map(|key| lead(group, Compared(key))).collect();
    let (by_value, newcomer) = comparisons(|| lead(group, Compared(100)));
    drop(newcomer);
    let (by_borrow, newcomer) = comparisons(|| group.join(&Compared(100)));
    let Ok(Joined::Leader(newcomer)) = newcomer else {
        panic!("it leads: {newcomer:?}");
    };
    let (landing, _) = comparisons(|| newcomer.complete(1));
    let (losing, ()) = comparisons(|| drop(leaders));
    assert_eq!(group.in_flight(), 0);
    [by_value, by_borrow, landing, losing]
}

/// A call's key is compared with every key in flight that has its hash, and with no other. A
/// borrow is looked for twice, before it is made into a key and after.
///
/// Holds P7.
#[test]
fn a_key_is_compared_with_those_of_its_hash_only() {
    assert_eq!(compared(&Group::with_hasher(Colliding)), [100, 200, 0, 0]);
    let spread: Group<Compared, u64> = Builder::new().shards(1).build();
    assert_eq!(compared(&spread), [0; 4]);
}
