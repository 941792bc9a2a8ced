//! Two executions of a key at once.

use singleflight_core::Role;

use super::{KEY, call, finds, finds_nothing, forgotten, history, told, work};
use crate::history::{Completion, History, Retirement};
use crate::violation::Kind;

/// Two calls that lead at once; the second call begins at 4, its work at 6.
fn two_at_once(retirements: Vec<Retirement>) -> History {
    let calls = vec![
        call(1, 20, told(2, Role::Leader)),
        call(4, 12, told(6, Role::Leader)),
    ];
    let works = vec![
        work(1, 2, 15, Completion::Value),
        work(4, 6, 10, Completion::Value),
    ];
    History {
        retirements,
        ..history(calls, works)
    }
}

#[test]
fn two_executions_at_once_are_found() {
    finds(Kind::Overlap, two_at_once(vec![]));
}

#[test]
fn a_retirement_excuses_an_overlap_only_between_the_two_joins() {
    finds_nothing(two_at_once(vec![forgotten(3, 5)]));
    // It ends after the first has come, and begins before the second has joined.
    finds_nothing(two_at_once(vec![forgotten(0, 3)]));
    finds(Kind::Overlap, two_at_once(vec![forgotten(7, 8)]));
    finds(Kind::Overlap, two_at_once(vec![forgotten(0, 1)]));
    let of_another = Retirement {
        key: Some(KEY + 1),
        begin: 3,
        end: 5,
    };
    finds(Kind::Overlap, two_at_once(vec![of_another]));
    let of_all = Retirement {
        key: None,
        begin: 3,
        end: 5,
    };
    finds_nothing(two_at_once(vec![of_all]));
}

#[test]
fn a_forgotten_flight_may_be_handed_over_after_its_successor_began() {
    // The call at 1 follows a flight that is forgotten at 2; its leader is lost late.
    let calls = vec![
        call(1, 30, told(10, Role::Leader)),
        call(4, 25, told(5, Role::Leader)),
    ];
    let works = vec![
        work(1, 10, 20, Completion::Value),
        work(4, 5, 24, Completion::Value),
    ];
    finds_nothing(History {
        retirements: vec![forgotten(2, 3)],
        ..history(calls, works)
    });
}
