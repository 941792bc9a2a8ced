//! What this front end has of its own.

use std::future::pending;
use std::pin::pin;
use std::time::Instant;

use singleflight_smol::{CallError, Group, Until};
use smol::Executor;
use smol::future::poll_once;

/// An executor that is dropped loses its own calls: whoever else waits leads on.
#[test]
fn a_task_that_is_lost_is_told_to_its_handle_alone() {
    let (group, executor): (Group<u64, u64>, _) = (Group::new(), Executor::new());
    let handle = group.spawn_on(&executor, 1, Until::Done, async || 1);
    let mut elsewhere = pin!(group.run(1, async || 8));
    assert!(smol::block_on(poll_once(&mut elsewhere)).is_none());
    drop(executor);
    let answer = smol::block_on(handle.expect("it was spawned").outcome());
    assert_eq!(answer.err(), Some(CallError::TaskLost));
    assert_eq!(smol::block_on(elsewhere), 8);
    assert_eq!(group.in_flight(), 0);
}

#[test]
fn a_drain_tells_what_is_left() {
    smol::block_on(async {
        let group: Group<&str, u32> = Group::new();
        let handle = group.spawn_until_unwanted("stuck", pending);
        let left = group.drain(Instant::now()).await;
        assert_eq!(
            *left.expect_err("it is in flight").flights[0].key(),
            "stuck"
        );
        drop(handle);
    });
}
