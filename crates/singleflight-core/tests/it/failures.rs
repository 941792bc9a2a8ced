//! Works that fail: the error is its own caller's, and a row of them is told to the others.

use std::sync::Arc;

#[cfg(feature = "std")]
use singleflight_core::PanicPolicy;
use singleflight_core::{Builder, CallError, Group, Watcher};

#[cfg(feature = "std")]
use crate::hand::panics;
use crate::hand::{Runs, arrive, follow, lead};
use crate::task::{Task, pause};

type Numbers = Group<u64, u64>;

/// An error that nobody can clone, compare or print.
struct Opaque(usize);

fn told(failures: usize) -> CallError {
    CallError::TooManyFailures { failures }
}

fn watch(group: &Numbers) -> Watcher<&Numbers> {
    follow(group, 1).without_work()
}

#[test]
fn each_failure_of_a_row_is_its_own_callers() {
    for most in 1..=4 {
        let group: Numbers = Builder::new().max_failures(most).build();
        let blocker = lead(&group, 1);
        let mut row: Vec<_> = (0..most as usize)
            .map(|number| Task::new(group.try_run(1, async move || Err(Opaque(number)))))
            .collect();
        row.iter_mut().for_each(Task::waits);
        // Who would lead on, and does not, as the row is over.
        let mut plain = Task::new(group.run(1, async || unreachable!("the row is over")));
        plain.waits();
        let mut outcome = Task::new(group.run_outcome(1, async || unreachable!("it is over")));
        outcome.waits();
        let watcher = watch(&group);
        drop(blocker);
        for (number, call) in row.into_iter().enumerate() {
            match call.ends() {
                Ok(Err(error)) => assert_eq!(error.0, number),
                _ => panic!("it fails"),
            }
        }
        let failures = most as usize;
        assert_eq!(plain.ends(), Err(told(failures)));
        assert_eq!(outcome.ends(), Err(told(failures)));
        assert_eq!(Task::new(watcher.wait()).ends().err(), Some(told(failures)));
        let stats = group.stats();
        assert_eq!((stats.landed, stats.panicked), (0, 0));
        assert_eq!(stats.abandoned, u64::from(most) + 1);
        assert_eq!(group.in_flight(), 0);
    }
}

/// None is none: at least one work fails.
#[test]
fn a_bound_of_none_is_a_bound_of_one() {
    let group: Numbers = Builder::new().max_failures(0).build();
    let leader = lead(&group, 1);
    let mut follower = Task::new(group.run(1, async || unreachable!("the row is over")));
    follower.waits();
    leader.fail();
    assert_eq!(follower.ends(), Err(told(1)));
}

#[test]
fn without_a_bound_everyone_fails_for_himself() {
    let group: Numbers = Builder::new().max_failures(u32::MAX).build();
    let blocker = lead(&group, 1);
    let mut row: Vec<_> = (0..20)
        .map(|number| Task::new(group.try_run(1, async move || Err(number))))
        .collect();
    row.iter_mut().for_each(Task::waits);
    drop(blocker);
    for (number, call) in row.into_iter().enumerate() {
        assert_eq!(call.ends(), Ok(Err(number)));
    }
    assert_eq!(group.in_flight(), 0);
}

/// A follower by `run` leads on after a failure, and ends the row with its value.
#[test]
fn a_success_ends_the_row_for_all() {
    let group = Numbers::new();
    let blocker = lead(&group, 1);
    let mut failing = Task::new(group.try_run(1, async || Err(())));
    failing.waits();
    let mut leads = Task::new(group.run(1, async || 8));
    leads.waits();
    let watcher = watch(&group);
    let mut other = Task::new(group.try_run(1, async || Err(())));
    other.waits();
    drop(blocker);
    assert_eq!(failing.ends(), Ok(Err(())));
    assert_eq!((leads.ends(), other.ends()), (Ok(8), Ok(Ok(8))));
    let landed = Task::new(watcher.wait()).ends();
    assert_eq!(landed.map(|outcome| outcome.value), Ok(8));
    // The next flight has a row of its own.
    let failing = || Task::new(group.try_run(1, async || Err(())));
    for _ in 0..10 {
        assert_eq!(failing().ends(), Ok(Err(())));
    }
}

