//! What a leader in hand can do with its flight: close it, end it alone, run it in parts.

use std::sync::Arc;

use singleflight_core::{CallError, Group, Joined, Turn};

#[cfg(feature = "std")]
use crate::hand::panics;
use crate::hand::{Runs, arrive, follow, lead};
use crate::task::{Task, pause};

type Numbers = Group<u64, u64>;

/// Whoever waits has the value, and whoever comes starts afresh.
#[test]
fn a_flight_that_is_closed_to_newcomers_goes_on_for_those_who_wait() {
    let group = Numbers::new();
    let old = lead(&group, 1);
    let mut follower = Task::new(group.run(1, async || unreachable!("it follows")));
    follower.waits();
    old.close_to_newcomers();
    let new = lead(&group, 1);
    assert_eq!(group.in_flight(), 2);
    // By the flight and not by the key: the newer one is not closed.
    old.close_to_newcomers();
    let mut late = Task::new(group.run(1, async || unreachable!("it follows")));
    late.waits();
    assert_eq!((old.complete(7).followers, follower.ends()), (1, Ok(7)));
    assert_eq!((new.complete(8).followers, late.ends()), (1, Ok(8)));
    let stats = group.stats();
    assert_eq!((stats.forgotten, stats.landed, stats.in_flight), (0, 2, 0));
}

/// A leader that is lost leaves it closed, whoever leads on.
#[test]
fn a_closed_flight_is_handed_over_closed() {
    let group = Numbers::new();
    let lost = lead(&group, 1);
    let follower = follow(&group, 1);
    lost.close_to_newcomers();
    assert_eq!(group.stats().in_flight_forgotten, 1);
    drop(lost);
    let Ok(Turn::Lead(leader)) = Task::new(follower.wait()).ends() else {
        panic!("it leads on");
    };
    assert!(leader.fence().is_forgotten());
    drop(lead(&group, 1));
    assert_eq!(leader.complete(7).followers, 0);
    assert_eq!(group.in_flight(), 0);
}

/// By a follower that has waited too long, which knows the flight by its id.
#[test]
fn a_flight_is_closed_to_newcomers_by_its_id() {
    let group = Numbers::new();
    let stuck = lead(&group, 1);
    let follower = follow(&group, 1);
    let flight = follower.flight_id();
    drop(follower);
    group.close_to_newcomers(flight);
    let successor = lead(&group, 1);
    group.close_to_newcomers(flight);
    drop(follow(&group, 1));
    drop(stuck);
    group.close_to_newcomers(flight);
    assert_eq!(group.followers(1), Some(0), "the successor is not closed");
    drop(successor);
    group.close_to_newcomers(flight);
    assert_eq!(group.stats().forgotten, 0);
}

/// A flight of another group is none of this group's, though they count alike.
#[test]
fn an_id_of_another_group_closes_nothing() {
    let one_shard = || -> Numbers { Group::builder().shards(1).build() };
    let (group, other) = (one_shard(), one_shard());
    for spilled in 0..5 {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for key in 0..=spilled {
            here.push(lead(&group, key));
            there.push(lead(&other, key));
        }
        for leader in &there {
            group.close_to_newcomers(leader.flight_id().expect("it leads"));
        }
        let is_open = (0..=spilled).all(|key| group.followers(key) == Some(0));
        assert!(is_open, "{} in flight", here.len());
    }
}

#[test]
fn a_leader_that_is_alone_ends_its_flight() {
    let group = Numbers::new();
    let mut leader = lead(&group, 1);
    let fence = leader.fence();
    let mut drained = Task::new(async {
        pause().await;
        group.drained().await;
    });
    drained.waits();
    drained.waits();
    assert!(leader.close_if_alone());
    assert_eq!((drained.wakes(), group.in_flight()), (1, 0));
    assert!(fence.is_forgotten() && leader.fence().is_forgotten());
    assert!(leader.close_if_alone(), "it stays so");
    assert_eq!(leader.flight_id(), None);
    let outcome = leader.complete(7);
    assert_eq!((outcome.value, outcome.followers), (7, 0));
    let stats = group.stats();
    assert_eq!((stats.landed, stats.abandoned), (1, 0));
    drained.ends();
}

/// Whatever becomes of the leader then, another flight of the key is none of its business.
#[test]
fn a_leader_that_has_ended_its_flight_leaves_the_next_one_alone() {
    type End = fn(singleflight_core::Leader<&Numbers>);
    let ends: [End; 4] = [
        |leader| drop(leader),
        |leader| leader.fail(),
        |leader| assert_eq!(leader.complete(7).value, 7),
        |leader| leader.close_to_newcomers(),
    ];
    for end in ends {
        let group = Numbers::new();
        let mut old = lead(&group, 1);
        assert!(old.close_if_alone());
        let new = lead(&group, 1);
        let mut follower = Task::new(group.run(1, async || unreachable!("it follows")));
        follower.waits();
        end(old);
        assert_eq!((group.in_flight(), group.followers(1)), (1, Some(1)));
        assert_eq!((new.complete(8).followers, follower.ends()), (1, Ok(8)));
        let stats = group.stats();
        assert_eq!((stats.led, stats.landed, stats.abandoned), (2, 2, 0));
    }
}

