//! What calls were answered with: made by a work that was over, fresh, and not to be kept from them.

use singleflight_core::Role;

use super::{
    bounded, by, call, clean, failed, finds, finds_nothing, forgotten, found, history, told, work,
};
use crate::history::{Completion, Ending};
use crate::order::Way;
use crate::violation::Kind;

#[test]
fn a_call_that_gets_a_result_that_somebody_had_is_found() {
    let mut history = clean();
    history.calls[2] = call(12, 16, told(2, Role::Follower));
    history.executions.pop();
    finds(Kind::Stale, history);
}

#[test]
fn a_call_that_gets_a_result_that_nobody_had_but_that_was_replaced_is_found() {
    // The work of a spawned call that nobody waits for; then a work of a call that came after.
    let calls = vec![
        by(Way::Spawn, call(1, 3, Ending::GivenUp)),
        call(6, 9, told(7, Role::Leader)),
        call(11, 12, told(2, Role::Follower)),
    ];
    let works = vec![
        work(1, 2, 5, Completion::Value),
        work(6, 7, 8, Completion::Value),
    ];
    finds(Kind::Stale, history(calls, works));
}

#[test]
fn a_call_that_gets_a_result_of_a_flight_that_was_forgotten_before_is_found() {
    // The follower comes at 8, and nobody has the value before 10.
    let forgotten_at = |begin, end| {
        let mut history = clean();
        history.calls[1] = call(8, 11, told(2, Role::Follower));
        history.retirements = vec![forgotten(begin, end)];
        history
    };
    finds(Kind::Stale, forgotten_at(6, 7));
    // Not before the execution began, and not before the call did.
    finds_nothing(forgotten_at(1, 7));
    finds_nothing(forgotten_at(7, 9));
}

#[test]
fn a_call_that_comes_between_the_works_end_and_the_landing_is_right() {
    let mut history = clean();
    history.calls[1] = call(8, 11, told(2, Role::Follower));
    finds_nothing(history);
}

#[test]
fn answers_that_no_execution_made_are_found() {
    for ending in [
        told(9, Role::Follower),
        Ending::Damaged,
        Ending::Panicked(Some(9)),
        // It made a value and did not panic, and it did not fail.
        Ending::Panicked(Some(2)),
        failed(2, Role::Follower),
    ] {
        let mut history = clean();
        history.calls[1].ending = ending;
        finds(Kind::Fabricated, history);
    }
}

#[test]
fn a_success_of_a_work_that_did_not_succeed_is_found() {
    for result in [Completion::Fault, Completion::Dropped, Completion::Panic] {
        let mut history = clean();
        history.executions[0].result = result;
        history.calls[0].ending = match result {
            Completion::Fault => failed(2, Role::Leader),
            Completion::Panic => Ending::Thrown(2),
            _ => Ending::GivenUp,
        };
        finds(Kind::Fabricated, history);
    }
}

#[test]
fn an_answer_before_the_execution_is_over_is_found() {
    let mut history = clean();
    history.calls[1].end = 4;
    // What it had so early is not for those who come later; none does.
    finds(Kind::Early, history);
}

#[test]
fn a_wrong_role_is_found() {
    for at in [0, 1] {
        let mut history = clean();
        let wrong = [Role::Follower, Role::Leader][at];
        history.calls[at].ending = told(2, wrong);
        finds(Kind::Role, history);
    }
}

#[test]
fn a_fault_that_was_to_be_kept_is_found_with_another() {
    for way in [Way::KeepFaults, Way::SpawnKeepFaults] {
        let keeps = || by(way, call(1, 10, Ending::Failed(2)));
        let works = || vec![work(1, 2, 5, Completion::Fault)];
        finds_nothing(history(vec![keeps()], works()));
        // However many may fail, and whoever waits.
        for ending in [failed(2, Role::Follower), Ending::Failed(2)] {
            for other in [Way::Outcome, Way::KeepFaults, Way::Watch] {
                let calls = || vec![keeps(), by(other, call(3, 11, ending.clone()))];
                finds(Kind::Shared, history(calls(), works()));
                let found = found(history(calls(), works()), &bounded(1));
                assert_eq!(found, [Kind::Shared]);
            }
        }
    }
    let shares = call(1, 10, failed(2, Role::Leader));
    let follows = call(3, 11, failed(2, Role::Follower));
    let works = vec![work(1, 2, 5, Completion::Fault)];
    finds_nothing(history(vec![shares, follows], works));
}

#[test]
fn a_value_that_was_to_be_kept_is_found_with_another() {
    let keeps = || by(Way::ShareIf, call(1, 10, told(2, Role::Leader)));
    let works = || vec![work(1, 2, 5, Completion::Private)];
    finds_nothing(history(vec![keeps()], works()));
    for way in [Way::Outcome, Way::Watch, Way::Batch, Way::ShareIf] {
        let follows = by(way, call(3, 11, told(2, Role::Follower)));
        let calls = vec![keeps(), follows];
        assert_eq!(found(history(calls, works()), &bounded(1)), [Kind::Shared]);
    }
}
