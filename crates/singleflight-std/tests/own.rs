//! What this front end has of its own.

use std::time::{Duration, Instant};

use singleflight_core::Turn;
use singleflight_std::{CallError, Group, Job, Joined, Until};

#[test]
fn a_drain_tells_what_is_left() {
    let group: Group<&str, u32> = Group::new();
    let stuck = group.join("stuck");
    let left = group.drain(Instant::now()).expect_err("it is in flight");
    assert_eq!(*left.flights[0].key(), "stuck");
    drop(stuck);
    assert!(group.drain(Instant::now()).is_ok());
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
    let handle = group.spawn_on(spawner, 1, Until::Done, |_| 1);
    let handle = handle.expect("the pool takes it");
    let Ok(Joined::Follower(follower)) = group.join(1) else {
        panic!("the job leads");
    };
    drop(lost);
    assert_eq!(handle.outcome_blocking().err(), Some(CallError::TaskLost));
    assert!(matches!(follower.wait_blocking(), Ok(Turn::Lead(_))));
    assert_eq!(group.in_flight(), 0);
}

#[test]
fn a_call_is_shown_without_its_key() {
    let group: Group<&str, u32> = Group::new();
    let call = group
        .call("key")
        .deadline(Instant::now() + Duration::from_secs(1));
    let shown = format!("{call:?}");
    assert!(shown.starts_with("Call { group: Group {"), "{shown}");
    assert!(shown.contains("limit: Until("), "{shown}");
}
