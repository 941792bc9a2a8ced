//! Whether works were told the truth about being forgotten.

use crate::checker::index::Index;
use crate::violation::{Kind, Violations};

pub(super) fn check(index: &Index, violations: &mut Violations) {
    for question in &index.questions {
        let key = question.key;
        let is_right = if question.is_forgotten {
            // The flight may be older than the work, but not than the call: one that comes
            // to a forgotten flight does not join it.
            index.may_be_retired(key, question.call, question.end)
        } else {
            // The flight was there from the work's beginning on.
            !index.is_retired(key, question.execution, question.begin)
        };
        if !is_right {
            violations.add(Kind::Fence, || format!("{question:?}"));
        }
    }
}
