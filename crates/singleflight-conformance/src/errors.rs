//! P5: what callers receive is what a work returned, or an error that says why there is none.

use futures_lite::future::block_on;
use singleflight_core::{Builder, CallError};

use crate::caller::{Caller, Plan, failure, led, number, own_failure};
use crate::front_end::{Entry, FrontEnd};
use crate::gate::until;
use crate::stage::{KEY, Stage};
use crate::value::Answer;
use crate::work::PRIVATE;

/// `run` shares whatever the work returns.
///
/// Holds P5.
pub fn an_error_is_shared_as_it_is<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.call(1).fails("no route").lead();
    let followers = stage.followers(2..=4);
    assert_eq!(failure(&leader.answer()), "no route");
    for follower in followers {
        assert_eq!(failure(&follower.answer()), "no route");
    }
    assert_eq!(stage.runs(), 1);
    stage.close();
}

/// An `Err` is its caller's own; the next one tries.
///
/// Holds P5.
pub fn try_run_keeps_its_error_and_hands_over<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.call(1).by(Entry::TryRun).fails("no route").lead();
    let second = stage.call(2).by(Entry::TryRun).follow();
    let third = stage.call(2).follow();
    assert_eq!(leader.failure(), "no route");
    assert_eq!((second.number(), third.number()), (2, 2));
    assert_eq!(stage.runs(), 2);
    assert_eq!(stage.group.stats().abandoned, 1);
    stage.close();
}

/// An `Ok` is everyone's.
///
/// Holds P5.
pub fn try_run_shares_its_success<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.call(1).by(Entry::TryRun).lead();
    let follower = stage.call(2).by(Entry::TryRun).follow();
    assert_eq!((leader.number(), follower.number()), (1, 1));
    assert_eq!(stage.runs(), 1);
    stage.close();
}

/// With nobody to hand over to, the flight is over.
///
/// Holds P5.
pub fn try_run_without_followers_keeps_its_error<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    for _ in 0..3 {
        let call = stage.call(1).by(Entry::TryRun).fails("no route").lead();
        assert_eq!(call.failure(), "no route");
        until("the flight ending", || stage.group.in_flight() == 0);
    }
    assert_eq!(stage.runs(), 3);
    stage.close();
}

/// However many fail in a row, those who still wait learn that, and no error reaches anybody but
/// the caller whose work returned it.
pub fn failures_in_a_row_are_bounded<F: FrontEnd>() {
    let stage = Stage::<F>::with(Builder::new().max_failures(2));
    let failing = |number| stage.call(number).by(Entry::TryRun).fails("no route");
    let first = failing(1).lead();
    let others = [
        failing(2).follow(),
        failing(3).follow(),
        failing(4).follow(),
    ];
    assert_eq!(first.failure(), "no route");
    let answers = others.map(Caller::answer);
    let failed = answers.iter().filter(|answer| answer.error().is_none());
    assert_eq!(failed.map(own_failure).collect::<Vec<_>>(), ["no route"]);
    let told = answers.iter().filter_map(Answer::error);
    let failures = CallError::TooManyFailures { failures: 2 };
    assert_eq!(told.collect::<Vec<_>>(), [&failures, &failures]);
    assert_eq!(stage.runs(), 2);
    assert_eq!(stage.group.stats().abandoned, 2);
    assert_eq!(stage.leader(5).number(), 5, "the key is usable");
    stage.close();
}

/// By default three callers of a work that always fails pay for it, however many there are.
pub fn failures_in_a_row_are_bounded_by_default<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let failing = |number| stage.call(number).by(Entry::TryRun).fails("no route");
    let first = failing(1).lead();
    let others: Vec<_> = (2..20).map(|number| failing(number).follow()).collect();
    assert_eq!(first.failure(), "no route");
    let answers: Vec<_> = others.into_iter().map(Caller::answer).collect();
    let told = answers.iter().filter_map(Answer::error);
    let failures = CallError::TooManyFailures { failures: 3 };
    assert!(told.clone().all(|error| *error == failures));
    assert_eq!((told.count(), stage.runs()), (16, 3));
    stage.close();
}

/// Those who wait by any other entry point, too.
pub fn failures_in_a_row_reach_followers_of_every_entry_point<F: FrontEnd>() {
    let stage = Stage::<F>::with(Builder::new().max_failures(1));
    let leader = stage.call(1).by(Entry::TryRun).fails("no route").lead();
    let followers = Entry::ALL.map(|entry| stage.call(2).by(entry).follow());
    assert_eq!(leader.failure(), "no route");
    for follower in followers {
        let error = follower.refusal();
        assert_eq!(error, CallError::TooManyFailures { failures: 1 });
    }
    assert_eq!(stage.runs(), 1);
    stage.close();
}

/// An error that nobody else could do anything about is told, and stays where it is.
pub fn those_who_cannot_lead_are_told_of_failures<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.call(1).by(Entry::TryRun).fails("no route").lead();
    let watcher = stage.follower_handle().without_work();
    assert_eq!(leader.failure(), "no route");
    let error = block_on(watcher.wait()).err();
    assert_eq!(error, Some(CallError::TooManyFailures { failures: 1 }));
    stage.close();
}

/// A value that a call does not share is its caller's own; the next one tries. What it does share
/// is everyone's.
pub fn a_value_that_is_not_shared_stays_with_its_caller<F: FrontEnd>() {
    for entry in [Entry::ShareIf, Entry::TryShareIf] {
        let stage = Stage::<F>::new();
        let leader = stage.call(PRIVATE).by(entry).lead();
        let second = stage.call(2).by(entry).follow();
        let third = stage.call(2).follow();
        let answer = leader.answer();
        assert_eq!((number(&answer), answer.followers), (PRIVATE, Some(0)));
        assert!(led(&answer));
        assert_eq!((second.number(), third.number()), (2, 2));
        let stats = stage.group.stats();
        assert_eq!((stage.runs(), stats.abandoned, stats.landed), (2, 1, 1));
        drop(answer);
        stage.close();
    }
}

