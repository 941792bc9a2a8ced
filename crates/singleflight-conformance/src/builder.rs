//! Each setting of a front end's own builder reaches the group.
//!
//! A scenario is given the group that a front end has built with one setting. What the setting does
//! is held by the other scenarios and by the core's tests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::block_on;
use singleflight_core::{CallError, Follower, Group, Joined, Leader, SeededHashBuilder, Turn};

use crate::gate::until;

/// What a front end has built.
pub type Built<S = singleflight_core::DefaultHashBuilder> = Arc<Group<u64, u64, S>>;

fn lead(group: &Built, key: u64) -> Leader<&Group<u64, u64>> {
    match group.join(key) {
        Ok(Joined::Leader(leader)) => leader,
        other => panic!("it leads: {other:?}"),
    }
}

fn follow(group: &Built, key: u64) -> Follower<&Group<u64, u64>> {
    match group.join(key) {
        Ok(Joined::Follower(follower)) => follower,
        other => panic!("it follows: {other:?}"),
    }
}

/// `builder().build()`.
pub fn defaults(group: &Built) {
    assert_eq!(group.shards(), 16);
    let _leader = lead(group, 1);
    let _followers: Vec<_> = (0..1_000).map(|_| follow(group, 1)).collect();
    assert_eq!(group.flights()[0].age(), None, "it has no clock");
}

/// `shards(3)`.
pub fn shards(group: &Built) {
    assert_eq!(group.shards(), 4);
}

/// `hasher(SeededHashBuilder::new(7))`.
pub fn hasher(group: &Built<SeededHashBuilder>) {
    let leader = group.join(1);
    assert!(matches!(leader, Ok(Joined::Leader(_))));
    assert!(matches!(group.join(1), Ok(Joined::Follower(_))));
}

/// `max_followers(1)`.
pub fn max_followers(group: &Built) {
    let _leader = lead(group, 1);
    let _follower = follow(group, 1);
    assert_eq!(group.join(1).err(), Some(CallError::TooManyFollowers));
}

/// `max_failures(1)`.
pub fn max_failures(group: &Built) {
    let leader = lead(group, 1);
    let follower = follow(group, 1);
    leader.fail();
    let failures = CallError::TooManyFailures { failures: 1 };
    assert_eq!(block_on(follower.wait()).err(), Some(failures));
}

/// `max_age(Duration::ZERO)`.
pub fn max_age(group: &Built) {
    let old = lead(group, 1);
    until("the flight growing too old", || {
        group.followers(1).is_none()
    });
    let new = lead(group, 1);
    let flights = group.flights();
    assert!(flights.iter().all(|flight| flight.age().is_some()));
    drop((old, new));
}

/// `tell_ages()`.
pub fn tell_ages(group: &Built) {
    let _leader = lead(group, 1);
    let age = || group.flights()[0].age().expect("it has a clock");
    until("the flight growing older", || {
        age() >= Duration::from_millis(2)
    });
    let _follower = follow(group, 1);
}

/// `panic_policy(PanicPolicy::HandOver)`.
pub fn panic_policy(group: &Built) {
    let leader = lead(group, 1);
    let follower = follow(group, 1);
    let panics = || leader.lead_blocking(|| panic!("boom"));
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    let turn = block_on(follower.wait());
    assert!(matches!(turn, Ok(Turn::Lead(_))), "{turn:?}");
}

/// `fixed_capacity(2)`.
pub fn fixed_capacity(group: &Built) {
    let _leaders = [1, 2].map(|key| lead(group, key));
    assert_eq!(group.join(3).err(), Some(CallError::Full));
}
