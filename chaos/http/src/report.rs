//! What was seen, added up.

use std::collections::BTreeMap;
use std::fmt;

use crate::oracle::{Found, Violation};

/// What clients have seen.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Requests that were answered.
    pub answers: u64,
    /// Of those, how many by what was made for another request.
    pub shared: u64,
    /// Requests whose failure was reported as one.
    pub failures: u64,
    /// Clients that did not wait for their answer.
    pub dropped: u64,
    /// Requests that have come to the origin.
    pub executions: u64,
    /// How often each thing was seen that must not be.
    pub violations: BTreeMap<Violation, u64>,
    /// In which round each was first seen.
    pub first: BTreeMap<Violation, u64>,
}

impl Report {
    pub(crate) fn add(&mut self, round: u64, found: Found) {
        self.answers += u64::from(!found.is_failure);
        self.failures += u64::from(found.is_failure);
        self.shared += u64::from(found.is_shared && !found.is_failure);
        if let Some(violation) = found.violation {
            self.violates(round, violation);
        }
    }

    pub(crate) fn violates(&mut self, round: u64, violation: Violation) {
        *self.violations.entry(violation).or_default() += 1;
        self.first.entry(violation).or_insert(round);
    }

    /// How many violations there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.violations.values().sum()
    }

    /// Whether enough was shared to say that nothing leaks: a layer that shares nothing leaks nothing.
    #[must_use]
    pub fn shares_enough(&self) -> bool {
        self.shared * 3 >= self.answers
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            answers,
            shared,
            failures,
            dropped,
            executions,
            ..
        } = self;
        let share = (shared * 100).checked_div(*answers).unwrap_or_default();
        writeln!(
            f,
            "answers {answers}, of another's flight {shared} ({share} %), executions {executions}, \
             failures {failures}, clients that went {dropped}"
        )?;
        for (violation, count) in &self.violations {
            let first = self.first.get(violation).copied().unwrap_or_default();
            writeln!(f, "  {violation:?}: {count}, first in round {first}")?;
        }
        Ok(())
    }
}
