//! The limits of what a group is asked to hold: followers, keys, and large values.

use std::thread;

use singleflight_core::{Group, Role};

use crate::hand::lead;
use crate::task::Task;

/// How many followers one flight is given.
const FOLLOWERS: usize = 100_000;

/// How many keys are in flight at once.
const KEYS: u64 = 1_000_000;

/// A crowd that waits for one flight. Its works return who led.
fn crowd(group: &Group<u64, usize>) -> Vec<Task<'_, (usize, Role)>> {
    let mut followers: Vec<_> = (0..FOLLOWERS)
        .map(|number| {
            Task::new(async move {
                let call = group.run_outcome(1, async || number).await;
                let outcome = call.expect("the flight lands");
                (outcome.value, outcome.role)
            })
        })
        .collect();
    for follower in &mut followers {
        follower.waits();
    }
    assert_eq!(group.followers(1), Some(FOLLOWERS));
    followers
}

/// Holds P3.
#[test]
fn a_hundred_thousand_followers_are_served_by_one_wake_each() {
    let group = Group::new();
    let leader = lead(&group, 1);
    let followers = crowd(&group);
    assert_eq!(leader.complete(7).followers, FOLLOWERS);
    // Before any of them is polled: nobody is woken by way of another.
    assert!(followers.iter().all(|follower| follower.wakes() == 1));
    for follower in followers {
        assert_eq!(follower.ends(), (7, Role::Follower));
    }
    assert_eq!(group.in_flight(), 0);
}

/// Half of them go, the leader is lost, and of those who are left one leads on.
///
/// Holds P3.
#[test]
fn a_hundred_thousand_followers_survive_their_leader() {
    let group = Group::new();
    let leader = lead(&group, 1);
    let mut followers = crowd(&group);
    // Every second one, so that those who go stand between those who stay.
    let mut stays = false;
    followers.retain(|_| {
        stays = !stays;
        stays
    });
    assert_eq!(group.followers(1), Some(FOLLOWERS / 2));
    drop(leader);
    let last = followers.pop().expect("half of them stayed");
    let (led, role) = last.ends();
    assert_eq!(role, Role::Leader, "the first that is polled");
    for follower in followers {
        assert_eq!(follower.ends(), (led, Role::Follower));
    }
    assert_eq!(group.stats().led, 1, "a claim is not another call");
    assert_eq!((group.stats().handed_over, group.in_flight()), (1, 0));
}

/// Holds P1.
#[test]
fn a_million_keys_are_in_flight_at_once() {
    let group: Group<u64, u64> = Group::new();
    let leaders: Vec<_> = (0..KEYS).map(|key| lead(&group, key)).collect();
    assert_eq!(group.in_flight() as u64, KEYS);
    // The last one first: those that stand in front of the tables stay longest.
    for (key, leader) in (0..KEYS).rev().zip(leaders.into_iter().rev()) {
        assert_eq!(leader.complete(key).value, key);
    }
    assert_eq!(group.in_flight(), 0);
    assert_eq!(group.stats().landed, KEYS);
}

/// A value of a megabyte that is not behind a pointer: it is moved, and cloned for each
/// follower but the last, on a stack that has room for it.
#[test]
fn a_large_value_may_be_carried_in_place() {
    const SIZE: usize = 1 << 20;

    #[expect(clippy::large_stack_arrays, reason = "that is what is tried")]
    fn carry() {
        let group: Group<u64, [u8; SIZE]> = Group::new();
        let leader = lead(&group, 1);
        let followers: Vec<_> = (0..3)
            .map(|_| {
                let mut follower = Task::new(group.run(1, async || unreachable!("it follows")));
                follower.waits();
                follower
            })
            .collect();
        assert_eq!(leader.complete([7; SIZE]).followers, 3);
        for follower in followers {
            let value = follower.ends().expect("the flight lands");
            assert!(value.iter().all(|byte| *byte == 7));
        }
        assert_eq!(group.in_flight(), 0);
    }

    // Unoptimised code keeps every copy that it moves: give it room.
    let thread = thread::Builder::new().stack_size(128 * SIZE).spawn(carry);
    let carried = thread.expect("a thread starts").join();
    carried.expect("the value is carried");
}

/// A key, a value and a handle without a size.
#[test]
fn nothing_at_all_may_be_shared() {
    let group: Group<(), ()> = Group::new();
    let leader = lead(&group, ());
    let mut follower = Task::new(group.run((), async || unreachable!("it follows")));
    follower.waits();
    assert_eq!(leader.complete(()).followers, 1);
    assert_eq!(follower.ends(), Ok(()));
    assert_eq!(group.in_flight(), 0);
}
