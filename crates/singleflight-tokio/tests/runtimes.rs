//! What becomes of calls where there is no runtime, or no longer.

use std::future::pending;
use std::thread;
use std::time::Duration;

use singleflight_conformance::{DEADLINE, Gate, block_on, until};
use singleflight_tokio::{CallError, Group};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, advance};

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("a runtime starts")
}

#[test]
fn outside_a_runtime_nothing_is_spawned() {
    let group: Group<u64, u64> = Group::new();
    let call = || group.call(1);
    for refused in [
        group.spawn(1, async || 1),
        call().spawn(async || 1),
        call().while_wanted().spawn(async || 1),
    ] {
        assert_eq!(refused.refusal(), Some(&CallError::NotSpawned));
        assert_eq!(block_on(refused), Err(CallError::NotSpawned));
    }
    for refused in [
        call().try_spawn(async || Ok::<_, ()>(1)),
        call().while_wanted().try_spawn(async || Ok(1)),
    ] {
        assert_eq!(refused.refusal(), Some(&CallError::NotSpawned));
        assert_eq!(block_on(refused), Err(CallError::NotSpawned));
    }
    assert_eq!((group.in_flight(), group.stats().led), (0, 0));
}

#[test]
fn on_a_runtime_that_was_shut_down_the_task_is_lost() {
    let group: Group<u64, u64> = Group::new();
    let runtime = runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    let call = || group.call(1).on(&handle);
    for spawned in [
        call().spawn(async || 1),
        call().while_wanted().spawn(async || 1),
    ] {
        assert_eq!(block_on(spawned), Err(CallError::TaskLost));
    }
    assert_eq!(group.in_flight(), 0);
}

#[tokio::test]
async fn a_drain_tells_what_is_left() {
    let group: Group<&str, u64> = Group::new();
    let handle = group.call("stuck").while_wanted().spawn(pending);
    let left = group.drain(Duration::ZERO).await;
    assert_eq!(
        *left.expect_err("it is in flight").flights[0].key(),
        "stuck"
    );
    drop(handle);
    assert!(group.drain(DEADLINE).await.is_ok());
}

/// A timeout around the handle bounds the wait and nothing else.
#[tokio::test]
async fn a_handle_is_asked_again_after_a_timeout() {
    let group: Group<&str, u64> = Group::new();
    let gate = Gate::new();
    let held = gate.clone();
    let mut handle = group.spawn("key", async move || {
        held.passed().await;
        7
    });
    for _ in 0..2 {
        let late = tokio::time::timeout(Duration::from_millis(1), &mut handle).await;
        assert!(late.is_err(), "the work cannot end yet");
    }
    assert_eq!(group.in_flight(), 1);
    gate.open();
    assert_eq!(handle.await, Ok(7));
}

/// A group outlives the runtimes that use it: one that is shut down hands over.
#[test]
fn a_runtime_that_is_shut_down_hands_over_to_callers_elsewhere() {
    let group: Group<u64, u64> = Group::new();
    let runtime = runtime();
    let call = group.call(1).on(runtime.handle()).spawn(pending);
    let elsewhere = thread::spawn({
        let group = group.clone();
        move || block_on(group.run(1, async || 8))
    });
    until("the call elsewhere waiting", || {
        group.followers(1) == Some(1)
    });
    runtime.shutdown_background();
    assert_eq!(elsewhere.join().expect("it leads on"), Ok(8));
    assert_eq!(block_on(call), Err(CallError::TaskLost), "its task is gone");
    assert_eq!(group.in_flight(), 0);
}

/// The clock stands: now is the deadline to the nanosecond, and tokio's timers know milliseconds.
#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_now_starts_no_work() {
    advance(Duration::from_micros(500)).await;
    let group: Group<u64, u64> = Group::new();
    let late = group.call(7).deadline(Instant::now()).run(async || 42);
    assert_eq!(late.await, Err(CallError::TimedOut));
}
