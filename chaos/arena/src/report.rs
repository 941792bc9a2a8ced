//! What is asked of a history, and what it shows.

use std::collections::BTreeMap;
use std::fmt;

/// What the calls were set up with.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "this workspace alone reads it")]
pub struct Limits {
    /// The lease, in nanoseconds.
    pub lease: u64,
    /// How long a call may take at most, in nanoseconds.
    pub longest: u64,
    /// Whether the history goes to the end of every call.
    pub is_complete: bool,
}

/// What must not be.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "this workspace alone reads it")]
pub enum Rule {
    /// A value of another key, or of no execution.
    Wrong,
    /// A value that somebody had received before the call began.
    Stale,
    /// A value that is older than one that somebody had received before the call began.
    Older,
    /// A value from before a forget that had returned before the call began.
    BeforeForget,
    /// A call that was answered twice.
    Twice,
    /// A call that was never answered.
    Never,
    /// A call that took too long.
    Late,
    /// Two works at once of one key, and nothing that covers it.
    TwoAtOnce,
    /// Two works at once that were both told that they landed.
    BothLanded,
    /// Two works that landed one after another, and the later has the lower token.
    Tokens,
    /// Keys that were left in the server.
    KeysLeft,
}

/// One of them.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "this workspace alone reads it")]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// Where.
    pub text: String,
}

/// What a history holds.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "this workspace alone reads it")]
pub struct Report {
    /// What must not be.
    pub violations: Vec<Violation>,
    /// Calls that began.
    pub calls: usize,
    /// Calls that were answered with a value.
    pub answered: usize,
    /// Answers from an execution of another call.
    pub shared: usize,
    /// Answers that say that they were made alone.
    pub alone: usize,
    /// Works that began.
    pub executions: usize,
    /// Answers by the lease that they were told: landed, lost, unknown.
    pub leases: [usize; 3],
    /// Two at once that something covers, by what.
    pub covered: BTreeMap<&'static str, usize>,
    /// Calls without a value, by why.
    pub without: BTreeMap<String, usize>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [landed, lost, unknown] = self.leases;
        let share = self.shared * 100 / self.answered.max(1);
        writeln!(
            f,
            "calls {}, answered {}, of them {} % by another call's work; works {}",
            self.calls, self.answered, share, self.executions
        )?;
        writeln!(
            f,
            "told: landed {landed}, lost {lost}, unknown {unknown}, alone {}",
            self.alone
        )?;
        writeln!(f, "two at once, covered: {:?}", self.covered)?;
        writeln!(f, "without a value: {:?}", self.without)?;
        let mut rules: BTreeMap<Rule, Vec<&str>> = BTreeMap::new();
        for violation in &self.violations {
            rules
                .entry(violation.rule)
                .or_default()
                .push(&violation.text);
        }
        for (rule, texts) in rules {
            writeln!(f, "!!! {rule:?}: {} times", texts.len())?;
            for text in texts.iter().take(3) {
                writeln!(f, "    {text}")?;
            }
        }
        Ok(())
    }
}
