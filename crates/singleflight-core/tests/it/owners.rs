//! Groups whose last owner goes while something is in flight.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use singleflight_core::{CallError, Follower, Group, Joined, Leader, Turn};

use crate::hand::{Runs, arrive_by};
use crate::task::Task;

type Shared = Arc<Group<u64, u64>>;

/// A flight of two.
fn flight(group: &Shared) -> (Leader<Shared>, Follower<Shared>) {
    let join = || Group::join_owned(Arc::clone(group), 1);
    match (join(), join()) {
        (Ok(Joined::Leader(leader)), Ok(Joined::Follower(follower))) => (leader, follower),
        other => panic!("one leads, one follows: {other:?}"),
    }
}

/// The work drops its owner's handle; its leader keeps the group until it has ended.
///
/// Holds P6.
#[test]
fn a_work_may_drop_its_group() {
    let group = Shared::default();
    let gone = Arc::downgrade(&group);
    let (leader, follower) = flight(&group);
    let outcome = leader.lead_blocking(|| {
        drop(group);
        7
    });
    assert_eq!((outcome.value, outcome.followers), (7, 1));
    assert!(gone.upgrade().is_some(), "the follower keeps it");
    match Task::new(follower.wait()).ends() {
        Ok(Turn::Landed(outcome)) => assert_eq!(outcome.value, 7),
        other => panic!("the flight landed: {other:?}"),
    }
    assert!(gone.upgrade().is_none(), "nobody keeps it any more");
}

#[test]
fn a_work_may_drop_its_group_and_panic() {
    let group = Shared::default();
    let gone = Arc::downgrade(&group);
    let (leader, follower) = flight(&group);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        leader.lead_blocking(move || {
            drop(group);
            panic!("boom")
        })
    }));
    assert!(panicked.is_err());
    let turn = Task::new(follower.wait()).ends();
    if cfg!(feature = "std") {
        assert!(matches!(turn, Err(CallError::LeaderPanicked(_))));
    } else {
        assert!(matches!(&turn, Ok(Turn::Lead(_))), "it was handed over");
    }
    drop(turn);
    assert!(gone.upgrade().is_none());
}

/// A leader that is lost with its group leaves it to the follower, who leads it to its end.
#[test]
fn the_last_follower_may_own_the_group() {
    let group = Shared::default();
    let gone = Arc::downgrade(&group);
    let (leader, follower) = flight(&group);
    drop(group);
    drop(leader);
    match Task::new(follower.wait()).ends() {
        Ok(Turn::Lead(leader)) => assert_eq!(leader.complete(8).value, 8),
        other => panic!("it leads on: {other:?}"),
    }
    assert!(gone.upgrade().is_none());
}

/// A spawned call's task, and then its handle, outlive every other handle.
#[test]
fn a_spawned_work_may_drop_its_group() {
    let group = Shared::default();
    let gone = Arc::downgrade(&group);
    let owner = RefCell::new(Some(Arc::clone(&group)));
    let arrival = arrive_by(group, 1, Runs::WhileWanted).expect("nothing is refused");
    let (task, handle) = arrival.into_detached_task(async || {
        drop(owner.take());
        7
    });
    Task::new(task).ends();
    assert!(gone.upgrade().is_some(), "the handle keeps it");
    let outcome = Task::new(handle.outcome()).ends().expect("it landed");
    assert_eq!(outcome.value, 7);
    assert!(gone.upgrade().is_none());
}
