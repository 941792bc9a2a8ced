//! What this front end has of its own.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use singleflight_conformance::{DEADLINE, Gate};
use singleflight_smol::{CallError, Group};
use smol::future::{or, poll_once};
use smol::{Executor, Timer};

/// An executor that is dropped loses its own calls: whoever else waits leads on.
#[test]
fn a_task_that_is_lost_is_told_to_its_handle_alone() {
    let (group, executor): (Group<u64, u64>, _) = (Group::new(), Executor::new());
    let handle = group.call(1).on(&executor).spawn(async || 1);
    let mut elsewhere = pin!(group.run(1, async || 8));
    assert!(smol::block_on(poll_once(&mut elsewhere)).is_none());
    drop(executor);
    assert_eq!(smol::block_on(handle), Err(CallError::TaskLost));
    assert_eq!(smol::block_on(elsewhere), Ok(8));
    assert_eq!(group.in_flight(), 0);
}

#[test]
fn a_drain_tells_what_is_left() {
    smol::block_on(async {
        let group: Group<&str, u32> = Group::new();
        let handle = group.call("stuck").while_wanted().spawn(pending);
        let left = group.drain(Duration::ZERO).await;
        assert_eq!(
            *left.expect_err("it is in flight").flights[0].key(),
            "stuck"
        );
        drop(handle);
        assert!(group.drain(DEADLINE).await.is_ok());
    });
}

/// A timeout around the handle bounds the wait and nothing else.
#[test]
fn a_handle_is_asked_again_after_a_timeout() {
    smol::block_on(async {
        let group: Group<&str, u64> = Group::new();
        let gate = Gate::new();
        let held = gate.clone();
        let mut handle = group.spawn("key", async move || {
            held.passed().await;
            7
        });
        for _ in 0..2 {
            let answer = async { Some((&mut handle).await) };
            let late = async {
                Timer::after(Duration::from_millis(1)).await;
                None
            };
            assert_eq!(or(answer, late).await, None, "the work cannot end yet");
        }
        assert_eq!(group.in_flight(), 1);
        gate.open();
        assert_eq!(handle.await, Ok(7));
    });
}
