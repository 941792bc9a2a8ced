//! Calls that own a task: P1 and P4 for works that outlive their callers.

use std::sync::Arc;

use futures_lite::future::{block_on, poll_once};
use singleflight_core::{Builder, CallError};

use crate::caller::{failure, led, number, own_failure, refusal};
use crate::front_end::{Complete, Entry};
use crate::gate::until;
use crate::stage::{KEY, Stage};
use crate::work::PRIVATE;

/// Nothing has to be polled for the key to be claimed.
pub fn a_spawned_call_claims_its_key_at_once<F: Complete>() {
    let stage = Stage::<F>::new();
    let spawned = stage.call(1).spawn();
    assert_eq!(stage.group.in_flight(), 1);
    assert_eq!(stage.waiting(KEY), 0, "the handle is not another caller");
    let follower = stage.follower(2);
    let answer = spawned.answer();
    assert!(led(&answer));
    assert_eq!(answer.followers, Some(1));
    assert_eq!(follower.number(), 1);
    let stats = stage.group.stats();
    assert_eq!((stats.led, stats.followed), (1, 1), "a handle is no call");
    drop(answer);
    stage.close();
}

/// The work goes on to its end when its handle is dropped.
pub fn a_spawned_work_outlives_its_handle<F: Complete>() {
    let stage = Stage::<F>::new();
    let spawned = stage.call(1).spawn();
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
    for while_wanted in [false, true] {
        let stage = Stage::<F>::new();
        let spawned = stage.call(1).spawn_as(while_wanted);
        spawned.has_begun();
        let caller = stage.follower(2);
        let second = stage.call(3).spawn_as(while_wanted);
        assert_eq!((spawned.number(), caller.number()), (1, 1));
        let answer = second.answer();
        assert!(!led(&answer));
        assert_eq!(number(&answer), 1);
        drop(answer);

        let caller = stage.leader(4);
        let spawned = stage.call(5).spawn_as(while_wanted);
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
    let spawned = stage.call(2).spawn();
    lost.lose();
    spawned.has_begun();
    assert!(led(&spawned.answer()));
    stage.close();
}

/// A panic reaches whoever waits, and nobody else.
///
/// Holds P4.
pub fn a_panic_in_a_spawned_work_reaches_its_handle<F: Complete>() {
    for while_wanted in [false, true] {
        let stage = Stage::<F>::new();
        let spawned = stage.call(1).panics("boom").spawn_as(while_wanted);
        spawned.has_begun();
        let follower = stage.follower(2);
        for error in [spawned.refusal(), follower.refusal()] {
            match error {
                CallError::LeaderPanicked(panicked) => assert_eq!(panicked.message(), "boom"),
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
    for while_wanted in [false, true] {
        let stage = Stage::<F>::new();
        let leader = stage.call(1).panics("boom").lead();
        let spawned = stage.call(2).spawn_as(while_wanted);
        assert_eq!(leader.panic(), "boom");
        match spawned.refusal() {
            CallError::LeaderPanicked(panicked) => assert_eq!(panicked.message(), "boom"),
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
    let spawned = stage.call(1).spawn_while_wanted();
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
        let leader = stage.call(1).spawn_while_wanted();
        leader.has_begun();
        let mut spawned = vec![leader];
        for at in 1..handles {
            spawned.push(stage.call(2).spawn_while_wanted());
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
    for while_wanted in [false, true] {
        let stage = Stage::<F>::new();
        let spawned = stage.call(1).spawn_as(while_wanted);
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
    let spawned = stage.call(1).spawn_while_wanted();
    spawned.has_begun();
    let follower = stage.follower(2);
    drop(spawned.handle);
    spawned.may_end.open();
    assert_eq!(follower.number(), 1);
    assert_eq!(stage.runs(), 1);

    // A detached call counts as interested, though nobody holds its handle.
    let spawned = stage.call(3).spawn_while_wanted();
    spawned.has_begun();
    let detached = stage.call(4).spawn();
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
    let spawned = stage.call(2).spawn_while_wanted();
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
        let detached = stage.call(2).spawn();
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
        let spawned = stage.call(1).spawn_while_wanted();
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

/// An error of a spawned work is a value like any other, or its caller's own: its handle's.
pub fn a_spawned_works_error_reaches_its_handle<F: Complete>() {
    for while_wanted in [false, true] {
        let stage = Stage::<F>::new();
        let spawned = stage.call(1).fails("no route").spawn_as(while_wanted);
        spawned.has_begun();
        let follower = stage.follower(2);
        assert_eq!(failure(&spawned.answer()), "no route");
        assert_eq!(failure(&follower.answer()), "no route");

        for entry in Entry::ALL.into_iter().filter(|entry| entry.tries()) {
            let plan = stage.call(3).by(entry).fails("no route");
            let spawned = plan.spawn_as(while_wanted);
            spawned.has_begun();
            let follower = stage.follower(4);
            assert_eq!(own_failure(&spawned.answer()), "no route", "{entry:?}");
            assert_eq!(follower.number(), 4, "{entry:?}");
        }
        stage.close();
    }
}

/// Awaiting a handle answers as the call does in whose place it is, whatever became of that.
pub fn a_handle_takes_the_place_of_a_call<F: Complete>() {
    for entry in Entry::ALL {
        let stage = Stage::<F>::new();
        for _ in 0..2 {
            let (call, spawned) = (stage.call(1).by(entry), stage.call(1).by(entry).spawn());
            assert_eq!(spawned.number(), call.lead().number(), "{entry:?}");
        }
        let plan = || stage.call(1).by(entry).fails("no route");
        let (spawned, called) = (plan().spawn().answer(), plan().lead().answer());
        let told = if entry.tries() { own_failure } else { failure };
        assert_eq!(told(&spawned), told(&called), "{entry:?}");

        let leader = stage.call(1).panics("boom").lead();
        let (called, spawned) = (stage.follower(2), stage.call(2).by(entry).spawn());
        assert_eq!(leader.panic(), "boom");
        assert_eq!(spawned.refusal(), called.refusal(), "{entry:?}");
        stage.close();
    }
}

/// A handle carries what refuses its call: it says so at once, and again when it is awaited.
pub fn a_refused_call_is_told_by_its_handle<F: Complete>() {
    let stage = Stage::<F>::with(Builder::new().max_followers(1));
    let refused = |error: &CallError| {
        for entry in Entry::ALL {
            for while_wanted in [false, true] {
                let spawned = stage.call(3).by(entry).spawn_as(while_wanted);
                assert!(!spawned.begun.is_open(), "{entry:?}");
                let answer = spawned.answer();
                assert_eq!(answer.refusal.as_ref(), Some(error), "{entry:?}");
                assert_eq!(refusal(&answer), *error, "{entry:?}");
            }
        }
    };
    let leader = stage.leader(1);
    let follower = stage.follower(2);
    refused(&CallError::TooManyFollowers);
    stage.group.close();
    refused(&CallError::Closed);
    assert_eq!((leader.number(), follower.number()), (1, 1));
    assert_eq!(stage.runs(), 1);
    stage.close();
}

/// A handle may be asked by reference, under a timeout that comes, and again.
pub fn a_handle_may_be_asked_again<F: Complete>() {
    let stage = Stage::<F>::new();
    for follows in [false, true] {
        let leader = follows.then(|| stage.leader(1));
        // By this entry point the handle is asked by reference before it is awaited.
        let mut spawned = stage.call(1).by(Entry::Run).spawn();
        if !follows {
            spawned.has_begun();
        }
        let asked = block_on(poll_once(&mut spawned.handle));
        assert!(asked.is_none(), "its time is up, and the call goes on");
        let caller = stage.follower(2);
        if let Some(leader) = leader {
            assert_eq!(leader.number(), 1);
        }
        assert_eq!((spawned.number(), caller.number()), (1, 1));
    }
    assert_eq!(stage.runs(), 2);
    stage.close();
}

/// A spawned call says what it shares, as a call does.
pub fn a_spawned_value_that_is_not_shared_is_its_handles<F: Complete>() {
    for entry in [Entry::ShareIf, Entry::TryShareIf] {
        let stage = Stage::<F>::new();
        let spawned = stage.call(PRIVATE).by(entry).spawn();
        spawned.has_begun();
        let follower = stage.follower(2);
        assert_eq!((spawned.number(), follower.number()), (PRIVATE, 2));

        let leader = stage.call(PRIVATE).by(entry).lead();
        let spawned = stage.call(3).spawn();
        assert_eq!((leader.number(), spawned.number()), (PRIVATE, 3));
        stage.close();
    }
}

/// Spawned calls fail in a row like any other, and learn that too many have.
pub fn spawned_calls_learn_of_failures_in_a_row<F: Complete>() {
    let stage = Stage::<F>::with(Builder::new().max_failures(1));
    let leader = stage.call(1).by(Entry::TryRun).fails("no route").spawn();
    leader.has_begun();
    let follower = stage.call(2).by(Entry::TryRun).spawn();
    assert_eq!(own_failure(&leader.answer()), "no route");
    let error = follower.refusal();
    assert_eq!(error, CallError::TooManyFailures { failures: 1 });
    assert_eq!(stage.runs(), 1);
    stage.close();
}
