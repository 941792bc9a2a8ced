//! `share_if`: a value that a call does not share goes to nobody else.

use std::cell::Cell;
use std::rc::Rc;
#[cfg(feature = "std")]
use std::sync::Arc;

use singleflight_core::{Builder, CallError, Group, Role, Stats, Turn};

#[cfg(feature = "std")]
use crate::hand::{Runs, arrive_by};
use crate::hand::{follow, lead, panics};
use crate::task::{Task, pause};

type Numbers = Group<u64, u64>;

/// What is private: odd numbers.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "a predicate is given a reference"
)]
fn is_even(value: &u64) -> bool {
    value % 2 == 0
}

const NOT_SHARED: Option<CallError> = Some(CallError::NotShared);

/// How leaders have ended: landed, panicked, abandoned.
fn ends(stats: Stats) -> (u64, u64, u64) {
    (stats.landed, stats.panicked, stats.abandoned)
}

#[test]
fn a_value_that_is_accepted_is_shared() {
    let group = Numbers::new();
    let mut leader = Task::new(group.call(1).share_if(is_even).run_outcome(async || {
        pause().await;
        8
    }));
    leader.waits();
    let mut follower = Task::new(group.run(1, async || unreachable!("it follows")));
    follower.waits();
    let outcome = leader.ends().expect("it leads");
    assert_eq!((outcome.value, outcome.followers), (8, 1));
    assert_eq!(follower.ends(), Ok(8));
    assert_eq!(ends(group.stats()), (1, 0, 0));
}

/// It is not even cloned.
#[test]
fn a_value_that_is_refused_stays_with_its_caller() {
    struct Unique(u64);

    impl Clone for Unique {
        fn clone(&self) -> Self {
            panic!("nobody else is given it");
        }
    }

    let group: Group<u64, Unique> = Group::new();
    let work = async |value| {
        pause().await;
        Unique(value)
    };
    let call = || group.call(1).share_if(|value: &Unique| is_even(&value.0));
    let mut first = Task::new(call().run_outcome(|| work(7)));
    first.waits();
    let mut second = Task::new(call().run_outcome(|| work(9)));
    second.waits();
    let mut third = Task::new(group.run_outcome(1, || work(10)));
    third.waits();
    for (mut call, value, has_begun) in [(first, 7, true), (second, 9, false)] {
        if !has_begun {
            call.waits();
        }
        let outcome = call.ends().expect("it leads");
        assert_eq!((outcome.value.0, outcome.role), (value, Role::Leader));
        assert_eq!((outcome.followers, outcome.is_shared()), (0, false));
    }
    third.waits();
    let outcome = third.ends().expect("it leads on");
    assert_eq!((outcome.value.0, outcome.role), (10, Role::Leader));
    assert_eq!(ends(group.stats()), (1, 0, 2));
    assert_eq!(group.in_flight(), 0);
}

/// Alone, too, it counts as a leader that left nothing for others.
#[test]
fn a_lone_call_keeps_what_it_does_not_share() {
    let group = Numbers::new();
    for _ in 0..10 {
        let call = group.call(1).share_if(is_even).run(async || 7);
        assert_eq!(Task::new(call).ends(), Ok(7));
    }
    assert_eq!((ends(group.stats()), group.in_flight()), ((0, 0, 10), 0));
}

/// At the end of the row those who wait are told, by whichever entry point they do.
#[test]
fn the_last_refusal_of_a_row_is_told_and_not_given() {
    let group: Numbers = Builder::new().max_failures(3).build();
    let blocker = lead(&group, 1);
    let mut own: Vec<_> = (0..3)
        .map(|number| Task::new(group.call(1).share_if(|_| false).run(async move || number)))
        .collect();
    own.iter_mut().for_each(Task::waits);
    let mut plain = Task::new(group.run(1, async || unreachable!("the row is over")));
    plain.waits();
    let mut tries = Task::new(group.try_run(1, async || -> Result<u64, ()> {
        unreachable!("the row is over")
    }));
    tries.waits();
    let mut batch = Task::new(group.run_many([1], async |_| -> Vec<(u64, u64)> {
        unreachable!("the row is over")
    }));
    batch.waits();
    let watcher = follow(&group, 1).without_work();
    drop(blocker);
    for (number, call) in (0..).zip(own) {
        assert_eq!(call.ends(), Ok(number));
    }
    assert_eq!(plain.ends().err(), NOT_SHARED);
    assert_eq!(tries.ends().err(), NOT_SHARED);
    assert_eq!(batch.ends().get(&1), Some(Err(&CallError::NotShared)));
    assert_eq!(Task::new(watcher.wait()).ends().err(), NOT_SHARED);
    assert_eq!(ends(group.stats()), (0, 0, 4));
    assert_eq!(group.in_flight(), 0);
}

