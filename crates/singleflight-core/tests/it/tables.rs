//! The table behind the group: many keys, colliding keys, shards.

use std::hash::BuildHasher;

use singleflight_core::{Builder, Group, Joined};

use crate::hashers::Colliding;

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
        holds_many_flights(&Builder::new().shards(shards).build());
    }
}

#[test]
fn keys_that_collide_are_still_told_apart() {
    holds_many_flights(&Group::with_hasher(Colliding));
}

#[test]
fn the_number_of_shards_is_rounded_up_and_bounded() {
    for (asked, given) in [(0, 1), (1, 1), (3, 4), (16, 16), (1 << 20, 1 << 16)] {
        let group: Group<u8, u8> = Builder::new().shards(asked).build();
        assert_eq!(group.shards(), given);
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

/// What has landed is not counted, but told from the other counts.
#[test]
fn every_leader_is_counted_once_near_and_far() {
    let group: Group<u64, u64> = Builder::new().shards(1).build();
    let lead = |key| match group.join(key) {
        Ok(Joined::Leader(leader)) => leader,
        other => panic!("{key} leads: {other:?}"),
    };
    let check = |led, landed, abandoned, in_flight| {
        let stats = group.stats();
        assert_eq!((stats.led, stats.in_flight), (led, in_flight), "{stats:?}");
        assert_eq!(
            (stats.landed, stats.abandoned),
            (landed, abandoned),
            "{stats:?}"
        );
    };
    let mut leaders: Vec<_> = (0..6).map(lead).collect();
    check(6, 0, 0, 6);
    let followers = [group.join(0), group.join(5)];
    assert_eq!(group.stats().followed, 2);
    for leader in leaders.drain(1..3) {
        assert_eq!(leader.complete(1).value, 1);
    }
    check(6, 2, 0, 4);
    // The flights of 0, near, and of 5, far, wait for somebody to lead on.
    drop((leaders.pop(), leaders.remove(0)));
    check(6, 2, 2, 4);
    leaders.extend([lead(0), lead(5)]);
    check(8, 2, 2, 4);
    for leader in leaders {
        assert_eq!(leader.complete(2).value, 2);
    }
    check(8, 6, 2, 0);
    drop(followers);
    check(8, 6, 2, 0);
}
