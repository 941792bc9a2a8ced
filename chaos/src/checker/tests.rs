//! Histories made by hand, each with one thing wrong, and what the checker says of them.

use std::time::Duration;

use singleflight_core::Role;

use super::check;
use crate::clock::Stamp;
use crate::history::{
    Call, Closing, Completion, Ending, Execution, History, Question, Retirement, Told,
};
use crate::order::{Order, Way};
use crate::refusal::Refusal;
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

#[test]
fn a_clean_history_has_nothing_wrong() {
    finds_nothing(clean());
}

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
fn a_wrong_role_is_found() {
    for at in [0, 1] {
        let mut history = clean();
        let wrong = [Role::Follower, Role::Leader][at];
        history.calls[at].ending = told(2, wrong);
        finds(Kind::Role, history);
    }
}

#[test]
fn a_refusal_without_its_reason_is_found_and_with_it_is_right() {
    let alone = |call| history(vec![call], vec![]);
    let refused = |refusal| call(3, 5, Ending::Refused(refusal));
    for refusal in [
        Refusal::Lost,
        Refusal::Reentrant,
        Refusal::Closed,
        Refusal::TimedOut,
        Refusal::Full,
        Refusal::TooManyFailures(1),
        Refusal::NotShared,
        Refusal::NotReturned,
        Refusal::Other("index out of bounds".to_owned()),
    ] {
        finds(Kind::Unfounded, alone(refused(refusal)));
    }
    finds_nothing(alone(by(Way::Watch, refused(Refusal::Lost))));
    let mut inner = refused(Refusal::Reentrant);
    inner.order.is_inner = true;
    finds_nothing(alone(inner));
    let mut late = refused(Refusal::TimedOut);
    late.order.patience = Some(Duration::ZERO);
    finds_nothing(alone(late));
    let closing = Some(Closing { begin: 1, end: 2 });
    finds_nothing(History {
        closing,
        ..alone(refused(Refusal::Closed))
    });
    let full = Rules {
        max_followers: Some(2),
        ..rules()
    };
    assert_eq!(found(alone(refused(Refusal::Full)), &full), []);
}

#[test]
fn word_of_a_panic_that_was_handed_over_is_found() {
    let told = || {
        let calls = vec![
            call(1, 10, Ending::Thrown(2)),
            call(3, 11, Ending::Panicked(Some(2))),
        ];
        history(calls, vec![work(1, 2, 5, Completion::Panic)])
    };
    finds_nothing(told());
    let hands_over = Rules {
        panics_hand_over: true,
        ..rules()
    };
    assert_eq!(found(told(), &hands_over), [Kind::Unfounded]);
}