/// Watchers cannot try, so the row is over at once.
#[test]
fn where_only_watchers_wait_they_are_told_at_once() {
    let group = Numbers::new();
    let mut leader = Task::new(group.call(1).share_if(is_even).run(async || {
        pause().await;
        7
    }));
    leader.waits();
    let mut watchers = [(); 2].map(|()| Task::new(follow(&group, 1).without_work().wait()));
    watchers.iter_mut().for_each(Task::waits);
    assert_eq!(leader.ends(), Ok(7));
    for watcher in watchers {
        assert_eq!(watcher.wakes(), 1);
        assert_eq!(watcher.ends().err(), NOT_SHARED);
    }
    assert_eq!(group.in_flight(), 0);
}

/// One row of errors and of refusals: what ends it is what is told.
#[test]
fn refusals_and_errors_are_one_row() {
    for last_is_private in [false, true] {
        let group: Numbers = Builder::new().max_failures(2).build();
        let blocker = lead(&group, 1);
        let private = || {
            let call = group.call(1).share_if(|_| false);
            Task::new(async { call.run(async || 7).await.map(Ok) })
        };
        let failing = || Task::new(group.try_run(1, async || Err("no route")));
        let mut row = if last_is_private {
            [failing(), private()]
        } else {
            [private(), failing()]
        };
        row.iter_mut().for_each(Task::waits);
        let mut told = Task::new(group.run(1, async || unreachable!("the row is over")));
        told.waits();
        drop(blocker);
        for call in row {
            assert!(call.ends().is_ok(), "it has what its own work made");
        }
        let expected = if last_is_private {
            CallError::NotShared
        } else {
            CallError::TooManyFailures { failures: 2 }
        };
        assert_eq!(told.ends(), Err(expected));
        assert_eq!(group.in_flight(), 0);
    }
}

/// An `Err` of the work is the caller's own in any case, and the predicate is not asked.
#[test]
fn share_if_and_try_run_combine() {
    let group = Numbers::new();
    let asked = Cell::new(0);
    let call = || {
        group.call(1).share_if(|value| {
            asked.set(asked.get() + 1);
            is_even(value)
        })
    };
    let failed = Task::new(call().try_run(async || Err("no route"))).ends();
    assert_eq!((failed, asked.get()), (Ok(Err("no route")), 0));
    let private = Task::new(call().try_run(async || Ok::<_, ()>(7))).ends();
    assert_eq!((private, asked.get()), (Ok(Ok(7)), 1));
    let shared = Task::new(call().try_run_outcome(async || Ok::<_, ()>(8))).ends();
    let shared = shared.map(|outcome| outcome.map(|outcome| outcome.value));
    assert_eq!((shared, asked.get()), (Ok(Ok(8)), 2));
    assert_eq!(ends(group.stats()), (1, 0, 2));
}

/// It loses its own caller the value, and hands the flight over.
#[test]
fn a_predicate_that_panics_harms_its_own_caller_only() {
    let group = Numbers::new();
    let call = group.call(1).share_if(|_| panic!("the predicate"));
    let mut leader = Task::new(call.run(async || {
        pause().await;
        7
    }));
    leader.waits();
    let mut follower = Task::new(group.run(1, async || 8));
    follower.waits();
    assert!(panics(move || leader.ends()));
    assert_eq!(follower.ends(), Ok(8));
    assert_eq!(ends(group.stats()), (1, 0, 1));
    assert_eq!(group.in_flight(), 0);
}

