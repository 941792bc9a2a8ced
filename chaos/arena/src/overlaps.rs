//! Works of one key: whether two ran at once, what covers it, and the order of their tokens.

use crate::history::{Cause, End};
use crate::report::{Report, Rule, Violation};
use crate::seen::{Caused, Execution, Forget, process};

/// The works of one key, and what was done meanwhile.
pub(crate) struct Overlaps<'a> {
    pub(crate) key: u64,
    pub(crate) lease: u64,
    pub(crate) causes: &'a [Caused],
    pub(crate) forgets: &'a [Forget],
    pub(crate) report: &'a mut Report,
}

impl Overlaps<'_> {
    /// Takes them in the order in which they began.
    pub(crate) fn check(&mut self, executions: &[Execution]) {
        let mut running: Vec<&Execution> = Vec::new();
        let mut landed: Option<&Execution> = None;
        for execution in executions {
            running.retain(|earlier| earlier.ended > execution.begun);
            for earlier in &running {
                self.overlap(earlier, execution);
            }
            running.push(execution);
            if execution.told == Some(End::Landed) {
                if let Some(before) = landed.filter(|before| before.token >= execution.token) {
                    let text = format!(
                        "key {}: {:x} began after {:x}, and has token {:?} after {:?}",
                        self.key, execution.number, before.number, execution.token, before.token
                    );
                    self.report.violations.push(Violation {
                        rule: Rule::Tokens,
                        text,
                    });
                }
                landed = Some(execution);
            }
        }
    }

    fn overlap(&mut self, earlier: &Execution, later: &Execution) {
        let text = format!(
            "key {}: {:x} of {} to {}, told {:?}, and {:x} of {} to {}, told {:?}",
            self.key,
            earlier.number,
            earlier.begun,
            earlier.ended,
            earlier.told,
            later.number,
            later.begun,
            later.ended,
            later.told
        );
        if [earlier.told, later.told] == [Some(End::Landed); 2] {
            let rule = Rule::BothLanded;
            return self.report.violations.push(Violation { rule, text });
        }
        if let Some(cause) = self.cover(earlier, later) {
            *self.report.covered.entry(cause).or_default() += 1;
        } else {
            let rule = Rule::TwoAtOnce;
            self.report.violations.push(Violation { rule, text });
        }
    }

    /// What has ended the lease of one of them while it ran, or while it was being taken.
    fn cover(&self, earlier: &Execution, later: &Execution) -> Option<&'static str> {
        if earlier.token.is_none() || later.token.is_none() {
            return Some("alone");
        }
        let (from, until) = (earlier.begun.saturating_sub(self.lease), later.begun);
        let meets = |begun: u64, ended: u64| begun <= until && ended >= from;
        let forgotten =
            |forget: &Forget| forget.key == self.key && meets(forget.from, forget.until);
        if self.forgets.iter().any(forgotten) {
            return Some("forget");
        }
        // It is renewed at each third, so a stop of two thirds can lose it.
        let is_long = |cause: &Caused| cause.until - cause.from >= self.lease / 2;
        let concerns = |cause: &Caused| {
            [earlier, later]
                .iter()
                .any(|execution| process(execution.number) == cause.process)
        };
        self.causes
            .iter()
            .filter(|cause| meets(cause.from, cause.until))
            .find_map(|cause| match cause.cause {
                Cause::Wipe => Some("wipe"),
                Cause::Stop if is_long(cause) && concerns(cause) => Some("stop"),
                Cause::Stall if is_long(cause) => Some("stall"),
                Cause::Kill if concerns(cause) => Some("kill"),
                Cause::Cut | Cause::Stop | Cause::Stall | Cause::Kill => None,
            })
    }
}
