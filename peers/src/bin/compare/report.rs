//! The report: a line for each comparison, a table for each figure, and the same as JSON,
//! Markdown and charts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::{fs, thread};

use serde_json::{Value, json};
use singleflight_peers::Wakes;

use crate::chart;
use crate::contest::Row;
use crate::figure::{Comparison, Drawn, Figure};
use crate::number::{rounded, short};
use crate::options::Options;

/// All figures so far.
pub(crate) struct Report {
    out: PathBuf,
    quick: bool,
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            out: options.out.clone(),
            quick: options.quick,
            figures: Vec::new(),
        }
    }

    /// Prints a figure and keeps it.
    pub(crate) fn add(&mut self, figure: Figure) {
        println!("\n{} ({}, less is better)", figure.title, figure.unit);
        print!("{}", table(&figure.rows));
        for comparison in &figure.comparisons {
            println!("{}", line(comparison));
        }
        self.figures.push(figure);
    }

    /// Writes everything to files.
    pub(crate) fn write(&self) -> io::Result<()> {
        fs::create_dir_all(&self.out)?;
        let put = |name: &str, text: String| fs::write(self.out.join(name), text);
        put("compare.json", format!("{:#}\n", self.json()))?;
        put("compare.md", self.markdown())?;
        for (name, svg) in self.charts() {
            put(&format!("{name}.svg"), svg)?;
        }
        let summary = self.summary();
        println!("\n{summary}");
        println!("the report is {}", self.out.join("compare.md").display());
        Ok(())
    }

    fn comparisons(&self) -> impl Iterator<Item = &Comparison> {
        self.figures.iter().flat_map(|figure| &figure.comparisons)
    }

    fn json(&self) -> Value {
        let all = self.comparisons().map(|comparison| {
            json!({
                "name": comparison.name,
                "ours": rounded(comparison.ours),
                "unit": comparison.unit,
                "peer": comparison.peer,
                "best": rounded(comparison.best),
                "ratio": rounded(comparison.ratio()),
                "bar": comparison.bar.map(rounded),
                "executions_per_call": comparison.executions_per_call,
            })
        });
        Value::Array(all.collect())
    }

    /// Tells which bars hold.
    fn summary(&self) -> String {
        let (mut held, mut missed) = (0, Vec::new());
        for comparison in self.comparisons() {
            match comparison.holds() {
                Some(true) => held += 1,
                Some(false) => missed.push(comparison),
                None => {}
            }
        }
        let mut text = format!("{held} bars hold, {} do not", missed.len());
        for Comparison { name, bar, .. } in &missed {
            let _infallible = write!(text, "\n  {name}: ");
            let ratio = missed.iter().find(|missed| missed.name == *name);
            let ratio = ratio.map_or(f64::NAN, |missed| missed.ratio());
            let bar = bar.unwrap_or(f64::NAN);
            let _infallible = write!(text, "ratio {ratio:.3}, bar {bar:.3}");
        }
        text
    }

    fn markdown(&self) -> String {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let rounds = if self.quick { "quick" } else { "full" };
        let mut text = format!(
            "# Ours beside its peers\n\nOne run ({rounds}) on {processors} processors. \
             Less is better in every figure. Values are medians of rounds in which all took \
             turns, with the quartiles in brackets.\n\n\
             | figure | ours | best | ratio | bar | holds |\n|---|---|---|---|---|---|\n"
        );
        for comparison in self.comparisons() {
            let (bar, holds) = match (comparison.bar, comparison.holds()) {
                (Some(bar), Some(true)) => (format!("{bar:.3}"), "yes"),
                (Some(bar), _) => (format!("{bar:.3}"), "**no**"),
                (None, _) => (String::new(), ""),
            };
            let _infallible = writeln!(
                text,
                "| {} | {} {} | {} by `{}` | {:.3} | {bar} | {holds} |",
                comparison.name,
                short(comparison.ours),
                comparison.unit,
                short(comparison.best),
                comparison.peer,
                comparison.ratio(),
            );
        }
        for figure in &self.figures {
            let chart = match &figure.drawn {
                Drawn::Bars => &figure.name,
                Drawn::Point { of, .. } => of,
            };
            let _infallible = write!(
                text,
                "\n## {}\n\nIn {}. ![{chart}]({chart}.svg)\n\n\
                 | | median | quartiles | executions per call | stale | overlapping | woken | |\n\
                 |---|---|---|---|---|---|---|---|\n",
                figure.title, figure.unit
            );
            for row in &figure.rows {
                let [value, spread, executions, stale, overlap, wakes] = cells(row);
                let _infallible = writeln!(
                    text,
                    "| `{}` | {value} | {spread} | {executions} | {stale} | {overlap} | {wakes} | {} |",
                    row.name, row.note
                );
            }
        }
        text
    }

    fn charts(&self) -> BTreeMap<String, String> {
        let mut charts = BTreeMap::new();
        let mut shared: BTreeMap<&String, Vec<&Figure>> = BTreeMap::new();
        for figure in &self.figures {
            match &figure.drawn {
                Drawn::Bars => {
                    charts.insert(figure.name.clone(), chart::bars(figure));
                }
                Drawn::Point { of, .. } => shared.entry(of).or_default().push(figure),
            }
        }
        for (name, figures) in shared {
            charts.insert(name.clone(), chart::lines(name, &figures));
        }
        charts
    }
}

