//! P4: a panic is a result. P5: success is never made up.

use singleflight_core::{Builder, CallError, PanicPolicy};

use crate::caller::{Caller, End, led};
use crate::front_end::{Entry, FrontEnd};
use crate::gate::until;
use crate::stage::Stage;
use crate::work::Payload;

/// The leader's panic goes on unchanged, and N followers do not pay for N attempts.
///
/// Holds P4.
pub fn a_panic_resumes_in_the_leader_and_reaches_every_follower<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.call(1).panics("boom").lead();
    let followers = stage.followers(2..=5);
    assert_eq!(leader.panic(), "boom");
    for follower in followers {
        assert!(!follower.ran());
        match follower.refusal() {
            CallError::LeaderPanicked(panicked) => assert_eq!(panicked.message(), "boom"),
            error => panic!("another error: {error}"),
        }
    }
    assert_eq!((stage.runs(), stage.group.stats().panicked), (1, 1));
    stage.close();
}

/// Whatever a work panics with, its own caller catches; the others are told that it cannot be
/// read.
///
/// Holds P4.
pub fn a_panics_payload_goes_on_unchanged<F: FrontEnd>() {
    for entry in Entry::ALL {
        let stage = Stage::<F>::new();
        let leader = stage.call(0).by(entry).panics_with(7).lead();
        let follower = stage.follower(1);
        assert_eq!(leader.payload(), Payload(7));
        match follower.refusal() {
            CallError::LeaderPanicked(panicked) => {
                assert_eq!(panicked.message(), "Box<dyn Any>");
            }
            error => panic!("another error: {error}"),
        }
        stage.close();
    }
}

/// Callers of every entry point are told, and only the leader's panics.
///
/// Holds P4.
pub fn a_panic_reaches_callers_of_every_entry_point<F: FrontEnd>() {
    for entry in Entry::ALL {
        let stage = Stage::<F>::new();
        let leader = stage.call(1).by(entry).panics("boom").lead();
        let followers = Entry::ALL.map(|entry| stage.call(2).by(entry).follow());
        assert_eq!(leader.panic(), "boom");
        for follower in followers {
            let error = follower.refusal().to_string();
            assert!(error.contains("panicked: boom"), "{error}");
        }
        stage.close();
    }
}

/// The next call runs as if nothing had been.
///
/// Holds P4.
pub fn a_key_is_usable_after_a_panic<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    for round in 1..=3 {
        assert_eq!(stage.call(0).panics("boom").lead().panic(), "boom");
        assert_eq!(stage.leader(round).number(), round);
    }
    stage.close();
}

/// A group can be built to let the next one try.
///
/// Holds P4.
pub fn a_panic_hands_over_where_the_group_says_so<F: FrontEnd>() {
    let stage = Stage::<F>::with(Builder::new().panic_policy(PanicPolicy::HandOver));
    let leader = stage.call(1).panics("boom").lead();
    let followers = stage.followers([2, 2, 2]);
    assert_eq!(leader.panic(), "boom");
    let answers: Vec<_> = followers.into_iter().map(Caller::answer).collect();
    assert_eq!(answers.iter().filter(|answer| led(answer)).count(), 1);
    assert!(answers.iter().all(|answer| answer.value.is_ok()));
    drop(answers);

    // So many in a row, and those who still wait are told.
    let leader = stage.call(1).panics("boom").lead();
    let followers = [1, 1, 1, 1].map(|number| stage.call(number).panics("boom").follow());
    assert_eq!(leader.panic(), "boom");
    let ends = followers.map(Caller::end);
    let panicked = ends.iter().filter(|end| matches!(end, End::Panicked(_)));
    assert_eq!(panicked.count(), 2);
    let failures = CallError::TooManyFailures { failures: 3 };
    let told = ends
        .iter()
        .filter(|end| matches!(end, End::Answered(answer) if answer.error() == Some(&failures)));
    assert_eq!(told.count(), 2);

    // Alone, too: nothing is left to hand over.
    assert_eq!(stage.call(1).panics("again").lead().panic(), "again");
    until("the flight ending", || stage.group.in_flight() == 0);
    stage.close();
}
