//! What becomes of calls where there is no runtime, or no longer.

use std::future::pending;
use std::thread;

use futures_lite::future::block_on;
use singleflight_conformance::until;
use singleflight_tokio::{CallError, Group, Until};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("a runtime starts")
}

#[test]
fn outside_a_runtime_nothing_is_spawned() {
    let group: Group<u64, u64> = Group::new();
    let refused = group.spawn(1, async || 1).err();
    assert_eq!(refused, Some(CallError::NotSpawned));
    let refused = group.spawn_until_unwanted(1, async || 1).err();
    assert_eq!(refused, Some(CallError::NotSpawned));
    assert_eq!((group.in_flight(), group.stats().led), (0, 0));
}

#[test]
fn on_a_runtime_that_was_shut_down_the_task_is_lost() {
    let group: Group<u64, u64> = Group::new();
    let runtime = runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    for end in [Until::Done, Until::Unwanted] {
        let call = group
            .spawn_on(&handle, 1, end, async || 1)
            .expect("the key is claimed");
        assert_eq!(block_on(call.outcome()).err(), Some(CallError::TaskLost));
    }
    assert_eq!(group.in_flight(), 0);
}

#[tokio::test]
async fn a_drain_tells_what_is_left() {
    let group: Group<&str, u64> = Group::new();
    let handle = group.spawn_until_unwanted("stuck", pending);
    let left = group.drain(tokio::time::Instant::now()).await;
    assert_eq!(
        *left.expect_err("it is in flight").flights[0].key(),
        "stuck"
    );
    drop(handle);
}

/// A group outlives the runtimes that use it: one that is shut down hands over.
#[test]
fn a_runtime_that_is_shut_down_hands_over_to_callers_elsewhere() {
    let group: Group<u64, u64> = Group::new();
    let runtime = runtime();
    let call = group.spawn_on(runtime.handle(), 1, Until::Done, pending);
    let elsewhere = thread::spawn({
        let group = group.clone();
        move || block_on(group.run(1, async || 8))
    });
    until("the call elsewhere waiting", || {
        group.followers(1) == Some(1)
    });
    runtime.shutdown_background();
    assert_eq!(elsewhere.join().expect("it leads on"), 8);
    let outcome = block_on(call.expect("it was spawned").outcome());
    assert_eq!(outcome.err(), Some(CallError::TaskLost), "its task is gone");
    assert_eq!(group.in_flight(), 0);
}