/// Watchers cannot try: they are told whatever the bound is.
#[test]
fn where_only_watchers_wait_they_are_told_of_the_failure() {
    let group: Numbers = Builder::new().max_failures(u32::MAX).build();
    let mut failing = Task::new(group.try_run(1, async || {
        pause().await;
        Err(())
    }));
    failing.waits();
    let mut watchers = [(); 2].map(|()| Task::new(watch(&group).wait()));
    watchers.iter_mut().for_each(Task::waits);
    assert_eq!(failing.ends(), Ok(Err(())));
    for watcher in watchers {
        assert_eq!(watcher.wakes(), 1);
        assert_eq!(watcher.ends().err(), Some(told(1)));
    }
    assert_eq!(group.in_flight(), 0);
}

/// A leader that is dropped has not failed.
#[test]
fn a_lost_leader_is_no_failure() {
    let group: Numbers = Builder::new().max_failures(1).build();
    let lost = lead(&group, 1);
    let mut follower = Task::new(group.run(1, async || 8));
    follower.waits();
    drop(lost);
    assert_eq!(follower.ends(), Ok(8));
}

/// A panic that hands over counts as a failure, and in a row of its own kind or with others.
#[cfg(feature = "std")]
#[test]
fn panics_that_hand_over_are_failures() {
    for errors in 0..=2 {
        let builder = Builder::new().max_failures(3);
        let group: Numbers = builder.panic_policy(PanicPolicy::HandOver).build();
        let blocker = lead(&group, 1);
        let mut row: Vec<_> = (0..3)
            .map(|number| {
                Task::new(group.try_run(1, async move || {
                    assert!(number < errors, "boom");
                    Err(())
                }))
            })
            .collect();
        row.iter_mut().for_each(Task::waits);
        let mut follower = Task::new(group.run(1, async || unreachable!("the row is over")));
        follower.waits();
        drop(blocker);
        for (number, call) in row.into_iter().enumerate() {
            if number < errors {
                assert_eq!(call.ends(), Ok(Err(())));
            } else {
                assert!(panics(|| call.ends()));
            }
        }
        assert_eq!(follower.ends(), Err(told(3)));
        assert_eq!((group.stats().panicked, group.in_flight()), (0, 0));
    }
}

/// Under the other policy everyone is told of the panic at once.
#[cfg(feature = "std")]
#[test]
fn a_panic_that_is_shared_is_no_failure() {
    let builder = Builder::new().max_failures(1);
    let group: Numbers = builder.panic_policy(PanicPolicy::Share).build();
    let leader = lead(&group, 1);
    let mut follower = Task::new(group.run(1, async || unreachable!("it is told")));
    follower.waits();
    assert!(panics(|| leader.lead_blocking(|| panic!("boom"))));
    assert!(matches!(follower.ends(), Err(CallError::LeaderPanicked(_))));
}

/// A key that a batch was given and did not return.
#[test]
fn a_key_that_is_not_returned_is_a_failure() {
    let group: Numbers = Builder::new().max_failures(1).build();
    let mut batch = Task::new(group.run_many([1, 2], async |_| {
        pause().await;
        [(2, 20)]
    }));
    batch.waits();
    let mut follower = Task::new(group.run(1, async || unreachable!("the row is over")));
    follower.waits();
    let answers = batch.ends();
    assert_eq!(answers.get(&1), Some(Err(&CallError::NotReturned)));
    assert_eq!(answers.get(&2), Some(Ok(&20)));
    assert_eq!(follower.ends(), Err(told(1)));
    assert_eq!((group.stats().landed, group.stats().abandoned), (1, 1));

    // By default another may lead on.
    let group = Numbers::new();
    let mut batch = Task::new(group.run_many([1], async |_| {
        pause().await;
        Vec::new()
    }));
    batch.waits();
    let mut follower = Task::new(group.run(1, async || 8));
    follower.waits();
    let answers = batch.ends();
    assert_eq!(answers.get(&1), Some(Err(&CallError::NotReturned)));
    assert_eq!(follower.ends(), Ok(8));
}

