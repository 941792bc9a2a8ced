//! P2: a call joins a flight only if no caller has received that flight's result.

use crate::caller::{led, number};
use crate::front_end::FrontEnd;
use crate::stage::{KEY, Stage};

/// Whoever has received a value and calls again gets a new one.
///
/// Holds P2.
pub fn a_call_after_the_landing_runs_again<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.leader(1);
    // A follower that has not taken its share yet keeps nobody in the past.
    let late = stage.follower_handle();
    assert_eq!(leader.number(), 1);

    let second = stage.leader(2);
    assert_eq!(second.number(), 2);
    drop(late);
    assert_eq!(stage.runs(), 2);
    stage.close();
}

/// `forget` lets the next call start afresh, beside the old flight.
///
/// Holds P2.
pub fn a_forgotten_flight_serves_those_who_wait_and_nobody_else<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    assert!(!stage.group.forget(KEY), "nothing is in flight");
    let old = stage.call(1).may_overlap().lead();
    let waiting = stage.follower(2);
    assert!(stage.group.forget(KEY));
    assert!(!stage.group.forget(KEY), "it is forgotten already");
    assert_eq!(stage.group.followers(KEY), None);

    let new = stage.call(3).may_overlap().lead();
    let joined = stage.follower(4);
    assert_eq!(stage.group.in_flight(), 2);

    assert_eq!(new.number(), 3);
    assert_eq!(joined.number(), 3);
    assert_eq!(old.number(), 1);
    assert_eq!(waiting.number(), 1);
    stage.close();
}

/// Removal is by identity (golang/go 31420).
///
/// Holds P2.
pub fn an_old_flight_does_not_evict_a_newer_one<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let old = stage.call(1).may_overlap().lead();
    assert!(stage.group.forget(KEY));
    let new = stage.call(2).may_overlap().lead();
    assert_eq!(old.number(), 1);

    let follower = stage.follower(3);
    assert_eq!(
        new.number(),
        2,
        "the newer flight is still there to be joined"
    );
    assert_eq!(follower.number(), 2);
    assert_eq!(stage.runs(), 2);
    stage.close();
}

/// `forget_all` does for every key what `forget` does for one.
///
/// Holds P2.
pub fn forget_all_forgets_every_flight<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let old = stage.call(1).may_overlap().lead();
    let other = stage.call(2).may_overlap().key("other").lead();
    assert_eq!(stage.group.forget_all(), 2);
    assert_eq!(stage.group.forget_all(), 0);
    let new = stage.call(3).may_overlap().lead();
    assert_eq!((old.number(), other.number(), new.number()), (1, 2, 3));
    stage.close();
}

/// `forget_unshared` says whether the next call starts afresh, and takes no value away from
/// those who wait.
///
/// Holds P2.
pub fn forget_unshared_spares_a_flight_with_followers<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    assert!(stage.group.forget_unshared(KEY), "there is nothing to join");
    let leader = stage.call(1).may_overlap().lead();
    let follower = stage.follower(2);
    assert!(!stage.group.forget_unshared(KEY));
    let answer = leader.answer();
    assert!(led(&answer));
    assert_eq!((number(&answer), answer.followers), (1, Some(1)));
    assert_eq!(follower.number(), 1);
    drop(answer);

    let alone = stage.call(3).may_overlap().lead();
    assert!(stage.group.forget_unshared(KEY));
    let fresh = stage.call(4).may_overlap().lead();
    assert_eq!((fresh.number(), alone.number()), (4, 3));
    stage.close();
}

/// Whoever has the value of a shared flight finds nothing that is shared: those who are slow to
/// take theirs do not keep the key.
///
/// Holds P2.
pub fn a_landed_flight_is_shared_with_nobody<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.leader(1);
    let slow = stage.follower_handle();
    let followers = stage.followers(2..=4);
    assert!(!stage.group.forget_unshared(KEY));
    for caller in [leader].into_iter().chain(followers) {
        assert_eq!(caller.number(), 1);
        assert!(stage.group.forget_unshared(KEY), "nobody shares it now");
    }
    assert_eq!(
        stage.group.stats().forgotten,
        0,
        "there was nothing to forget"
    );
    drop(slow);
    stage.close();
}

/// `forget_unshared` is about the flight that can be joined, not about one that was forgotten
/// before and still runs.
///
/// Holds P2.
pub fn forget_unshared_spares_the_newer_flight<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let old = stage.call(1).may_overlap().lead();
    assert!(stage.group.forget_unshared(KEY), "it is alone");
    let new = stage.call(2).may_overlap().lead();
    let follower = stage.follower(3);
    assert!(!stage.group.forget_unshared(KEY), "while the old one runs");
    assert_eq!(old.number(), 1);
    assert!(!stage.group.forget_unshared(KEY), "and when it has ended");
    assert_eq!((new.number(), follower.number()), (2, 2));
    assert_eq!(stage.runs(), 2);
    stage.close();
}
