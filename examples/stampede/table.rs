//! The table for people.

use std::fmt;

use crate::tally::Run;

/// Stands where there is no number.
const NONE: &str = "-";

/// The runs, one line each.
#[derive(Debug)]
pub(crate) struct Table<'a>(pub(crate) &'a [&'a Run]);

const HEADS: [&str; 9] = [
    "",
    "requests",
    "queries",
    "queries/request",
    "p50 ms",
    "p99 ms",
    "max ms",
    "errors",
    "wall s",
];

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![HEADS.map(str::to_owned)];
        lines.extend(self.0.iter().map(|run| cells(run)));
        let widths: [usize; HEADS.len()] = std::array::from_fn(|column| {
            lines
                .iter()
                .map(|line| line[column].len())
                .max()
                .unwrap_or(0)
        });
        for line in &lines {
            write!(f, "{:<width$}", line[0], width = widths[0])?;
            for (cell, width) in line.iter().zip(widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn cells(run: &Run) -> [String; HEADS.len()] {
    let tally = &run.tally;
    let latency = |share| match tally.answered() {
        0 => NONE.to_owned(),
        _ => ratio(tally.within(share), 1_000, 1),
    };
    [
        run.name.to_owned(),
        tally.requests().to_string(),
        run.queries.to_string(),
        ratio(run.queries, tally.requests(), 3),
        latency(500),
        latency(990),
        latency(1_000),
        tally.errors().to_string(),
        format!("{:.2}", tally.wall().as_secs_f64()),
    ]
}

/// Writes a ratio with so many decimals, or a dash if there is none.
#[expect(
    clippy::cast_precision_loss,
    reason = "it is rounded for reading anyway"
)]
pub(crate) fn ratio(part: u64, whole: u64, decimals: usize) -> String {
    if whole == 0 {
        NONE.to_owned()
    } else {
        format!("{:.decimals$}", part as f64 / whole as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::tally::Run;
    use crate::tally::tests::run;

    #[test]
    fn columns_are_aligned() {
        let (without, with) = (
            run("without a group", 3, &[10, 20, 1_234]),
            Run::new("with a group"),
        );
        assert_eq!(
            Table(&[&without, &with]).to_string(),
            "                 requests  queries  queries/request  p50 ms  p99 ms  max ms  errors  wall s\n\
             without a group         3        3            1.000    20.0  1234.0  1234.0       0    1.50\n\
             with a group            0        0                -       -       -       -       0    0.00\n"
        );
    }
}
