//! What a checker finds.

use std::fmt;

/// What can be wrong. The table of all is [`ALL`](Self::ALL).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// P1: two executions of a key at once, and no `forget` or age between them.
    Overlap,
    /// P2: a call was answered from a flight whose result somebody had, or which a newer one
    /// had replaced, before the call began.
    Stale,
    /// P5: an answer that no execution made: a success of a work that did not succeed, a
    /// value for another key, a value of nothing.
    Fabricated,
    /// A call was answered before the execution that it was answered from was over.
    Early,
    /// A work ended, and the call that it belongs to got something else.
    Robbed,
    /// P4: the panic of a call's own work did not reach it.
    Swallowed,
    /// A call is told that it led, or that it did not, and the opposite is true.
    Role,
    /// A call was left without a value, and nothing that happened is a reason.
    Unfounded,
    /// A fault or a value reached another caller than the one whose own it was.
    Shared,
    /// A call was let in after the group was closed.
    LetIn,
    /// A work was told wrongly whether it was forgotten.
    Fence,
    /// P3: a call did not end.
    Hang,
    /// A call was not answered exactly once, or for a key that it did not ask for.
    NotOnce,
    /// P6: something is in flight, and nobody calls.
    InFlight,
    /// P6: a value was not dropped, or more than once.
    Values,
    /// P6: memory was not given back.
    Bytes,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Overlap,
        Self::Stale,
        Self::Fabricated,
        Self::Early,
        Self::Robbed,
        Self::Swallowed,
        Self::Role,
        Self::Unfounded,
        Self::Shared,
        Self::LetIn,
        Self::Fence,
        Self::Hang,
        Self::NotOnce,
        Self::InFlight,
        Self::Values,
        Self::Bytes,
    ];

    /// Says it in a line of a report.
    pub fn about(self) -> &'static str {
        match self {
            Self::Overlap => "two executions of a key at once",
            Self::Stale => "answered from a flight that was over",
            Self::Fabricated => "answered with what no execution made",
            Self::Early => "answered before the execution was over",
            Self::Robbed => "did not get what its own work made",
            Self::Swallowed => "did not get the panic of its own work",
            Self::Role => "told a role that it did not have",
            Self::Unfounded => "without a value and without a reason",
            Self::Shared => "got what was another caller's own",
            Self::LetIn => "let in after the group was closed",
            Self::Fence => "told wrongly whether it was forgotten",
            Self::Hang => "did not end",
            Self::NotOnce => "not answered exactly once",
            Self::InFlight => "left in flight",
            Self::Values => "values not dropped, or twice",
            Self::Bytes => "memory not given back",
        }
    }
}

/// How many of each kind are told in detail.
const EXAMPLES: u64 = 3;

/// What was found, counted by kind, with a few examples of each.
#[derive(Debug, Default)]
pub struct Violations {
    counts: [u64; Kind::ALL.len()],
    examples: Vec<(Kind, String)>,
}

impl Violations {
    /// Adds one; `text` is asked for only if it is going to be told.
    pub(crate) fn add(&mut self, kind: Kind, text: impl FnOnce() -> String) {
        let count = &mut self.counts[kind as usize];
        *count += 1;
        if *count <= EXAMPLES {
            self.examples.push((kind, text()));
        }
    }

    /// Returns how much memory it takes beside itself.
    pub(crate) fn bytes(&self) -> usize {
        let texts = self.examples.iter().map(|(_, text)| text.capacity());
        self.examples.capacity() * size_of::<(Kind, String)>() + texts.sum::<usize>()
    }

    /// Returns how many there are of a kind.
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// Returns how many there are.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl fmt::Display for Violations {
    /// One line for each kind that there is, then the examples.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for kind in Kind::ALL.into_iter().filter(|kind| self.count(*kind) > 0) {
            let name = format!("{kind:?}");
            writeln!(f, "  {name:<12} {:>10}  {}", self.count(kind), kind.about())?;
        }
        for (kind, text) in &self.examples {
            writeln!(f, "  for example {kind:?}: {text}")?;
        }
        Ok(())
    }
}