fn line(comparison: &Comparison) -> String {
    let Comparison {
        name,
        ours,
        unit,
        peer,
        best,
        ..
    } = comparison;
    let (ours, best) = (short(*ours), short(*best));
    let mut line = format!(
        "figure {name} ours {ours} {unit} best {peer} {best} ratio {:.3}",
        comparison.ratio()
    );
    if let (Some(bar), Some(holds)) = (comparison.bar, comparison.holds()) {
        let word = if holds { "holds" } else { "DOES NOT HOLD" };
        let _infallible = write!(line, " bar {bar:.3} {word}");
    }
    if let Some(executions) = comparison.executions_per_call {
        let _infallible = write!(line, " executions/call {}", short(executions));
    }
    line
}

fn table(rows: &[Row]) -> String {
    let mut table = format!(
        "  {:<34} {:>10}  {:<19} {:>10} {:>7} {:>8}  {:<6}\n",
        "", "median", "quartiles", "exec/call", "stale", "overlap", "woken"
    );
    for row in rows {
        let [value, spread, executions, stale, overlap, wakes] = cells(row);
        let line = format!(
            "  {:<34} {value:>10}  {spread:<19} {executions:>10} {stale:>7} {overlap:>8}  {wakes:<6} {}",
            row.name, row.note
        );
        table += line.trim_end();
        table += "\n";
    }
    table
}

/// What the tables tell of a row.
fn cells(row: &Row) -> [String; 6] {
    let (low, high) = (short(row.spread.0), short(row.spread.1));
    let spread = if low == high {
        String::new()
    } else {
        format!("[{low} .. {high}]")
    };
    let (executions, stale, overlap) = match row.executions_per_call {
        Some(executions) => (
            short(executions),
            row.stale.to_string(),
            row.overlapping.to_string(),
        ),
        None => Default::default(),
    };
    let wakes = match row.wakes {
        Some(Wakes::All) => "all",
        Some(Wakes::Relay) => "relay",
        None => "",
    };
    [
        short(row.value),
        spread,
        executions,
        stale,
        overlap,
        wakes.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use singleflight_peers::Maker;

    use super::*;

    fn figure(ours: f64, peer: f64) -> Figure {
        let rows = vec![
            Row::plain("ours", Maker::Ours, ours),
            Row::plain("worse", Maker::Crate, peer * 2.0),
            Row::plain("peer", Maker::Crate, peer),
            Row::plain("table", Maker::Floor, 1.0),
        ];
        Figure::new("figure", "A figure", "ns", rows).against_peers(0.5)
    }

    fn report(figures: Vec<Figure>) -> Report {
        Report {
            out: PathBuf::new(),
            quick: true,
            figures,
        }
    }

    #[test]
    fn a_figure_is_one_line_and_one_entry() {
        let figure = figure(40.0, 100.0);
        assert_eq!(
            line(&figure.comparisons[0]),
            "figure figure.peer ours 40 ns best peer 100 ratio 0.400 bar 0.500 holds"
        );
        let expected = json!([{
            "name": "figure.peer", "ours": 40.0, "unit": "ns", "peer": "peer", "best": 100.0,
            "ratio": 0.4, "bar": 0.5, "executions_per_call": null,
        }]);
        assert_eq!(report(vec![figure]).json(), expected);
    }

    #[test]
    fn a_bar_that_does_not_hold_is_told() {
        let report = report(vec![figure(40.0, 100.0), figure(60.0, 100.0)]);
        let summary = "1 bars hold, 1 do not\n  figure.peer: ratio 0.600, bar 0.500";
        assert_eq!(report.summary(), summary);
        assert!(report.markdown().contains("| 0.600 | 0.500 | **no** |"));
    }
}
