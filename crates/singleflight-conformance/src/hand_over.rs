//! P3: no one waits on a sleeper. P4: a cancellation is not a result.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use futures_lite::future::block_on;
use singleflight_core::{CallError, Turn};

use crate::caller::{Caller, led, number};
use crate::front_end::FrontEnd;
use crate::gate::until;
use crate::stage::{KEY, Stage};

/// One re-run for a lost leader, however many wait.
///
/// Holds P4.
pub fn a_lost_leader_hands_over_to_one_follower<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let lost = stage.losable();
    let before = stage.runs();
    let followers = stage.followers(1..=8);
    lost.lose();
    let answers: Vec<_> = followers.into_iter().map(Caller::answer).collect();
    let leaders: Vec<_> = answers.iter().filter(|answer| led(answer)).collect();
    assert_eq!(leaders.len(), 1);
    for answer in &answers {
        assert_eq!(number(answer), number(leaders[0]));
        assert_eq!(answer.followers, Some(7));
    }
    assert_eq!(stage.runs() - before, 1);
    assert_eq!(stage.group.stats().handed_over, 1);
    drop(answers);
    stage.close();
}

/// A leader that is lost alone leaves nothing.
///
/// Holds P6.
pub fn a_lost_leader_without_followers_ends_the_flight<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    stage.losable().lose();
    until("the flight ending", || stage.group.in_flight() == 0);
    assert_eq!(stage.leader(2).number(), 2);
    stage.close();
}

/// A call that comes to a vacant flight need not wait for a follower to wake up.
///
/// Holds P4.
pub fn a_new_call_claims_a_vacant_flight<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let lost = stage.losable();
    let asleep = stage.follower_handle();
    lost.lose();
    let newcomer = stage.leader(2);
    let answer = newcomer.answer();
    assert!(led(&answer));
    assert_eq!((number(&answer), answer.followers), (2, Some(1)));
    let turn = block_on(asleep.wait()).expect("the flight landed");
    assert!(matches!(turn, Turn::Landed(outcome) if outcome.followers == 1));
    drop(answer);
    stage.close();
}

/// Electing one waiter and waking only that one hangs the others when it is alive but not
/// polled (tokio's `OnceCell`, async-lock, moka, asyncband, `quick_cache`).
///
/// Holds P3.
pub fn a_follower_that_is_not_polled_keeps_nobody_from_leading<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let lost = stage.losable();
    let mut sleeper = pin!(stage.follower_handle().wait());
    let asleep = poll_once(sleeper.as_mut());
    assert!(asleep.is_none(), "the flight is led");

    let awake = stage.follower(2);
    lost.lose();
    let answer = awake.answer();
    assert!(led(&answer));
    assert_eq!(number(&answer), 2);
    let turn = block_on(sleeper).expect("the flight landed");
    assert!(matches!(turn, Turn::Landed(_)));
    drop((answer, turn));
    stage.close();
}

/// Landing wakes everyone at once: nobody's value comes by way of another follower.
///
/// Holds P3.
pub fn a_follower_that_is_not_polled_keeps_nobody_from_the_value<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.leader(1);
    let mut sleeper = pin!(stage.follower_handle().wait());
    assert!(poll_once(sleeper.as_mut()).is_none());
    let awake = stage.follower(2);
    assert_eq!(leader.number(), 1);
    assert_eq!(awake.number(), 1);
    let landed = poll_once(sleeper.as_mut()).expect("the value is there at the first poll");
    drop(landed);
    stage.close();
}

/// When only callers without work are left, the flight settles instead of hanging.
///
/// Holds P3.
pub fn watchers_learn_that_the_leader_is_lost<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let lost = stage.losable();
    let first = stage.follower_handle().without_work();
    let second = stage.follower_handle().without_work();
    lost.lose();
    for watcher in [first, second] {
        let error = block_on(watcher.wait()).err();
        assert_eq!(error, Some(CallError::LeaderLost));
    }
    stage.close();
}

/// A watcher leaves the lead to those who have work.
///
/// Holds P3.
pub fn a_watcher_never_leads<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let lost = stage.losable();
    let watcher = stage.follower_handle().without_work();
    let follower = stage.follower(2);
    lost.lose();
    let outcome = block_on(watcher.wait()).expect("the follower leads on");
    assert_eq!(outcome.followers, 1);
    drop(outcome);
    assert!(led(&follower.answer()));
    stage.close();
}

/// Nothing bounds how often a flight may be handed over.
///
/// Holds P4.
pub fn two_hundred_lost_leaders_harm_nobody<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let mut lost = stage.leader_handle();
    let waiting = stage.follower_handle().without_work();
    for _ in 0..200 {
        let next = stage.follower_handle();
        drop(lost);
        lost = match block_on(next.wait()) {
            Ok(Turn::Lead(leader)) => leader,
            other => panic!("the only follower with work leads: {other:?}"),
        };
    }
    let patient = stage.follower(7);
    drop(lost);
    assert_eq!(patient.number(), 7);
    let outcome = block_on(waiting.wait()).expect("the flight landed in the end");
    assert!(matches!(&outcome.value, Ok(token) if token.number() == 7));
    assert_eq!(stage.group.stats().abandoned, 201);
    drop(outcome);
    stage.close();
}

/// Followers come and go; the others neither see nor pay for it.
///
/// Holds P6.
pub fn a_departed_follower_harms_nobody<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.leader(1);
    let stays = stage.follower(2);
    for _ in 0..20 {
        stage.leaver().leave();
    }
    until("all leavers being gone", || stage.waiting(KEY) == 1);
    let answer = leader.answer();
    assert_eq!(answer.followers, Some(1));
    assert_eq!(stays.number(), 1);
    drop(answer);
    stage.close();
}

fn poll_once<T>(mut future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    block_on(poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    }))
}
