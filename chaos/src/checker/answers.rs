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
            Completion::Value => told.is_success,
            Completion::Fault => !told.is_success,
            _ => false,
        },
        _ => execution.result == Completion::Panic,
    };
    if !fits {
        return Some(Kind::Fabricated);
    }
    if execution.end > call.end {
        return Some(Kind::Early);
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
    if is_own {
        return None;
    }
    if is_kept(index, rules, call, execution) {
        return Some(Kind::Shared);
    }
    let is_told = matches!(call.ending, Ending::Panicked(_));
    (is_told && rules.panics_hand_over && has_work(index, call)).then_some(Kind::Unfounded)
}

/// Whether a fault was to stay with the caller whose work made it, and not with this one.
fn is_kept(index: &Index, rules: &Rules, call: &Call, execution: &Execution) -> bool {
    execution.result == Completion::Fault
        && rules.max_failures.is_none()
        && has_work(index, call)
        && index
            .call(execution.key, execution.call)
            .is_some_and(|leader| leader.order.way == Way::KeepFaults)
}

/// Whether a call that waits could lead.
fn has_work(index: &Index, call: &Call) -> bool {
    match call.order.way {
        Way::Watch => false,
        // Its task may have panicked and handed over; its handle waits on, and cannot lead.
        Way::Spawn | Way::SpawnUnwanted => index
            .own(call)
            .all(|execution| execution.result != Completion::Panic),
        _ => true,
    }
}

/// Judges a call that got the result of no execution that there was.
fn without(index: &Index, rules: &Rules, call: &Call) -> Option<Kind> {
    let is_founded = match &call.ending {
        // A batch that panics ends for all its keys, those of others included.
        Ending::Thrown(execution) if call.order.way == Way::Batch => {
            index.has_begun(call.begin, *execution)
        }
        Ending::Answered(_) | Ending::Damaged | Ending::Thrown(_) | Ending::Panicked(Some(_)) => {
            return Some(Kind::Fabricated);
        }
        Ending::Panicked(None) | Ending::GivenUp => true,
        Ending::Absent => index
            .own(call)
            .any(|execution| execution.result == Completion::Omitted),
        Ending::Refused(refusal) => match refusal {
            Refusal::Lost => !has_work(index, call),
            Refusal::Reentrant => call.order.is_inner,
            Refusal::Closed => index
                .closing
                .is_some_and(|closing| closing.begin < call.end),
            Refusal::TimedOut => call.order.patience.is_some(),
            Refusal::Full => rules.max_followers.is_some(),
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
