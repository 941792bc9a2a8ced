//! The handle of a spawned call: a future that can be given up and taken up again.

use std::future::pending;
use std::sync::Arc;

use singleflight_core::{CallError, Group, Outcome, Receiver, Role, Spawned};

#[cfg(all(feature = "std", not(target_family = "wasm")))]
use crate::hand::lead;
use crate::hand::{Runs, arrive, panics};
use crate::task::{Task, pause};

type Shared = Arc<Group<u64, u64>>;
type Handle = Spawned<Shared, Receiver<Outcome<u64>>>;

/// A spawned call whose work waits once, and its handle.
fn spawn(group: &Shared, runs: Runs) -> (Task<'static, ()>, Handle) {
    let (task, handle) = arrive(group, 1, runs).into_detached_task(async || {
        pause().await;
        7
    });
    (Task::new(task), handle)
}

#[test]
fn a_handle_is_given_up_and_taken_up_again() {
    for runs in [Runs::ToItsEnd, Runs::WhileWanted] {
        let group = Shared::default();
        let (mut task, mut handle) = spawn(&group, runs);
        task.waits();
        for _ in 0..3 {
            let mut given_up = Task::new(&mut handle);
            given_up.waits();
            drop(given_up);
        }
        // It is interested all the while, and whoever polled last is woken.
        let mut waits = Task::new(&mut handle);
        waits.waits();
        task.ends();
        assert_eq!(waits.wakes(), 1);
        assert_eq!(waits.ends(), Ok(7), "{runs:?}");
        assert!(panics(|| Task::new(&mut handle).poll()), "it was ready");
    }
}

/// It can be given up after the answer has come, and tells it later.
#[test]
fn an_answer_waits_for_its_handle() {
    let group = Shared::default();
    let (mut task, mut handle) = spawn(&group, Runs::ToItsEnd);
    task.waits();
    let mut given_up = Task::new(&mut handle);
    given_up.waits();
    task.ends();
    assert_eq!(given_up.wakes(), 1);
    drop(given_up);
    let outcome = Task::new(handle.outcome()).ends().expect("it has landed");
    assert_eq!((outcome.value, outcome.role), (7, Role::Leader));
}

/// A handle that is dropped while it is awaited by reference is still interested.
#[test]
fn giving_up_the_wait_ends_no_interest() {
    let group = Shared::default();
    let (task, mut handle) = {
        let (task, handle) = arrive(&group, 1, Runs::WhileWanted).into_detached_task(pending);
        (task, handle)
    };
    let mut task = Task::new(task);
    task.waits();
    let mut given_up = Task::new(&mut handle);
    given_up.waits();
    drop(given_up);
    task.waits();
    assert_eq!((task.wakes(), group.in_flight()), (0, 1));
    drop(handle);
    assert_eq!(task.wakes(), 1);
    task.ends();
    assert_eq!(group.in_flight(), 0);
}

/// Once it has told its answer it is nobody's interest, though it is kept.
#[test]
fn a_handle_that_has_told_its_answer_wants_nothing() {
    let group = Shared::default();
    let (mut lost, mut kept) = spawn(&group, Runs::WhileWanted);
    lost.waits();
    let (mut follows, handle) = spawn(&group, Runs::WhileWanted);
    follows.waits();
    drop(lost);
    assert_eq!(Task::new(&mut kept).ends(), Err(CallError::TaskLost));
    follows.waits();
    drop(handle);
    follows.ends();
    assert_eq!(group.in_flight(), 0);
    drop(kept);
}

/// It tells at once, and when it is awaited: by itself, by reference, with the role.
#[test]
fn a_refusal_is_carried_by_the_handle() {
    let refused = || Handle::refused(CallError::Closed);
    let handle = refused();
    assert_eq!(handle.refusal(), Some(&CallError::Closed));
    assert_eq!(
        format!("{handle:?}"),
        "Spawned { refusal: Some(Closed), .. }"
    );
    assert_eq!(Task::new(handle).ends(), Err(CallError::Closed));
    let outcome = Task::new(refused().outcome()).ends();
    assert_eq!(outcome, Err(CallError::Closed));
    let mut handle = refused();
    assert_eq!(Task::new(&mut handle).ends(), Err(CallError::Closed));
    assert!(panics(|| Task::new(&mut handle).poll()), "it was ready");

    let group = Shared::default();
    let (_task, handle) = spawn(&group, Runs::ToItsEnd);
    assert_eq!(handle.refusal(), None);
}

#[cfg(all(feature = "std", not(target_family = "wasm")))]
#[test]
fn a_refusal_is_carried_to_threads() {
    let refused = || Handle::refused(CallError::NotSpawned);
    assert_eq!(refused().join(), Err(CallError::NotSpawned));
    assert_eq!(refused().join_outcome(), Err(CallError::NotSpawned));
    let mut handle = refused();
    let told = handle.join_timeout(std::time::Duration::ZERO);
    assert_eq!(told, Err(CallError::NotSpawned));
    let told = handle.join_timeout(std::time::Duration::MAX);
    assert_eq!(told, Err(CallError::TaskLost), "it was told");
}

/// It bounds the wait and nothing else: the handle can be asked again, until it has answered.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
#[test]
fn a_thread_may_join_twice() {
    use std::time::Duration;

    let short = Duration::from_millis(1);
    for (runs, longest) in [
        (Runs::ToItsEnd, Duration::MAX),
        (Runs::WhileWanted, Duration::from_secs(600)),
    ] {
        let group = Shared::default();
        let (mut task, mut handle) = spawn(&group, runs);
        task.waits();
        for _ in 0..2 {
            assert_eq!(handle.join_timeout(short), Err(CallError::TimedOut));
        }
        task.ends();
        assert_eq!(handle.join_timeout(longest), Ok(7));
        for _ in 0..2 {
            assert_eq!(handle.join_timeout(longest), Err(CallError::TaskLost));
        }
        assert_eq!(handle.join(), Err(CallError::TaskLost));

        // What is there is had without time.
        let (mut task, mut handle) = spawn(&group, runs);
        task.waits();
        assert_eq!(
            handle.join_timeout(Duration::ZERO),
            Err(CallError::TimedOut)
        );
        task.ends();
        assert_eq!(handle.join_timeout(Duration::ZERO), Ok(7));
    }
}

/// Threads and tasks may ask the same handle.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
#[test]
fn a_handle_is_awaited_after_a_thread_has_given_up() {
    let group = Shared::default();
    let leader = lead(&group, 1);
    let (mut task, mut handle) = spawn(&group, Runs::ToItsEnd);
    task.waits();
    let told = handle.join_timeout(std::time::Duration::ZERO);
    assert_eq!(told, Err(CallError::TimedOut));
    assert_eq!(leader.complete(8).followers, 1);
    task.ends();
    let outcome = Task::new(handle.outcome()).ends().expect("it has landed");
    assert_eq!((outcome.value, outcome.role), (8, Role::Follower));
}
