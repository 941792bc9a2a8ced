//! P7: pay only for company.

use crate::caller::{led, number};
use crate::front_end::FrontEnd;
use crate::stage::Stage;

/// A value that nobody shares goes from the work to its caller untouched.
///
/// Holds P7.
pub fn a_lone_call_clones_nothing<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let answer = stage.leader(1).answer();
    assert_eq!((number(&answer), answer.followers), (1, Some(0)));
    assert_eq!(stage.clones(), 0);

    // A follower that has gone again is no company.
    let leader = stage.leader(2);
    stage.leaver().leave();
    let second = leader.answer();
    assert_eq!((number(&second), second.followers), (2, Some(0)));
    assert_eq!(stage.clones(), 0);
    drop((answer, second));
    stage.close();
}

/// One clone for each follower. (On one thread it is exactly one less than there are
/// callers, since the last to take its share takes the value; the core's tests hold that.)
///
/// Holds P7.
pub fn each_follower_costs_one_clone_at_most<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.leader(1);
    let followers = stage.followers(2..=11);
    assert_eq!(leader.number(), 1);
    for follower in followers {
        assert_eq!(follower.number(), 1);
    }
    assert!(
        stage.clones() <= 11,
        "{} clones for 10 followers",
        stage.clones()
    );
    stage.close();
}

/// "Did I run it" and "was it shared" are not the same question (golang/go 74880).
///
/// Holds P7.
pub fn role_and_followers_are_two_facts<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let alone = stage.leader(1).answer();
    assert!(led(&alone));
    assert_eq!(alone.followers, Some(0));

    let leader = stage.leader(2);
    let followers = stage.followers([3, 4]);
    let answer = leader.answer();
    assert!(led(&answer), "it ran the work, shared or not");
    assert_eq!(answer.followers, Some(2));
    for follower in followers {
        let answer = follower.answer();
        assert!(!led(&answer));
        assert_eq!(answer.followers, Some(2), "the same number for everyone");
    }
    drop((alone, answer));
    stage.close();
}
