//! P6: nothing stays behind, and everything is accounted for.

use std::thread;

use singleflight_core::Turn;

use crate::caller::failure;
use crate::front_end::{Entry, FrontEnd};
use crate::gate::until;
use crate::stage::{KEY, Stage};

/// Success, error, panic, loss, leaving and forgetting, over and over: `close` finds no
/// flight, no execution, no value and no handle.
///
/// Holds P6.
pub fn nothing_stays_behind_after_any_mix_of_endings<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    for round in 0..5 {
        let leader = stage.leader(round);
        let follower = stage.follower(round);
        stage.leaver().leave();
        assert_eq!((leader.number(), follower.number()), (round, round));

        let failing = stage.call(round).fails("no route").lead();
        assert_eq!(failure(&failing.answer()), "no route");

        let panicking = stage.call(round).panics("boom").lead();
        let follower = stage.follower(round);
        assert_eq!(panicking.panic(), "boom");
        drop(follower.refusal());

        let lost = stage.losable();
        let follower = stage.follower(round);
        lost.lose();
        assert_eq!(follower.number(), round);

        let old = stage.call(round).may_overlap().lead();
        assert!(stage.group.forget(KEY));
        let new = stage.call(round).may_overlap().lead();
        assert_eq!((old.number(), new.number()), (round, round));
        until("the flights ending", || stage.group.in_flight() == 0);
    }
    stage.close();
}

/// `led + followed + refused` equals the calls, whatever became of them.
///
/// Holds P6.
pub fn statistics_account_for_every_call<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.leader(1);
    let followers = stage.followers(2..=4);
    stage.leaver().leave();
    assert_eq!(leader.number(), 1);
    for follower in followers {
        assert_eq!(follower.number(), 1);
    }
    let panicking = stage.call(5).panics("boom").lead();
    assert_eq!(panicking.panic(), "boom");
    let failing = stage.call(6).by(Entry::TryRun).fails("no route").lead();
    let next = stage.follower(7);
    assert_eq!(failing.failure(), "no route");
    assert_eq!(next.number(), 7);

    let stats = stage.group.stats();
    assert_eq!((stats.led, stats.followed, stats.refused), (3, 5, 0));
    assert_eq!((stats.landed, stats.panicked, stats.abandoned), (2, 1, 1));
    assert_eq!((stats.handed_over, stats.forgotten), (1, 0));
    stage.close();
}

/// One group serves a front end and bare threads at once, whoever leads.
///
/// Holds P9.
pub fn threads_and_tasks_share_flights<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.leader(1);
    let thread = thread::spawn({
        let follower = stage.follower_handle();
        move || match follower.wait_blocking() {
            Ok(Turn::Landed(outcome)) => outcome.value.map(|token| token.number()),
            other => panic!("the flight lands: {other:?}"),
        }
    });
    assert_eq!(leader.number(), 1);
    assert_eq!(thread.join().expect("the thread was served"), Ok(1));

    let leader = stage.leader_handle();
    let follower = stage.follower(2);
    let thread = thread::spawn(move || leader.complete(Err("from a thread")).followers);
    assert_eq!(failure(&follower.answer()), "from a thread");
    assert_eq!(thread.join().expect("the thread led"), 1);
    stage.close();
}
