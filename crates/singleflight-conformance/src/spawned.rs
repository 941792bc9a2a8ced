//! Calls that own a task: P1 and P4 for works that outlive their callers.

use std::sync::Arc;

use singleflight_core::{Builder, CallError, Role, Until};

use crate::caller::{failure, led, number};
use crate::front_end::Complete;
use crate::gate::until;
use crate::stage::{KEY, Stage};
use crate::value::Answer;

/// Nothing has to be polled for the key to be claimed.
pub fn a_spawned_call_claims_its_key_at_once<F: Complete>() {
    let stage = Stage::<F>::new();
    let spawned = stage.call(1).spawn(Until::Done);
    assert_eq!(stage.group.in_flight(), 1);
    assert_eq!(stage.waiting(KEY), 0, "the handle is not another caller");
    let follower = stage.follower(2);
    let outcome = spawned.outcome().expect("it lands");
    assert_eq!((outcome.role, outcome.followers), (Role::Leader, 1));
    assert_eq!(follower.number(), 1);
    let stats = stage.group.stats();
    assert_eq!((stats.led, stats.followed), (1, 1), "a handle is no call");
    drop(outcome);
    stage.close();
}

/// The work goes on to its end when its handle is dropped.
pub fn a_spawned_work_outlives_its_handle<F: Complete>() {
    let stage = Stage::<F>::new();
    let spawned = stage.call(1).spawn(Until::Done);
    spawned.has_begun();
    drop(spawned.handle);
    assert_eq!(stage.group.in_flight(), 1);
    spawned.may_end.open();
    until("the work ending", || stage.group.in_flight() == 0);
    assert_eq!((stage.runs(), stage.group.stats().landed), (1, 1));
    stage.close();
}

/// Spawned calls, calls and handles share flights, in every order.
///
/// Holds P9.
pub fn spawned_calls_share_flights_with_every_entry_point<F: Complete>() {
    for until in [Until::Done, Until::Unwanted] {
        let stage = Stage::<F>::new();
        let spawned = stage.call(1).spawn(until);
        spawned.has_begun();
        let caller = stage.follower(2);
        let second = stage.call(3).spawn(until);
        let outcome = spawned.outcome().expect("it lands");
        assert_eq!(
            (number(&Answer::outcome(Ok(outcome))), caller.number()),
            (1, 1)
        );
        let outcome = second.outcome().expect("it lands");
        assert_eq!(outcome.role, Role::Follower);
        drop(outcome);

        let caller = stage.leader(4);
        let spawned = stage.call(5).spawn(until);
        assert_eq!((caller.number(), spawned.number()), (4, 4));
        assert_eq!(stage.runs(), 2);
        stage.close();
    }
}

/// Nobody has to poll the handle for the call to lead on.
///
/// Holds P3.
pub fn a_spawned_follower_leads_on_by_itself<F: Complete>() {
    let stage = Stage::<F>::new();
    let lost = stage.losable();
    let spawned = stage.call(2).spawn(Until::Done);
    lost.lose();
    spawned.has_begun();
    let outcome = spawned.outcome().expect("it leads on");
    assert_eq!(outcome.role, Role::Leader);
    drop(outcome);
    stage.close();
}

/// A panic reaches whoever waits, and nobody else.
///
/// Holds P4.
pub fn a_panic_in_a_spawned_work_reaches_its_handle<F: Complete>() {
    for until in [Until::Done, Until::Unwanted] {
        let stage = Stage::<F>::new();
        let spawned = stage.call(1).panics("boom").spawn(until);
        spawned.has_begun();
        let follower = stage.follower(2);
        for error in [spawned.outcome().err(), Some(follower.refusal())] {
            match error {
                Some(CallError::LeaderPanicked(panicked)) => assert_eq!(panicked.message(), "boom"),
                other => panic!("the panic is shared: {other:?}"),
            }
        }
        assert_eq!(stage.leader(3).number(), 3, "the key is usable");
        stage.close();
    }
}

/// And to the handle of a call that followed: its process lives.
///
/// Holds P4.
pub fn a_panic_reaches_a_spawned_follower<F: Complete>() {
    for until in [Until::Done, Until::Unwanted] {
        let stage = Stage::<F>::new();
        let leader = stage.call(1).panics("boom").lead();
        let spawned = stage.call(2).spawn(until);
        assert_eq!(leader.panic(), "boom");
        match spawned.outcome() {
            Err(CallError::LeaderPanicked(panicked)) => assert_eq!(panicked.message(), "boom"),
            other => panic!("the panic is shared: {other:?}"),
        }
        assert_eq!(stage.runs(), 1, "the follower's work is not run");
        stage.close();
    }
}

/// The work is cancelled when the last handle goes.
///
/// Holds P1.
pub fn an_unwanted_work_is_cancelled<F: Complete>() {
    let stage = Stage::<F>::new();
    let spawned = stage.call(1).spawn(Until::Unwanted);
    spawned.has_begun();
    drop(spawned.handle);
    until("the work being cancelled", || stage.group.in_flight() == 0);
    let stats = stage.group.stats();
    assert_eq!((stats.landed, stats.abandoned), (0, 1));
    assert_eq!(stage.leader(2).number(), 2, "the key is usable");
    stage.close();
}

