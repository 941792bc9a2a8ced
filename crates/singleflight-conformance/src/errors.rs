//! P5: what callers receive is what a work returned, or an error that says why there is none.

use singleflight_core::{Builder, CallError};

use crate::caller::{failure, led, number};
use crate::front_end::{Entry, FrontEnd};
use crate::gate::until;
use crate::stage::{KEY, Stage};

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
    assert_eq!(failure(&leader.answer()), "no route");
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
        assert_eq!(failure(&call.answer()), "no route");
        until("the flight ending", || stage.group.in_flight() == 0);
    }
    assert_eq!(stage.runs(), 3);
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
            assert_eq!(failure(&leader.answer()), "no route");
            let answer = follower.answer();
            if leads == Entry::TryRun {
                assert_eq!(number(&answer), 4, "{leads:?} {follows:?}");
            } else {
                assert_eq!(failure(&answer), "no route", "{leads:?} {follows:?}");
            }
            drop(answer);
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
    let refused = stage.call(4).start();
    assert_eq!(refused.refusal(), CallError::TooManyFollowers);
    assert_eq!(stage.waiting(KEY), 2);
    let message = stage.call(5).by(Entry::Run).start().panic();
    assert!(message.contains("as many followers"), "{message}");

    let answer = leader.answer();
    assert!(led(&answer));
    assert_eq!(answer.followers, Some(2));
    for follower in followers {
        assert_eq!(follower.number(), 1);
    }
    assert_eq!(stage.group.stats().refused, 2);
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
        let refused = stage.call(3).key("third").start();
        assert_eq!(refused.refusal(), CallError::Full);
        let message = stage.call(4).by(Entry::Run).key("third").start().panic();
        assert!(message.contains("no room"), "{message}");

        let follower = stage.follower(5);
        assert_eq!((first.number(), follower.number()), (1, 1));
        let third = stage.call(6).may_overlap().key("third").lead();
        assert_eq!((second.number(), third.number()), (2, 6));
        assert_eq!(stage.group.stats().refused, 2 * (round + 1));
    }
    stage.close();
}