/// The predicate is each call's own: that of a follower says nothing of the leader's value.
#[test]
fn a_followers_predicate_is_not_asked() {
    let group = Numbers::new();
    let leader = lead(&group, 1);
    let call = group.call(1).share_if(|_| unreachable!("it follows"));
    let mut follower = Task::new(call.run(async || unreachable!("it follows")));
    follower.waits();
    assert_eq!(leader.complete(7).followers, 1);
    assert_eq!(follower.ends(), Ok(7));
}

#[cfg(feature = "std")]
#[test]
fn a_spawned_call_keeps_what_it_does_not_share() {
    let group: Arc<Numbers> = Arc::default();
    for runs in [Runs::ToItsEnd, Runs::WhileWanted] {
        for (is_panic, value) in [(false, 7), (false, 8), (true, 9)] {
            let call = Group::call_owned(Arc::clone(&group), 1).share_if(move |value| {
                assert!(!is_panic, "the predicate");
                is_even(value)
            });
            let call = call.spawnable();
            let call = match runs {
                Runs::ToItsEnd => call,
                Runs::WhileWanted => call.while_wanted(),
            };
            let arrived = call.arrive().expect("nothing is refused");
            let (task, handle) = arrived.into_detached_task(async move || value);
            let mut follower = Task::new(group.run(1, async || 10));
            follower.waits();
            Task::new(task).ends();
            let answer = Task::new(handle).ends();
            if is_panic {
                let Err(CallError::LeaderPanicked(panicked)) = answer else {
                    panic!("its predicate panicked: {answer:?}");
                };
                assert_eq!(panicked.message(), "the predicate");
            } else {
                assert_eq!(answer, Ok(value));
            }
            let expected = if value == 8 { 8 } else { 10 };
            assert_eq!(follower.ends(), Ok(expected));
            assert_eq!(group.in_flight(), 0);
        }
    }
}

/// On a thread, by the blocking verbs and as a job.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
#[test]
fn a_thread_keeps_what_it_does_not_share() {
    let group: Arc<Numbers> = Arc::default();
    let call = || group.call(1).share_if(is_even);
    assert_eq!(call().run_blocking(|| 7), Ok(7));
    assert_eq!(call().try_run_blocking(|| Ok::<_, ()>(7)), Ok(Ok(7)));
    let outcome = call().run_outcome_blocking(|| 8).expect("it leads");
    assert_eq!((outcome.value, outcome.followers), (8, 0));
    assert_eq!(ends(group.stats()), (1, 0, 2));
    let call = group.call(1).share_if(|_| panic!("the predicate"));
    assert!(panics(|| call.run_blocking(|| 7)));
    assert_eq!(group.in_flight(), 0);

    let call = Group::call_owned(Arc::clone(&group), 1).share_if(is_even);
    let arrived = call.spawnable().arrive().expect("nothing is refused");
    let (run, handle) = arrived.into_job(|call| futures_lite::future::block_on(call), |_| 7);
    let mut follower = Task::new(group.run(1, async || 10));
    follower.waits();
    run();
    assert_eq!((handle.join(), follower.ends()), (Ok(7), Ok(10)));
    let arrived = arrive_by(Arc::clone(&group), 1, Runs::ToItsEnd).expect("nothing is refused");
    drop(arrived);
    assert_eq!(group.in_flight(), 0);
}

/// Whoever leads on by hand may share what it makes.
#[test]
fn a_follower_in_hand_leads_on_after_a_refusal() {
    let group: Group<u64, Rc<()>> = Group::new();
    let value = Rc::new(());
    let mut private = Task::new(group.call(1).share_if(|_| false).run(async || {
        pause().await;
        Rc::clone(&value)
    }));
    private.waits();
    let follower = follow(&group, 1);
    let kept = private.ends().expect("it leads");
    assert_eq!(Rc::strong_count(&value), 2, "here, and with its caller");
    let Ok(Turn::Lead(leader)) = Task::new(follower.wait()).ends() else {
        panic!("it leads on");
    };
    assert_eq!(leader.complete(kept).followers, 0);
}