/// Of many handles it is the last one that counts, whichever it is: the leader's, or one of those
/// who followed.
///
/// Holds P4.
pub fn a_work_is_cancelled_when_the_last_of_many_goes<F: Complete>() {
    for (handles, last) in [(2, 0), (2, 1), (5, 0), (5, 2), (5, 4), (20, 7)] {
        let stage = Stage::<F>::new();
        let leader = stage.call(1).spawn(Until::Unwanted);
        leader.has_begun();
        let mut spawned = vec![leader];
        for at in 1..handles {
            spawned.push(stage.call(2).spawn(Until::Unwanted));
            assert_eq!(stage.waiting(KEY), at);
        }
        let last = spawned.swap_remove(last);
        drop(
            spawned
                .into_iter()
                .map(|call| call.handle)
                .collect::<Vec<_>>(),
        );
        // Tasks of handles that are gone leave. Of the leader's task its handle is no follower.
        let left = usize::from(!last.begun.is_open());
        until("the others leaving", || stage.waiting(KEY) == left);
        assert_eq!(
            (stage.runs(), stage.group.in_flight()),
            (1, 1),
            "it is still wanted"
        );
        drop(last.handle);
        until("the work being cancelled", || stage.group.in_flight() == 0);
        assert_eq!(stage.group.stats().landed, 0);
        stage.close();
    }
}

/// A spawned call owns its group: every other handle may go while it runs.
///
/// Holds P6.
pub fn a_spawned_work_keeps_its_group<F: Complete>() {
    for end in [Until::Done, Until::Unwanted] {
        let stage = Stage::<F>::new();
        let spawned = stage.call(1).spawn(end);
        spawned.has_begun();
        let gone = Arc::downgrade(&stage.group);
        drop(stage);
        assert_eq!(spawned.number(), 1);
        until("the group going with its last user", || {
            gone.strong_count() == 0
        });
    }
}

/// Any caller's interest keeps the work going, of whatever entry point.
///
/// Holds P4.
pub fn a_work_that_anybody_wants_is_not_cancelled<F: Complete>() {
    let stage = Stage::<F>::new();
    let spawned = stage.call(1).spawn(Until::Unwanted);
    spawned.has_begun();
    let follower = stage.follower(2);
    drop(spawned.handle);
    spawned.may_end.open();
    assert_eq!(follower.number(), 1);
    assert_eq!(stage.runs(), 1);

    // A detached call counts as interested, though nobody holds its handle.
    let spawned = stage.call(3).spawn(Until::Unwanted);
    spawned.has_begun();
    let detached = stage.call(4).spawn(Until::Done);
    drop(detached.handle);
    drop(spawned.handle);
    spawned.may_end.open();
    until("the work ending", || stage.group.in_flight() == 0);
    assert_eq!((stage.runs(), stage.group.stats().landed), (2, 2));
    stage.close();
}

/// A follower whose handle goes leaves, so that a work that only it wanted is cancelled.
///
/// Holds P6.
pub fn a_spawned_follower_leaves_with_its_handle<F: Complete>() {
    let stage = Stage::<F>::new();
    let leader = stage.leader(1);
    let spawned = stage.call(2).spawn(Until::Unwanted);
    assert_eq!(
        stage.waiting(KEY),
        1,
        "the task; its handle is not another caller"
    );
    drop(spawned.handle);
    until("the task leaving", || stage.waiting(KEY) == 0);
    let answer = leader.answer();
    assert_eq!(answer.followers, Some(0));
    drop(answer);
    stage.close();
}

/// Of spawned calls that follow without a handle one stays for the work's sake. It is no follower,
/// whatever the group's bound, and it leads on when the leader is lost.
///
/// Holds P11.
pub fn one_detached_follower_stays_as_the_heir<F: Complete>() {
    let stage = Stage::<F>::with(Builder::new().max_followers(1));
    let lost = stage.losable();
    let before = stage.runs();
    let mut heir = None;
    for _ in 0..20 {
        let detached = stage.call(2).spawn(Until::Done);
        detached.may_end.open();
        drop(detached.handle);
        assert_eq!(stage.waiting(KEY), 0, "nobody waits");
        heir.get_or_insert(detached.begun);
    }
    lost.lose();
    until("the heir doing the work", || stage.group.in_flight() == 0);
    assert!(heir.is_some_and(|begun| begun.is_open()), "the first stays");
    assert_eq!(stage.runs() - before, 1);
    stage.close();
}

/// A caller who comes while a work is being cancelled gets the value if the work goes on for
/// its sake, or runs its own work afterwards; never the dead one's fate (tailscale 18919).
///
/// Holds P1.
pub fn a_late_caller_gets_a_successor<F: Complete>() {
    for round in 0..20 {
        let stage = Stage::<F>::new();
        let spawned = stage.call(1).spawn(Until::Unwanted);
        spawned.has_begun();
        drop(spawned.handle);
        let late = stage.call(2).start();
        late.release();
        spawned.may_end.open();
        let answer = late.answer();
        match number(&answer) {
            1 => assert!(!led(&answer) && stage.runs() == 1, "round {round}"),
            _ => assert!(led(&answer) && stage.runs() == 2, "round {round}"),
        }
        drop(answer);
        stage.close();
    }
}

/// An error of a spawned work is a value like any other.
pub fn a_spawned_works_error_reaches_its_handle<F: Complete>() {
    let stage = Stage::<F>::new();
    let spawned = stage.call(1).fails("no route").spawn(Until::Done);
    let answer = Answer::outcome(spawned.outcome());
    assert_eq!(failure(&answer), "no route");
    stage.close();
}
