//! What is printed: one line for each subject in each course.

use std::fmt;

use singleflight_chaos::{Ability, Kind, Report};
use singleflight_peers::{About, Maker};

use crate::trial::Ended;

/// What became of one subject in one course.
pub(crate) struct Row {
    pub(crate) about: About,
    /// Who calls.
    pub(crate) front: &'static str,
    /// What was asked for.
    pub(crate) abilities: &'static [Ability],
    pub(crate) ended: Ended,
}

impl Row {
    fn is_right(&self) -> bool {
        matches!(&self.ended, Ended::Whole(report) if report.violations.total() == 0)
    }

    fn found(&self, kind: Kind) -> bool {
        matches!(&self.ended, Ended::Whole(report) if report.violations.count(kind) > 0)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let abilities = self.abilities.iter().map(|ability| format!("{ability:?}"));
        let abilities = or_none(abilities);
        line(f, [self.about.name, self.front, &abilities])?;
        match &self.ended {
            Ended::Whole(report) => figures(f, report),
            Ended::Stuck => f.write_str("the run did not end, and was left behind"),
            Ended::Panicked => f.write_str("the run panicked"),
        }
    }
}

fn line(f: &mut fmt::Formatter<'_>, [name, front, abilities]: [&str; 3]) -> fmt::Result {
    write!(f, "{name:<32} {front:<8} {abilities:<9} ")
}

#[expect(clippy::cast_precision_loss, reason = "a ratio is rounded anyway")]
fn figures(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let Report {
        calls,
        executions,
        violations,
        ..
    } = report;
    let per_call = *executions as f64 / (*calls).max(1) as f64;
    let hangs = violations.count(Kind::Hang);
    let others = Kind::ALL
        .into_iter()
        .filter(|kind| *kind != Kind::Hang && violations.count(*kind) > 0)
        .map(|kind| format!("{kind:?} {}", violations.count(kind)));
    let others = or_none(others);
    write!(
        f,
        "{calls:>9} {executions:>10} {per_call:>8.3} {hangs:>5}  {others}"
    )
}

fn or_none(words: impl Iterator<Item = String>) -> String {
    let words: Vec<_> = words.collect();
    if words.is_empty() {
        "-".to_owned()
    } else {
        words.join(", ")
    }
}

/// All that was tried.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Whether ours kept every promise, and was tried at all.
    pub(crate) fn is_ours_right(&self) -> bool {
        let ours = |row: &&Row| row.about.maker == Maker::Ours;
        let mut ours = self.rows.iter().filter(ours).peekable();
        ours.peek().is_some() && ours.all(Row::is_right)
    }
}

impl fmt::Display for Table {
    /// The rows, and in words what was found.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, ["subject", "callers", "abilities"])?;
        writeln!(f, "    calls executions per call hangs  other violations")?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        writeln!(f)?;
        for kind in Kind::ALL {
            if self.rows.iter().any(|row| row.found(kind)) {
                let name = format!("{kind:?}");
                writeln!(f, "  {name:<12} {}", kind.about())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use singleflight_chaos::{Answer, Blocking, Options, Setup, Subject, Work, run};
    use singleflight_peers::{BlockingPeer, OursBlocking, Peer, Uniflight};

    use super::*;

    /// Coalesces nothing.
    struct Alone;

    impl Subject for Alone {
        const NAME: &'static str = "alone";
        const ABILITIES: &'static [Ability] = &[];
    }

    impl Blocking for Alone {
        fn run(&self, _: u64, work: Work) -> Answer {
            work.run().into()
        }
    }

    /// What the chaos says of works that are not coalesced.
    fn wrong() -> Ended {
        let mut options = Options::new(Duration::from_mins(1), 1);
        options.rounds = 1;
        let make_setup = |_: &_| {
            let subject = Arc::new(Alone);
            Setup::of(&subject).threads(4, &subject)
        };
        Ended::Whole(Box::new(run(&options, &make_setup)))
    }

    fn table(rows: impl IntoIterator<Item = (About, Ended)>) -> Table {
        let rows = rows.into_iter().map(|(about, ended)| Row {
            about,
            front: "threads",
            abilities: &[],
            ended,
        });
        let rows = rows.collect();
        Table { rows }
    }

    const OURS: About = OursBlocking::ABOUT;
    const PEER: About = Uniflight::ABOUT;

    #[test]
    fn what_is_wrong_with_ours_counts_and_with_peers_is_told() {
        let right = || Ended::Whole(Box::default());
        let peer_is_wrong = table([(OURS, right()), (PEER, wrong()), (PEER, Ended::Stuck)]);
        assert!(peer_is_wrong.is_ours_right());
        let text = peer_is_wrong.to_string();
        assert!(text.contains("Overlap "), "{text}");
        assert!(text.contains("was left behind"), "{text}");
        for ended in [wrong(), Ended::Stuck, Ended::Panicked] {
            let ours_is_wrong = table([(OURS, ended), (OURS, right()), (PEER, right())]);
            assert!(!ours_is_wrong.is_ours_right(), "{ours_is_wrong}");
        }
        assert!(!table([(PEER, right())]).is_ours_right());
    }
}
