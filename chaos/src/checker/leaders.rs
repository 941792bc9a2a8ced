//! What each work made reached the call that it belongs to.

use crate::checker::index::Index;
use crate::history::{Call, Completion, Ending, Execution};
use crate::order::Way;
use crate::refusal::Refusal;
use crate::violation::{Kind, Violations};

pub(super) fn check(index: &Index, violations: &mut Violations) {
    for execution in &index.executions {
        // One that hangs is told of elsewhere.
        let Some(call) = index.call(execution.key, execution.call) else {
            continue;
        };
        if let Some(kind) = judge(call, execution) {
            violations.add(kind, || format!("{execution:?} of {call:?}"));
        }
    }
}

fn judge(call: &Call, execution: &Execution) -> Option<Kind> {
    // What runs in a task of its own may outlive its caller's interest.
    let is_apart = call.order.way.is_spawned();
    let is_batch = call.order.way == Way::Batch;
    let begin = execution.begin;
    let is_right = match (&call.ending, execution.result) {
        _ if is_apart => true,
        (Ending::GivenUp, _)
        | (Ending::Refused(Refusal::TimedOut), Completion::Dropped)
        | (Ending::Refused(Refusal::NotReturned), Completion::Omitted) => true,
        (Ending::Answered(told), Completion::Value | Completion::Private | Completion::Fault) => {
            told.execution == begin
        }
        (Ending::Thrown(thrown), Completion::Panic) => *thrown == begin,
        (Ending::Failed(failed), Completion::Fault) => *failed == begin,
        // A batch may panic, or fail, in a later work, for other keys.
        (Ending::Thrown(_) | Ending::Failed(_), Completion::Value | Completion::Omitted) => {
            is_batch
        }
        (_, Completion::Panic) => return Some(Kind::Swallowed),
        _ => false,
    };
    (!is_right).then_some(Kind::Robbed)
}