/// It has its error at once, hands over what it was given, and leaves what it waits for.
#[test]
fn a_batch_that_fails_has_its_own_error_at_once() {
    let group: Numbers = Builder::new().max_failures(2).build();
    let waited_for = lead(&group, 3);
    let mut batch = Task::new(group.try_run_many([1, 2, 3], async |keys: Vec<u64>| {
        assert_eq!(keys, [1, 2]);
        pause().await;
        Err::<Vec<_>, _>(Opaque(7))
    }));
    batch.waits();
    let mut leads = Task::new(group.run(1, async || 8));
    leads.waits();
    let mut fails = Task::new(group.try_run(2, async || Err(())));
    fails.waits();
    let mut follower = Task::new(group.run(2, async || unreachable!("the row is over")));
    follower.waits();
    assert_eq!(group.followers(3), Some(1));
    match batch.ends() {
        Err(error) => assert_eq!(error.0, 7),
        Ok(_) => panic!("it fails"),
    }
    assert_eq!(group.followers(3), Some(0), "it does not wait for the rest");
    assert_eq!(leads.ends(), Ok(8));
    assert_eq!(fails.ends(), Ok(Err(())));
    assert_eq!(follower.ends(), Err(told(2)));
    assert_eq!(waited_for.complete(30).followers, 0);
    assert_eq!(group.in_flight(), 0);
}

/// A batch that waits is told of a row of failures as anybody else.
#[test]
fn a_batch_is_told_of_failures_by_key() {
    let group: Numbers = Builder::new().max_failures(1).build();
    let (failing, landing) = (lead(&group, 1), lead(&group, 2));
    let mut batch = Task::new(group.run_many([1, 2], async |_| -> Vec<(u64, u64)> {
        unreachable!("both are loaded elsewhere")
    }));
    batch.waits();
    failing.fail();
    assert_eq!(landing.complete(20).followers, 1);
    let answers = batch.ends();
    assert_eq!(answers.get(&1), Some(Err(&told(1))));
    assert_eq!(answers.get(&2), Some(Ok(&20)));
}

/// By `try_lead`, and by a leader in hand.
#[test]
fn a_leader_by_hand_may_fail() {
    let group: Numbers = Builder::new().max_failures(2).build();
    let leader = lead(&group, 1);
    let follower = follow(&group, 1);
    let watcher = watch(&group);
    let failed = Task::new(leader.try_lead(async || Err(Opaque(1)))).ends();
    assert!(failed.is_err_and(|error| error.0 == 1));
    let Ok(singleflight_core::Turn::Lead(leader)) = Task::new(follower.wait()).ends() else {
        panic!("it leads on");
    };
    leader.fail();
    assert_eq!(Task::new(watcher.wait()).ends().err(), Some(told(2)));
    let stats = group.stats();
    assert_eq!(
        (stats.abandoned, stats.handed_over, stats.in_flight),
        (2, 1, 0)
    );
}

/// A spawned call's error is its handle's, whoever leads on.
#[test]
fn a_spawned_calls_error_is_its_handles() {
    for runs in [Runs::ToItsEnd, Runs::WhileWanted] {
        let group: Arc<Numbers> = Arc::new(Builder::new().max_failures(2).build());
        let spawn = |error| {
            let (task, guard) = arrive(&group, 1, runs).try_into_task(async move || Err(error));
            let handle = guard.with_task(Box::pin(task));
            Task::new(handle)
        };
        let (mut first, mut second) = (spawn(1), spawn(2));
        second.waits();
        let mut follower = Task::new(group.run(1, async || unreachable!("the row is over")));
        follower.waits();
        assert_eq!(first.poll(), std::task::Poll::Ready(Ok(Err(1))));
        drop(first);
        assert_eq!(second.ends(), Ok(Err(2)));
        assert_eq!(follower.ends(), Err(told(2)));
        assert_eq!(group.in_flight(), 0);
    }
}

/// The verbs that block.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
#[test]
fn a_threads_error_is_its_own() {
    let group: Arc<Numbers> = Arc::new(Builder::new().max_failures(1).build());
    let blocker = lead(&group, 1);
    let follower = follow(&group, 1);
    blocker.fail();
    assert_eq!(follower.wait_blocking().err(), Some(told(1)));
    let failed = group.try_run_blocking(1, || Err(Opaque(3)));
    assert!(matches!(failed, Ok(Err(Opaque(3)))));
    let failed = group.call(1).try_run_outcome_blocking(|| Err(Opaque(4)));
    assert!(matches!(failed, Ok(Err(Opaque(4)))));
    let (run, handle) = arrive(&group, 1, Runs::ToItsEnd).try_into_job(
        |call| futures_lite::future::block_on(call),
        |_| Err(Opaque(5)),
    );
    let mut follower = Task::new(group.run(1, async || unreachable!("the row is over")));
    follower.waits();
    run();
    assert!(matches!(handle.join(), Ok(Err(Opaque(5)))));
    assert_eq!(follower.ends(), Err(told(1)));
    assert_eq!(group.in_flight(), 0);
}