/// With company it goes on as it was, and newcomers may join.
#[test]
fn a_leader_that_is_not_alone_ends_nothing() {
    let group = Numbers::new();
    let mut leader = lead(&group, 1);
    let follower = follow(&group, 1);
    assert!(!leader.close_if_alone());
    let watcher = follower.without_work();
    assert!(!leader.close_if_alone(), "a watcher waits, too");
    drop(follow(&group, 1));
    drop(watcher);
    let arrived = arrive(&Arc::new(Numbers::new()), 1, Runs::ToItsEnd);
    drop(arrived);
    assert!(leader.close_if_alone());
    assert_eq!(group.in_flight(), 0);
}

/// An heir waits for no value: it is told that the work is done.
#[test]
fn a_leader_with_an_heir_is_alone() {
    let group: Arc<Numbers> = Arc::default();
    let mut leader = lead(&group, 1);
    let arrived = arrive(&group, 1, Runs::ToItsEnd);
    let (task, handle) = arrived.into_detached_task(async || unreachable!("the work is done"));
    let mut task = Task::new(task);
    task.waits();
    assert!(!leader.close_if_alone(), "its handle is there");
    drop(handle);
    assert!(leader.close_if_alone());
    assert_eq!(task.wakes(), 1);
    task.ends();
    assert_eq!(leader.complete(7).value, 7);
    assert_eq!(group.in_flight(), 0);
}

/// Equal for all who have part in a flight, and for no others.
#[test]
fn all_who_share_a_flight_have_its_id() {
    let group = Numbers::new();
    let id = |leader: &singleflight_core::Leader<_>| leader.flight_id().expect("it leads");
    let leader = lead(&group, 1);
    let first = id(&leader);
    let followers = [(); 3].map(|()| follow(&group, 1));
    assert!(
        followers
            .iter()
            .all(|follower| follower.flight_id() == first)
    );
    let other = lead(&group, 2);
    assert_ne!(id(&other), first);
    drop(leader);
    let [next, ..] = followers;
    let Ok(Turn::Lead(leader)) = Task::new(next.wait()).ends() else {
        panic!("it leads on");
    };
    assert_eq!(id(&leader), first, "the flight goes on");
    assert!(group.forget(1));
    assert_eq!(id(&leader), first);
    let successor = lead(&group, 1);
    assert_ne!(id(&successor), first);
    drop((leader, successor));
    // A new one each time, though nobody else is there.
    let mut seen = std::collections::HashSet::from([first]);
    for _ in 0..100 {
        let leader = lead(&group, 1);
        assert!(seen.insert(id(&leader)));
    }
    assert_eq!(format!("{first:?}"), format!("{:?}", first.clone()));
}

/// At once if nobody waits, else when the last one has gone: and it is woken once.
#[test]
fn a_leader_learns_that_it_is_left_alone() {
    let group = Numbers::new();
    let leader = lead(&group, 1);
    Task::new(leader.left_alone()).ends();
    let [first, second] = [(); 2].map(|()| follow(&group, 1));
    let mut alone = Task::new(leader.left_alone());
    alone.waits();
    drop(first);
    assert_eq!(alone.wakes(), 0);
    drop(second.without_work());
    assert_eq!(alone.wakes(), 1);
    alone.ends();
    assert_eq!(leader.complete(7).followers, 0);
}

/// A work that is done in parts is inside of itself in each of them.
#[cfg(feature = "std")]
#[test]
fn a_part_of_a_work_is_part_of_the_work() {
    let group = Numbers::new();
    let mut leader = lead(&group, 1);
    for _ in 0..2 {
        let again = leader.step(|| group.join(1).err());
        assert_eq!(again, Some(CallError::Reentrant));
        drop(follow(&group, 1));
    }
    let mut follower = Task::new(group.run(1, async || unreachable!("it is told")));
    follower.waits();
    assert!(panics(|| leader.step(|| panic!("boom"))));
    assert!(matches!(follower.ends(), Err(CallError::LeaderPanicked(_))));
    assert!(
        matches!(group.join(1), Ok(Joined::Leader(_))),
        "it has ended"
    );
}

/// Without `std` nothing is noticed, and a part is run all the same.
#[cfg(not(feature = "std"))]
#[test]
fn a_part_of_a_work_is_run() {
    let group = Numbers::new();
    let mut leader = lead(&group, 1);
    assert_eq!(leader.step(|| 7), 7);
    assert!(matches!(group.join(1), Ok(Joined::Follower(_))));
    assert_eq!(None::<CallError>, None);
}
