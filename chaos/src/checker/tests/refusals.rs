//! Why calls were left without a value.

use std::time::Duration;

use singleflight_core::Role;

use super::{
    KEY, bounded, by, call, clean, finds, finds_nothing, found, history, rules, told, work,
};
use crate::history::{Closing, Completion, Ending, Execution, History};
use crate::order::Way;
use crate::refusal::Refusal;
use crate::rules::Rules;
use crate::violation::Kind;

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