/// Nor does it reach anybody where no other could or might lead: they are told that it was not
/// shared.
pub fn a_value_that_is_not_shared_reaches_nobody<F: FrontEnd>() {
    let stage = Stage::<F>::with(Builder::new().max_failures(2));
    let private = |number| stage.call(number).by(Entry::ShareIf);
    let first = private(PRIVATE).lead();
    let others = [
        private(PRIVATE + 1).follow(),
        private(PRIVATE + 1).follow(),
        private(PRIVATE + 1).follow(),
    ];
    assert_eq!(first.number(), PRIVATE);
    let answers = others.map(Caller::answer);
    let own = answers.iter().filter(|answer| answer.error().is_none());
    assert_eq!(own.map(number).collect::<Vec<_>>(), [PRIVATE + 1]);
    let told = answers.iter().filter_map(Answer::error);
    let not_shared = CallError::NotShared;
    assert_eq!(told.collect::<Vec<_>>(), [&not_shared, &not_shared]);
    assert_eq!(stage.runs(), 2);
    drop(answers);

    let alone = private(PRIVATE).lead();
    let watcher = stage.follower_handle().without_work();
    assert_eq!(alone.number(), PRIVATE);
    let error = block_on(watcher.wait()).err();
    assert_eq!(error, Some(CallError::NotShared));
    stage.close();
}

/// One row of failures, whether works failed or made what is not shared. The last one says why.
pub fn refused_values_and_failures_are_one_row<F: FrontEnd>() {
    let stage = Stage::<F>::with(Builder::new().max_failures(2));
    let leader = stage.call(PRIVATE).by(Entry::ShareIf).lead();
    let failing = [1, 2].map(|number| stage.call(number).by(Entry::TryRun).fails("no route"));
    let followers = failing.map(Plan::follow);
    assert_eq!(leader.number(), PRIVATE);
    let answers = followers.map(Caller::answer);
    let errors = answers.iter().filter_map(Answer::error);
    let failures = CallError::TooManyFailures { failures: 2 };
    assert_eq!(errors.collect::<Vec<_>>(), [&failures]);
    assert_eq!(stage.runs(), 2);
    stage.close();
}

/// There is one kind of flight: entry points of one library coalesce with each other, and
/// which of them led decides what is shared.
///
/// Holds P5.
pub fn every_entry_point_joins_every_other<F: FrontEnd>() {
    for leads in Entry::ALL {
        for follows in Entry::ALL {
            let stage = Stage::<F>::new();
            let leader = stage.call(1).by(leads).lead();
            let follower = stage.call(2).by(follows).follow();
            assert_eq!(
                (leader.number(), follower.number()),
                (1, 1),
                "{leads:?} {follows:?}"
            );
            assert_eq!(stage.runs(), 1);

            let leader = stage.call(3).by(leads).fails("no route").lead();
            let follower = stage.call(4).by(follows).follow();
            let (answer, other) = (leader.answer(), follower.answer());
            if leads.tries() {
                assert_eq!(own_failure(&answer), "no route", "{leads:?}");
                assert_eq!(number(&other), 4, "{leads:?} {follows:?}");
            } else {
                assert_eq!(failure(&answer), "no route", "{leads:?}");
                assert_eq!(failure(&other), "no route", "{leads:?} {follows:?}");
            }
            drop((answer, other));
            stage.close();
        }
    }
}

/// A flight can be bounded, and the one who is refused neither waits nor runs.
///
/// Holds P5.
pub fn a_full_flight_refuses_at_once<F: FrontEnd>() {
    let stage = Stage::<F>::with(Builder::new().max_followers(2));
    let leader = stage.leader(1);
    let followers = stage.followers([2, 3]);
    for entry in Entry::ALL {
        let refused = stage.call(4).by(entry).start();
        assert_eq!(refused.refusal(), CallError::TooManyFollowers, "{entry:?}");
        assert_eq!(stage.waiting(KEY), 2);
    }

    let answer = leader.answer();
    assert!(led(&answer));
    assert_eq!(answer.followers, Some(2));
    for follower in followers {
        assert_eq!(follower.number(), 1);
    }
    assert_eq!(stage.group.stats().refused, Entry::ALL.len() as u64);
    drop(answer);
    stage.close();
}

/// A group can be bounded too. Who is refused neither waits nor runs; others join what is there,
/// and a flight that ends makes room, storage for its followers included.
///
/// Holds P5.
pub fn a_full_group_refuses_at_once<F: FrontEnd>() {
    let stage = Stage::<F>::with(Builder::new().fixed_capacity(2));
    for round in 0..3 {
        let first = stage.call(1).may_overlap().lead();
        let second = stage.call(2).may_overlap().key("second").lead();
        for entry in Entry::ALL {
            let refused = stage.call(3).by(entry).key("third").start();
            assert_eq!(refused.refusal(), CallError::Full, "{entry:?}");
        }

        let follower = stage.follower(5);
        assert_eq!((first.number(), follower.number()), (1, 1));
        let third = stage.call(6).may_overlap().key("third").lead();
        assert_eq!((second.number(), third.number()), (2, 6));
        let refused = Entry::ALL.len() as u64 * (round + 1);
        assert_eq!(stage.group.stats().refused, refused);
    }
    stage.close();
}
