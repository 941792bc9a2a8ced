//! What each call was answered with, and what left it without a value.

use singleflight_core::Role;

use crate::checker::index::Index;
use crate::history::{Call, Completion, Ending, Execution};
use crate::order::Way;
use crate::refusal::Refusal;
use crate::rules::Rules;
use crate::violation::{Kind, Violations};

pub(super) fn check(index: &Index, rules: &Rules, violations: &mut Violations) {
    for call in &index.calls {
        let received = index.received(call);
        let wrong = match received {
            Some(at) => judge(index, rules, call, at),
            None => without(index, rules, call),
        };
        if let Some(kind) = wrong.or_else(|| let_in(index, call)) {
            violations.add(kind, || match received {
                Some(at) => format!("{call:?} got {:?}", index.executions[at]),
                None => format!("{call:?}"),
            });
        }
    }
}

/// Judges a call that got the result of an execution.
fn judge(index: &Index, rules: &Rules, call: &Call, at: usize) -> Option<Kind> {
    let execution = &index.executions[at];
    let is_own = execution.call == call.begin;
    let fits = match &call.ending {
        Ending::Answered(told) => match execution.result {
            Completion::Value | Completion::Private => told.is_success,
            Completion::Fault => !told.is_success,
            _ => false,
        },
        Ending::Failed(_) => execution.result == Completion::Fault,
        _ => execution.result == Completion::Panic,
    };
    if !fits {
        return Some(Kind::Fabricated);
    }
    if execution.end > call.end {
        return Some(Kind::Early);
    }
    if !is_own && is_kept(index, call, execution) {
        return Some(Kind::Shared);
    }
    if call.begin > index.over[at] {
        return Some(Kind::Stale);
    }
    if let Ending::Answered(told) = &call.ending {
        if told
            .role
            .is_some_and(|role| (role == Role::Leader) != is_own)
        {
            return Some(Kind::Role);
        }
    }
    let is_told = !is_own && matches!(call.ending, Ending::Panicked(_));
    (is_told && rules.panics_hand_over && has_work(index, call)).then_some(Kind::Unfounded)
}

/// Whether what an execution made was to stay with the caller whose work it was, whatever the rules
/// and whoever else waits.
fn is_kept(index: &Index, call: &Call, execution: &Execution) -> bool {
    match execution.result {
        Completion::Private => true,
        Completion::Fault => {
            matches!(call.ending, Ending::Failed(_)) || is_of_keeper(index, execution)
        }
        _ => false,
    }
}

/// Whether the call whose work it was keeps its faults.
fn is_of_keeper(index: &Index, execution: &Execution) -> bool {
    let leader = index.call(execution.key, execution.call);
    leader.is_some_and(|leader| leader.order.way.keeps_faults())
}

/// Whether an execution of a call that has ended is a failure, that hands its flight over.
fn is_failure(index: &Index, rules: &Rules, execution: &Execution) -> bool {
    match execution.result {
        Completion::Private | Completion::Omitted => true,
        Completion::Fault => is_of_keeper(index, execution),
        Completion::Panic => rules.panics_hand_over,
        Completion::Value | Completion::Dropped => false,
    }
}

/// Whether failures are a reason for a call to have no value: there were so many before it ended,
/// the last while it waited, and they were as many as may be, or it could not lead.
fn is_out_of_tries(index: &Index, rules: &Rules, call: &Call, failures: usize) -> bool {
    let before = || {
        let executions = index.begun_before(call.order.key, call.end);
        executions.filter(|execution| is_failure(index, rules, execution))
    };
    let enough = before().take(failures).count() == failures;
    let last = before().any(|execution| ends_while_waiting(index, call, execution));
    let most = rules.max_failures.map(|most| most as usize);
    let is_last_try = most == Some(failures) || !has_work(index, call);
    enough && last && is_last_try
}

/// Whether the flight of a work may have been handed over, or have ended, while a call waited: after
/// the work was over, and before the call whose work it was had ended. What runs in a task of its
/// own may do so at any time.
fn ends_while_waiting(index: &Index, call: &Call, execution: &Execution) -> bool {
    let leader = index.call(execution.key, execution.call);
    let is_under_way = |leader: &Call| leader.order.way.is_spawned() || leader.end > call.begin;
    execution.end < call.end && leader.is_none_or(is_under_way)
}

/// Whether a call that waits could lead.
fn has_work(index: &Index, call: &Call) -> bool {
    match call.order.way {
        Way::Watch => false,
        // Its task may have panicked and handed over; its handle waits on, and cannot lead.
        way if way.is_spawned() => index
            .own(call)
            .all(|execution| execution.result != Completion::Panic),
        _ => true,
    }
}

/// Judges a call that got the result of no execution that there was.
fn without(index: &Index, rules: &Rules, call: &Call) -> Option<Kind> {
    let is_founded = match &call.ending {
        // A batch that panics, or fails, ends for all its keys, those of others included.
        Ending::Thrown(execution) | Ending::Failed(execution) if call.order.way == Way::Batch => {
            index.has_begun(call.begin, *execution)
        }
        Ending::Answered(_)
        | Ending::Failed(_)
        | Ending::Damaged
        | Ending::Thrown(_)
        | Ending::Panicked(Some(_)) => return Some(Kind::Fabricated),
        Ending::Panicked(None) | Ending::GivenUp => true,
        Ending::Refused(refusal) => match refusal {
            Refusal::Lost => !has_work(index, call),
            Refusal::Reentrant => call.order.is_inner,
            Refusal::Closed => index
                .closing
                .is_some_and(|closing| closing.begin < call.end),
            Refusal::TimedOut => call.order.patience.is_some(),
            Refusal::Full => rules.max_followers.is_some(),
            Refusal::TooManyFailures(failures) => is_out_of_tries(index, rules, call, *failures),
            Refusal::NotShared => {
                let executions = index.begun_before(call.order.key, call.end);
                let mut private = executions.filter(|one| one.result == Completion::Private);
                let may_try = rules.max_failures.is_none() && has_work(index, call);
                !may_try && private.any(|one| ends_while_waiting(index, call, one))
            }
            Refusal::NotReturned => index
                .own(call)
                .any(|execution| execution.result == Completion::Omitted),
            Refusal::Panicked(_) | Refusal::Other(_) => false,
        },
    };
    (!is_founded).then_some(Kind::Unfounded)
}

/// Judges a call that began when the group was closed.
fn let_in(index: &Index, call: &Call) -> Option<Kind> {
    let closing = index.closing?;
    let is_right = match call.ending {
        Ending::Refused(Refusal::Closed) => true,
        // It may have been given up, or its time may have been up, before it came. If it led, it
        // was let in.
        Ending::GivenUp | Ending::Refused(Refusal::TimedOut) => index.own(call).next().is_none(),
        _ => false,
    };
    (closing.end < call.begin && !is_right).then_some(Kind::LetIn)
}
