//! P1: one at a time.
//!
//! Two executions of a key that overlap are of two flights that were there at once, so the
//! older flight was retired after its caller joined it and before the newer one's caller joined
//! that. A caller joins between the beginning of its call and that of its execution. Which of
//! the two is of the older flight is not recorded: a forgotten one may be handed over late.

use crate::checker::index::Index;
use crate::history::Execution;
use crate::violation::{Kind, Violations};

pub(super) fn check(index: &Index, violations: &mut Violations) {
    for range in index.by_key() {
        let mut running: Vec<&Execution> = Vec::new();
        for later in &index.executions[range] {
            running.retain(|earlier| earlier.end > later.begin);
            let at_once = running
                .iter()
                .find(|earlier| !is_excused(index, earlier, later));
            if let Some(earlier) = at_once {
                violations.add(Kind::Overlap, || format!("{earlier:?} and {later:?}"));
            }
            running.push(later);
        }
    }
}

fn is_excused(index: &Index, one: &Execution, other: &Execution) -> bool {
    let between = |older: &Execution, newer: &Execution| {
        index.may_be_retired(older.key, older.call, newer.begin)
    };
    between(one, other) || between(other, one)
}
