//! What works made, and whether their own callers had it.

use singleflight_core::Role;

use super::{by, call, finds, finds_nothing, found, history, rules, told, work};
use crate::history::{Completion, Ending};
use crate::order::Way;
use crate::violation::Kind;

#[test]
fn a_leader_that_gets_anothers_value_is_found() {
    let calls = vec![
        call(1, 10, told(2, Role::Leader)),
        call(3, 20, told(2, Role::Follower)),
    ];
    let works = vec![
        work(1, 2, 5, Completion::Value),
        work(3, 6, 7, Completion::Value),
    ];
    finds(Kind::Robbed, history(calls, works));
}

#[test]
fn a_panic_that_does_not_reach_its_leader_is_found() {
    let calls = vec![call(1, 10, Ending::Panicked(Some(2)))];
    let works = vec![work(1, 2, 5, Completion::Panic)];
    finds(Kind::Swallowed, history(calls, works.clone()));
    finds_nothing(history(vec![call(1, 10, Ending::Thrown(2))], works));
}

#[test]
fn a_fault_that_its_own_caller_does_not_get_is_found() {
    let calls = vec![by(Way::KeepFaults, call(1, 10, told(20, Role::Follower)))];
    let works = vec![
        work(1, 2, 5, Completion::Fault),
        work(19, 20, 21, Completion::Value),
    ];
    let found = found(history(calls, works), &rules());
    assert_eq!(found, [Kind::Early, Kind::Robbed]);
}
