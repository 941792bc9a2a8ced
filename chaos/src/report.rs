//! What a run came to.

use std::fmt;
use std::time::Duration;

use crate::history::{Completion, Ending, History};
use crate::order::Way;
use crate::refusal::Refusal;
use crate::violation::Violations;

/// What a run came to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// How many rounds there were.
    pub rounds: u64,
    /// How long callers called; checking what they saw is not counted.
    pub calling: Duration,
    /// Calls, each key of a batch being one.
    pub calls: u64,
    /// Works that began.
    pub executions: u64,
    /// Calls that were given up.
    pub given_up: u64,
    /// Works that panicked.
    pub panics: u64,
    /// Works that failed.
    pub faults: u64,
    /// Works that made a value that was their caller's own.
    pub private: u64,
    /// Works that were dropped before their end.
    pub dropped: u64,
    /// Calls that were told of the panic of another's work.
    pub told: u64,
    /// Calls, each key of a batch being one, that kept the fault of their own work.
    pub kept: u64,
    /// Calls that were told of failures in a row.
    pub out_of_tries: u64,
    /// Calls that were told that the last value was not shared.
    pub not_shared: u64,
    /// Keys that the works of batches did not return.
    pub not_returned: u64,
    /// Calls that did not come in time.
    pub timed_out: u64,
    /// Calls from inside their own work that were refused.
    pub reentrant: u64,
    /// Calls that were refused for another reason.
    pub refused: u64,
    /// Keys of batches.
    pub batched: u64,
    /// Calls that had a task or thread of their own.
    pub spawned: u64,
    /// Times that flights were forgotten, or grew too old.
    pub retired: u64,
    /// Times that a group was closed among calls.
    pub closed: u64,
    /// Whether live bytes could be compared at the end of every round but the first.
    pub bytes_compared: bool,
    /// What was wrong.
    pub violations: Violations,
}

impl Report {
    /// Adds what a round's history tells.
    pub(crate) fn add(&mut self, history: &History) {
        self.calls += history.calls.len() as u64;
        self.executions += history.executions.len() as u64;
        self.retired += history.retirements.len() as u64;
        self.closed += u64::from(history.closing.is_some());
        for execution in &history.executions {
            match execution.result {
                Completion::Panic => self.panics += 1,
                Completion::Fault => self.faults += 1,
                Completion::Private => self.private += 1,
                Completion::Dropped => self.dropped += 1,
                Completion::Value | Completion::Omitted => {}
            }
        }
        for call in &history.calls {
            match call.order.way {
                Way::Batch => self.batched += 1,
                way => self.spawned += u64::from(way.is_spawned()),
            }
            match &call.ending {
                Ending::GivenUp => self.given_up += 1,
                Ending::Panicked(_) => self.told += 1,
                Ending::Failed(_) => self.kept += 1,
                Ending::Refused(Refusal::TooManyFailures(_)) => self.out_of_tries += 1,
                Ending::Refused(Refusal::NotShared) => self.not_shared += 1,
                Ending::Refused(Refusal::NotReturned) => self.not_returned += 1,
                Ending::Refused(Refusal::TimedOut) => self.timed_out += 1,
                Ending::Refused(Refusal::Reentrant) => self.reentrant += 1,
                Ending::Refused(_) => self.refused += 1,
                Ending::Answered(_) | Ending::Thrown(_) | Ending::Damaged => {}
            }
        }
    }

    /// Returns how many calls there were in a second.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is rounded anyway"
    )]
    pub fn calls_per_second(&self) -> u64 {
        let seconds = self.calling.as_secs_f64();
        if seconds > 0.0 {
            (self.calls as f64 / seconds) as u64
        } else {
            0
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = [
            ("rounds", self.rounds),
            ("calls", self.calls),
            ("calls per second", self.calls_per_second()),
            ("calls given up", self.given_up),
            ("calls in time-out", self.timed_out),
            ("calls told of a panic", self.told),
            ("calls that kept a fault", self.kept),
            ("calls told of failures", self.out_of_tries),
            ("calls told of a private value", self.not_shared),
            ("calls not returned", self.not_returned),
            ("calls re-entrant", self.reentrant),
            ("calls refused", self.refused),
            ("calls spawned", self.spawned),
            ("calls of batches", self.batched),
            ("executions", self.executions),
            ("works that panicked", self.panics),
            ("works that failed", self.faults),
            ("works with a private value", self.private),
            ("works dropped", self.dropped),
            ("times forgotten or too old", self.retired),
            ("times closed", self.closed),
            ("violations", self.violations.total()),
        ];
        for (name, figure) in figures {
            writeln!(f, "  {name:<30} {figure:>12}")?;
        }
        let bytes = if self.bytes_compared {
            "compared"
        } else {
            "not compared"
        };
        writeln!(f, "  live bytes {bytes}")?;
        self.violations.fmt(f)
    }
}