/// Rules by which so many works in a row may fail.
fn bounded(most: u32) -> Rules {
    Rules {
        max_failures: Some(most),
        ..rules()
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

/// Three calls that fail one after another, and a fourth that is told of them.
fn told_of(refusal: &Refusal, results: [Completion; 3], way: Way) -> History {
    let ends = [
        (1, 10, Ending::Failed(2)),
        (3, 12, Ending::Failed(6)),
        (4, 14, Ending::Failed(8)),
    ];
    let mut calls = Vec::new();
    let mut works = Vec::new();
    for ((begin, end, ending), result) in ends.into_iter().zip(results) {
        let Ending::Failed(execution) = ending else {
            unreachable!("all fail")
        };
        let (way, ending) = match result {
            Completion::Fault => (Way::KeepFaults, Ending::Failed(execution)),
            Completion::Panic => (Way::Outcome, Ending::Thrown(execution)),
            Completion::Omitted => (Way::Batch, Ending::Refused(Refusal::NotReturned)),
            _ => (Way::ShareIf, told(execution, Role::Leader)),
        };
        calls.push(by(way, call(begin, end, ending)));
        works.push(work(begin, execution, execution + 1, result));
    }
    calls.push(by(way, call(5, 16, Ending::Refused(refusal.clone()))));
    history(calls, works)
}

#[test]
fn word_of_failures_is_right_only_if_there_were_so_many() {
    use Completion::{Fault, Omitted, Panic, Private, Value};

    let failures = |failures| Refusal::TooManyFailures(failures);
    let found_by =
        |failed, results, way, rules: &Rules| found(told_of(&failed, results, way), rules);
    let unfounded = [Kind::Unfounded];
    for results in [
        [Fault; 3],
        [Fault, Private, Omitted],
        [Omitted, Fault, Private],
    ] {
        let kinds = found_by(failures(3), results, Way::Outcome, &bounded(3));
        assert_eq!(kinds, [], "{results:?}");
        // Not yet, more than there were, and without a bound.
        for (failed, rules) in [(3, bounded(4)), (4, bounded(4)), (3, rules())] {
            let kinds = found_by(failures(failed), results, Way::Outcome, &rules);
            assert_eq!(kinds, unfounded, "{results:?}, {failed} of {rules:?}");
        }
        // Whoever cannot lead is told as soon as nobody can.
        let kinds = found_by(failures(3), results, Way::Watch, &rules());
        assert_eq!(kinds, [], "{results:?}");
    }
    let kinds = found_by(
        failures(3),
        [Fault, Value, Fault],
        Way::Outcome,
        &bounded(3),
    );
    assert_eq!(kinds, unfounded);
    let panics = [Fault, Panic, Fault];
    let kinds = found_by(failures(3), panics, Way::Outcome, &bounded(3));
    assert_eq!(kinds, unfounded, "the panic was told");
    let hands_over = Rules {
        panics_hand_over: true,
        ..bounded(3)
    };
    let kinds = found_by(failures(3), panics, Way::Outcome, &hands_over);
    assert_eq!(kinds, []);
    // Until the last of them has ended.
    let mut late = told_of(&failures(3), [Fault; 3], Way::Outcome);
    late.calls[3].begin = 13;
    assert_eq!(found(late, &bounded(3)), []);
    let mut late = told_of(&failures(3), [Fault; 3], Way::Outcome);
    late.calls[3].begin = 15;
    assert_eq!(found(late, &bounded(3)), unfounded);
}

#[test]
fn word_of_a_private_value_is_right_only_if_there_was_one() {
    use Completion::{Fault, Private};

    let told =
        |results, way, rules: &Rules| found(told_of(&Refusal::NotShared, results, way), rules);
    let private = [Fault, Fault, Private];
    assert_eq!(told(private, Way::Outcome, &bounded(3)), []);
    assert_eq!(told(private, Way::Watch, &rules()), []);
    let unfounded = [Kind::Unfounded];
    assert_eq!(told(private, Way::Outcome, &rules()), unfounded);
    assert_eq!(told([Fault; 3], Way::Outcome, &bounded(3)), unfounded);
}

#[test]
fn a_batch_that_fails_ends_for_all_of_its_keys() {
    let calls = |execution| vec![by(Way::Batch, call(1, 10, Ending::Failed(execution)))];
    let other = || Execution {
        key: KEY + 1,
        ..work(1, 2, 5, Completion::Fault)
    };
    finds_nothing(history(calls(2), vec![other()]));
    finds(Kind::Unfounded, history(calls(3), vec![other()]));
}

#[test]
fn a_key_that_a_batch_returned_and_lost_is_found() {
    let absent = |result| {
        let ending = Ending::Refused(Refusal::NotReturned);
        let calls = vec![by(Way::Batch, call(1, 10, ending))];
        history(calls, vec![work(1, 2, 5, result)])
    };
    finds_nothing(absent(Completion::Omitted));
    let found = found(absent(Completion::Value), &rules());
    assert_eq!(found, [Kind::Robbed, Kind::Unfounded]);
}

#[test]
fn a_call_that_is_let_in_after_the_closing_is_found() {
    let mut clean = clean();
    clean.closing = Some(Closing { begin: 11, end: 11 });
    finds(Kind::LetIn, clean);
    for ending in [Ending::GivenUp, Ending::Refused(Refusal::TimedOut)] {
        let hurried = |executions| {
            let mut call = call(3, 9, ending.clone());
            call.order.patience = Some(Duration::ZERO);
            History {
                closing: Some(Closing { begin: 1, end: 2 }),
                ..history(vec![call], executions)
            }
        };
        finds_nothing(hurried(vec![]));
        finds(
            Kind::LetIn,
            hurried(vec![work(3, 4, 5, Completion::Dropped)]),
        );
    }
}

#[test]
fn a_work_that_is_told_wrongly_whether_it_was_forgotten_is_found() {
    let asked = |is_forgotten, retirement| History {
        questions: vec![Question {
            key: KEY,
            call: 1,
            execution: 2,
            begin: 5,
            end: 6,
            is_forgotten,
        }],
        retirements: Vec::from_iter(retirement),
        ..history(vec![], vec![])
    };
    finds(Kind::Fence, asked(true, None));
    finds(Kind::Fence, asked(false, Some(forgotten(3, 4))));
    finds_nothing(asked(true, Some(forgotten(3, 4))));
    finds_nothing(asked(false, None));
    // While it asks, either is right.
    finds_nothing(asked(true, Some(forgotten(4, 7))));
    finds_nothing(asked(false, Some(forgotten(4, 7))));
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
