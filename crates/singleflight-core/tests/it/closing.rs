//! What a leader can do with its flight beside landing it: close it, end it alone, be left alone.

use std::sync::Arc;

use singleflight_core::{CallError, Follower, Group, Joined, Leader, Role, Turn};

use crate::task::Task;

type Shared = Arc<Group<u64, u64>>;

fn lead(group: &Shared) -> Leader<Shared> {
    match Group::join_owned(Arc::clone(group), 7) {
        Ok(Joined::Leader(leader)) => leader,
        other => panic!("it leads: {other:?}"),
    }
}

fn follow(group: &Shared) -> Follower<Shared> {
    match Group::join_owned(Arc::clone(group), 7) {
        Ok(Joined::Follower(follower)) => follower,
        other => panic!("it follows: {other:?}"),
    }
}

#[test]
fn a_flight_that_is_closed_to_newcomers_serves_those_who_wait() {
    let group = Shared::default();
    let old = lead(&group);
    let follower = follow(&group);
    let fence = old.fence();
    old.close_to_newcomers();
    old.close_to_newcomers();
    let new = lead(&group);
    old.close_to_newcomers();
    drop(follow(&group));
    assert!(fence.is_forgotten(), "nobody joins it any more");
    assert_eq!(group.stats().forgotten, 0, "it was not forgotten");

    let mut wait = Task::new(follower.wait());
    wait.waits();
    let (old, new) = (old.complete(1), new.complete(2));
    let Ok(Turn::Landed(share)) = wait.ends() else {
        panic!("it has landed");
    };
    assert_eq!((share.value, share.role), (1, Role::Follower));
    assert_eq!((old.followers, new.followers), (1, 0));
    assert_eq!(group.in_flight(), 0);
}

#[test]
fn a_closed_flight_is_handed_over_as_any_other() {
    let group = Shared::default();
    let old = lead(&group);
    let flight = old.flight_id();
    let follower = follow(&group);
    assert_eq!(Some(follower.flight_id()), flight);
    old.close_to_newcomers();
    drop(old);
    let Ok(Turn::Lead(leader)) = Task::new(follower.wait()).ends() else {
        panic!("the leader is lost");
    };
    assert_eq!(leader.flight_id(), flight, "it is the same flight");
    drop(lead(&group));
    assert_eq!(leader.complete(1).followers, 0);
    assert_eq!(group.in_flight(), 0);
}

#[test]
fn a_follower_that_has_waited_too_long_closes_its_own_flight_and_no_newer_one() {
    let group = Shared::default();
    let old = lead(&group);
    let flight = follow(&group).flight_id();
    group.close_to_newcomers(flight);
    let new = lead(&group);
    group.close_to_newcomers(flight);
    drop(follow(&group));
    drop(old);
    group.close_to_newcomers(flight);
    drop(follow(&group));
    drop(new);
    assert_eq!(group.in_flight(), 0);
}

#[test]
fn a_leader_ends_its_flight_alone_only_if_nobody_waits() {
    let group = Shared::default();
    let mut leader = lead(&group);
    let follower = follow(&group);
    let watcher = follow(&group).without_work();
    assert!(!leader.close_if_alone());
    drop(follower);
    assert!(!leader.close_if_alone(), "a watcher waits too");
    drop(watcher);
    let flight = leader.flight_id();
    assert!(flight.is_some() && leader.close_if_alone());
    assert_eq!((leader.flight_id(), group.in_flight()), (None, 0));
    assert!(leader.close_if_alone(), "it has ended");

    let other = lead(&group);
    assert_ne!(other.flight_id(), flight);
    assert_eq!(leader.complete(1).value, 1);
    drop(follow(&group));
    assert_eq!(other.complete(2).followers, 0);
    let stats = group.stats();
    assert_eq!((stats.landed, stats.abandoned), (2, 0));
}

#[test]
fn a_group_that_drains_is_told_of_a_flight_that_ends_alone() {
    let group = Shared::default();
    let mut leader = lead(&group);
    let mut drained = Task::new(group.drained());
    drained.waits();
    assert!(leader.close_if_alone());
    drained.ends();
}

#[test]
fn an_heir_learns_that_the_flight_has_ended_alone() {
    use singleflight_core::Until;
    let group = Shared::default();
    let mut leader = lead(&group);
    let arrival = Group::arrive(Arc::clone(&group), 7, Until::Done).expect("it follows");
    let (task, handle) = arrival.into_task(async || unreachable!("the work is done"));
    let mut task = Task::new(task);
    task.waits();
    drop(handle);
    task.waits();
    assert!(leader.close_if_alone(), "an heir needs no value");
    task.ends();
    assert_eq!(group.in_flight(), 0);
}

#[test]
fn a_leader_learns_that_it_is_left_alone() {
    let group = Shared::default();
    let leader = lead(&group);
    Task::new(leader.left_alone()).ends();
    let followers = [follow(&group), follow(&group)];
    let mut alone = Task::new(leader.left_alone());
    alone.waits();
    let [first, second] = followers;
    drop(first);
    alone.waits();
    drop(second);
    alone.ends();

    let follower = follow(&group);
    let mut alone = Task::new(leader.left_alone());
    alone.waits();
    let mut wait = Task::new(follower.wait());
    wait.waits();
    drop(alone);
    assert_eq!(
        leader.complete(1).followers,
        1,
        "it stopped waiting, no more"
    );
    assert!(matches!(wait.ends(), Ok(Turn::Landed(_))));
}

#[test]
fn a_part_of_the_work_is_inside_of_it_and_its_panic_is_the_works() {
    let group = Shared::default();
    let mut leader = lead(&group);
    let follower = follow(&group);
    let mut wait = Task::new(follower.wait());
    wait.waits();
    let again = leader.step(|| group.join(7).err());
    let refused = cfg!(feature = "std").then_some(CallError::Reentrant);
    assert_eq!(again, refused);

    #[cfg(feature = "std")]
    {
        use std::panic::{AssertUnwindSafe, catch_unwind};
        let panicked = catch_unwind(AssertUnwindSafe(|| leader.step(|| panic!("no luck"))));
        assert!(panicked.is_err());
        let Err(CallError::LeaderPanicked(told)) = wait.ends() else {
            panic!("the panic is shared");
        };
        assert_eq!(told.message(), "no luck");
        assert_eq!((group.in_flight(), leader.flight_id()), (0, None));
        assert_eq!(leader.step(|| 3), 3, "it may go on by itself");
    }
}
