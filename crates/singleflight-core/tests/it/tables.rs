//! The table behind the group: many keys, colliding keys, odd hashers, shards.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use singleflight_core::{Builder, Group, Joined};

/// All keys hash alike.
#[derive(Default)]
struct Colliding;

/// No two hashes are alike.
#[derive(Default)]
struct Fickle(AtomicU64);

struct Fixed(u64);

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

/// Leads a thousand flights at once, checks that each is found, and ends them out of order.
fn holds_many_flights<S: BuildHasher>(group: &Group<u64, u64, S>) {
    let leaders: Vec<_> = (0..1000)
        .map(|key| match group.join(key) {
            Ok(Joined::Leader(leader)) => leader,
            other => panic!("{key} leads: {other:?}"),
        })
        .collect();
    assert_eq!(group.in_flight(), 1000);
    for key in 0..1000 {
        assert_eq!(group.followers(key), Some(0), "{key}");
    }
    let (even, odd): (Vec<_>, Vec<_>) = leaders
        .into_iter()
        .enumerate()
        .partition(|(key, _)| key % 2 == 0);
    for (key, leader) in even {
        assert_eq!(leader.complete(key as u64).value, key as u64);
    }
    assert_eq!(group.in_flight(), 500);
    for key in 0..1000 {
        assert_eq!(group.followers(key), (key % 2 == 1).then_some(0), "{key}");
    }
    drop(odd);
    assert_eq!(group.in_flight(), 0);
}

#[test]
fn many_flights_at_once_are_told_apart() {
    holds_many_flights(&Group::<u64, u64>::new());
    for shards in [1, 2, 16, 64] {
        holds_many_flights(&Builder::new().shards(shards).build::<u64, u64>());
    }
}

#[test]
fn keys_that_collide_are_still_told_apart() {
    holds_many_flights(&Group::with_hasher(Colliding));
}

/// A hasher that never gives the same hash twice makes calls miss each other, and no more.
#[test]
fn a_fickle_hasher_does_no_harm() {
    let group: Group<u64, u64, Fickle> = Group::with_hasher(Fickle::default());
    let first = group.join(1).expect("nothing is refused");
    let second = group.join(1).expect("nothing is refused");
    assert!(matches!(second, Joined::Leader(_)), "they did not meet");
    assert!(!group.forget(1));
    assert_eq!(group.in_flight(), 2);
    drop((first, second));
    assert_eq!(group.in_flight(), 0);
}

#[test]
fn the_number_of_shards_is_rounded_up_and_bounded() {
    for (asked, given) in [(0, 1), (1, 1), (3, 4), (16, 16), (1 << 20, 1 << 16)] {
        assert_eq!(
            Builder::new().shards(asked).build::<u8, u8>().shards(),
            given
        );
    }
}

#[test]
fn forget_all_closes_near_and_far_slots_alike() {
    let group: Group<u64, u64> = Builder::new().shards(1).build();
    let old: Vec<_> = (0..10).map(|key| group.join(key)).collect();
    assert_eq!(group.forget_all(), 10);
    let new: Vec<_> = (0..10).map(|key| group.join(key)).collect();
    assert!(
        new.iter()
            .all(|joined| matches!(joined, Ok(Joined::Leader(_))))
    );
    assert_eq!((group.in_flight(), group.stats().forgotten), (20, 10));
    assert_eq!(
        group
            .flights()
            .iter()
            .filter(|flight| flight.is_forgotten())
            .count(),
        10
    );
    drop((old, new));
    assert_eq!(group.in_flight(), 0);
}

/// A value may be as large or as small as it likes.
#[test]
fn zero_sized_and_large_values_are_carried() {
    let empty: Group<(), ()> = Group::new();
    let Ok(Joined::Leader(leader)) = empty.join(()) else {
        panic!("the first call leads");
    };
    let follower = empty.join(());
    assert_eq!(leader.complete(()).followers, 1);
    drop(follower);

    let large: Group<u8, Vec<u8>> = Group::new();
    let Ok(Joined::Leader(leader)) = large.join(1) else {
        panic!("the first call leads");
    };
    let Ok(Joined::Follower(follower)) = large.join(1) else {
        panic!("the second call follows");
    };
    let value = leader.complete(vec![7; 1 << 20]).value;
    let turn = futures_lite::future::block_on(follower.wait()).expect("the flight landed");
    assert_eq!(value.len(), 1 << 20);
    assert!(matches!(turn, singleflight_core::Turn::Landed(outcome) if outcome.value == value));
}
