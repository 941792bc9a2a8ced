//! Reads from a history whether every promise was kept.
//!
//! Stamps are of one counter, and a call's lie outside of what it does: `begin` before it
//! joins, `end` after it has its answer. An execution's lie inside of its flight: `begin` after
//! its call joined, `end` before anybody can have its result. So "before" between two stamps
//! is before in truth, and each check below says no more than follows from that:
//!
//! | check | says |
//! |---|---|
//! | `overlap` | P1: two executions of a key at once have a retirement between their joins |
//! | `answers` | what each call was answered with was made, by one that was over, and is fresh (P2, P5); what left it without a value was there |
//! | `leaders` | what each work made reached the call that it belongs to (P4) |
//! | `fences` | works were told the truth about being forgotten |

mod answers;
mod fences;
mod index;
mod leaders;
mod overlap;
#[cfg(test)]
mod tests;

use crate::history::History;
use crate::rules::Rules;
use crate::violation::{Kind, Violations};

use index::Index;

/// Checks the history of a round. `is_whole` says that every call has ended.
pub(crate) fn check(history: History, rules: &Rules, is_whole: bool, violations: &mut Violations) {
    if history.is_undrained {
        let text = || "a group that was closed was not drained".to_owned();
        violations.add(Kind::InFlight, text);
    }
    let asked = history.asked;
    let index = Index::new(history);
    once(&index, asked, is_whole, violations);
    overlap::check(&index, violations);
    answers::check(&index, rules, violations);
    leaders::check(&index, violations);
    fences::check(&index, violations);
}

/// Every call is answered once.
fn once(index: &Index, asked: u64, is_whole: bool, violations: &mut Violations) {
    let same = |pair: &&[crate::history::Call]| {
        (pair[0].begin, pair[0].order.key) == (pair[1].begin, pair[1].order.key)
    };
    for pair in index.calls.windows(2).filter(same) {
        violations.add(Kind::NotOnce, || format!("{:?} and {:?}", pair[0], pair[1]));
    }
    let answered = index.calls.len() as u64;
    if is_whole && answered != asked {
        let text = || format!("{asked} answers were asked for, {answered} given");
        violations.add(Kind::NotOnce, text);
    }
}
