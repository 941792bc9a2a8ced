//! Histories made by hand, each with one thing wrong, and what the checker says of them.

mod fences;
mod leaders;
mod overlap;
mod refusals;
mod values;

use singleflight_core::Role;

use super::check;
use crate::clock::Stamp;
use crate::history::{Call, Completion, Ending, Execution, History, Retirement, Told};
use crate::order::{Order, Way};
use crate::rules::Rules;
use crate::violation::{Kind, Violations};

const KEY: u64 = 7;

/// Rules that allow nothing in particular.
fn rules() -> Rules {
    Rules {
        panics_hand_over: false,
        max_followers: None,
        max_failures: None,
        ..Rules::draw(1, 0)
    }
}

fn call(begin: Stamp, end: Stamp, ending: Ending) -> Call {
    Call {
        order: Order::new(KEY, Way::Outcome),
        begin,
        end,
        ending,
    }
}

fn by(way: Way, mut call: Call) -> Call {
    call.order.way = way;
    call
}

fn told(execution: Stamp, role: Role) -> Ending {
    Ending::Answered(Told {
        execution,
        is_success: true,
        role: Some(role),
    })
}

fn failed(execution: Stamp, role: Role) -> Ending {
    Ending::Answered(Told {
        execution,
        is_success: false,
        role: Some(role),
    })
}

fn work(call: Stamp, begin: Stamp, end: Stamp, result: Completion) -> Execution {
    Execution {
        key: KEY,
        call,
        begin,
        end,
        result,
    }
}

/// A leader with a follower, and a call after them.
fn clean() -> History {
    history(
        vec![
            call(1, 10, told(2, Role::Leader)),
            call(3, 11, told(2, Role::Follower)),
            call(12, 16, told(13, Role::Leader)),
        ],
        vec![
            work(1, 2, 5, Completion::Value),
            work(12, 13, 14, Completion::Value),
        ],
    )
}

fn history(calls: Vec<Call>, executions: Vec<Execution>) -> History {
    History {
        asked: calls.len() as u64,
        calls,
        executions,
        ..History::default()
    }
}

/// Returns every kind that is found, as often as it is.
fn found(history: History, rules: &Rules) -> Vec<Kind> {
    let mut violations = Violations::default();
    check(history, rules, true, &mut violations);
    let times = |kind| std::iter::repeat_n(kind, usize::try_from(violations.count(kind)).unwrap());
    Kind::ALL.into_iter().flat_map(times).collect()
}

#[track_caller]
fn finds(kind: Kind, history: History) {
    assert_eq!(found(history, &rules()), [kind]);
}

#[track_caller]
fn finds_nothing(history: History) {
    assert_eq!(found(history, &rules()), []);
}

fn forgotten(begin: Stamp, end: Stamp) -> Retirement {
    Retirement {
        key: Some(KEY),
        begin,
        end,
    }
}

/// Rules by which so many works in a row may fail.
fn bounded(most: u32) -> Rules {
    Rules {
        max_failures: Some(most),
        ..rules()
    }
}

#[test]
fn a_clean_history_has_nothing_wrong() {
    finds_nothing(clean());
}

#[test]
fn a_call_with_two_answers_or_none_is_found() {
    let mut twice = clean();
    twice.calls.push(twice.calls[1].clone());
    twice.asked += 1;
    finds(Kind::NotOnce, twice);
    let mut none = clean();
    none.asked += 1;
    finds(Kind::NotOnce, none);
}
