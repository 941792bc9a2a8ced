//! What this front end has of its own.

use std::time::{Duration, Instant};

use singleflight_conformance::{DEADLINE, Gate};
use singleflight_std::{CallError, Group, Job, Joined, Turn};

#[test]
fn a_drain_tells_what_is_left() {
    let group: Group<&str, u32> = Group::new();
    let stuck = group.join("stuck");
    let left = group.drain(Duration::ZERO).expect_err("it is in flight");
    assert_eq!(*left.flights[0].key(), "stuck");
    drop(stuck);
    assert!(group.drain(Duration::ZERO).is_ok());
}

#[test]
fn a_batch_shows_what_was_chosen_for_it() {
    let group: Group<u64, u64> = Group::new();
    let shown = format!("{:?}", group.call_many([1]).timeout(Duration::ZERO));
    assert!(shown.starts_with("CallMany { call: "), "{shown}");
    assert!(shown.contains("deadline: Some("), "{shown}");
}

/// A pool that loses a job loses one call: whoever else waits leads on.
#[test]
fn a_job_that_is_lost_is_told_to_its_handle_alone() {
    let group: Group<u64, u64> = Group::new();
    let mut lost = None;
    let spawner = |job: Job| -> Result<(), ()> {
        lost = Some(job);
        Ok(())
    };
    let handle = group.call(1).on(spawner).spawn(|| 1);
    let Ok(Joined::Follower(follower)) = group.join(1) else {
        panic!("the job leads");
    };
    drop(lost);
    assert_eq!(handle.join(), Err(CallError::TaskLost));
    assert!(matches!(follower.wait_blocking(), Ok(Turn::Lead(_))));
    assert_eq!(group.in_flight(), 0);
}

/// A pool that refuses a job loses one call, and nothing stays registered.
#[test]
fn a_job_that_is_refused_is_told_by_its_handle() {
    let group: Group<u64, u64> = Group::new();
    let refuses = |_: Job| Err(());
    let call = || group.call(1).on(refuses);
    for refused in [call().spawn(|| 1), call().while_wanted().spawn(|_| 1)] {
        assert_eq!(refused.refusal(), Some(&CallError::NotSpawned));
        assert_eq!(refused.join(), Err(CallError::NotSpawned));
    }
    let tried = [
        call().try_spawn(|| Ok::<_, ()>(1)),
        call().while_wanted().try_spawn(|_| Ok(1)),
    ];
    for refused in tried {
        assert_eq!(refused.refusal(), Some(&CallError::NotSpawned));
        assert_eq!(refused.join(), Err(CallError::NotSpawned));
    }
    assert_eq!(group.in_flight(), 0);
}

/// A handle may be joined for a while, and again; when its answer was taken there is none left.
#[test]
fn a_handle_is_joined_again_after_a_timeout() {
    let group: Group<&str, u64> = Group::new();
    let gate = Gate::new();
    let held = gate.clone();
    let mut handle = group.spawn("key", move || {
        held.passed_blocking();
        7
    });
    for timeout in [Duration::ZERO, Duration::from_millis(1)] {
        assert_eq!(handle.join_timeout(timeout), Err(CallError::TimedOut));
    }
    assert_eq!(group.in_flight(), 1);
    gate.open();
    assert_eq!(handle.join_timeout(DEADLINE), Ok(7));
    assert_eq!(handle.join_timeout(DEADLINE), Err(CallError::TaskLost));
    assert_eq!(handle.join(), Err(CallError::TaskLost));
}

#[test]
fn a_call_is_shown_without_its_key() {
    let group: Group<&str, u32> = Group::new();
    let call = group
        .call("key")
        .deadline(Instant::now() + Duration::from_secs(1));
    let shown = format!("{call:?}");
    assert!(shown.starts_with("Call { group: Group {"), "{shown}");
    let call = || group.call("key").on(|_: Job| Err(()));
    let spawned = format!("{:?} {:?}", call(), call().while_wanted());
    assert!(spawned.starts_with("Spawnable { call: Call"), "{spawned}");
    assert!(spawned.contains("while_wanted: false"), "{spawned}");
    assert!(spawned.contains("while_wanted: true"), "{spawned}");
    assert!(!spawned.contains("\"key\""), "{spawned}");
}
