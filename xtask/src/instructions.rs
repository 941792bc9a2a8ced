//! `cargo xtask instructions`: what calls cost in instructions, held against what was committed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::command::Command;
use crate::project::{Project, cargo};
use crate::stop::{Stop, at};

/// What was counted when it was last blessed, and by which compiler.
const BASELINE: &str = "benches/instructions.json";

/// How far a count may be from its baseline, in percent.
const TOLERANCE: f64 = 3.0;

/// How many calls a count is of.
const CALLS: f64 = 1_000.0;

/// Counts by name.
type Counts = BTreeMap<String, u64>;

pub(crate) fn step(project: &Project) -> Result<(), Stop> {
    let compiler = compiler()?;
    let (blessed_by, baseline) = read(&file()?).map_err(Stop::Failed)?;
    if blessed_by != compiler {
        return Stop::unable(format!(
            "the baseline is of {blessed_by}, this is {compiler}: counts depend on the compiler"
        ));
    }
    let counts = count(project)?;
    let findings = findings(&baseline, &counts);
    print!("{}", table(&baseline, &counts));
    if findings.is_empty() {
        Ok(())
    } else {
        Stop::failed(findings.join("; "))
    }
}

pub(crate) fn bless(project: &Project) -> Result<(), Stop> {
    let (compiler, counts) = (compiler()?, count(project)?);
    print!("{}", table(&counts, &counts));
    let text = format!("{:#}\n", json!({ "compiler": compiler, "counts": counts }));
    fs::write(BASELINE, text).map_err(at(BASELINE))
}

/// Counts everything that the program can count.
fn count(project: &Project) -> Result<Counts, Stop> {
    if !Command::typed("valgrind", "--version").succeeds() {
        return Stop::unable("valgrind is not installed");
    }
    cargo("build --profile bench -p singleflight-benches --bin instructions").run()?;
    let program = project.target_for("release/instructions")?;
    let names = Command::new(&program, &program)
        .args(["--list"])
        .quietly()
        .stdout()?;
    let mut counts = Counts::new();
    for name in names.lines() {
        let valgrind = Command::typed(
            "valgrind",
            "--tool=callgrind --collect-atstart=no --toggle-collect=measured_* \
             --callgrind-out-file=/dev/null",
        );
        let (succeeded, text) = valgrind.args([program.as_str(), name]).try_output()?;
        let count = collected(&text).filter(|_| succeeded);
        let count =
            count.ok_or_else(|| Stop::Failed(format!("`{name}` was not counted: {text}")))?;
        counts.insert(name.to_owned(), count);
    }
    Ok(counts)
}

/// Finds the count in what valgrind prints. A count of nothing is none.
fn collected(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok().filter(|count| *count > 0)
}

/// Names the compiler and what it compiles for.
fn compiler() -> Result<String, Stop> {
    let text = Command::typed("rustc", "-vV").quietly().stdout()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    match (text.lines().next(), field("host: ")) {
        (Some(version), Some(host)) => Ok(format!("{version} for {host}")),
        _ => Stop::failed("rustc does not say what it is"),
    }
}

fn file() -> Result<String, Stop> {
    fs::read_to_string(BASELINE).map_err(|error| {
        let why = format!("{BASELINE}: {error}; `cargo xtask instructions --bless` makes it");
        Stop::Failed(why)
    })
}

fn read(text: &str) -> Result<(String, Counts), String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let compiler = value["compiler"].as_str();
    let compiler = compiler.ok_or_else(|| format!("{BASELINE} has no `compiler`"))?;
    let counts = serde_json::from_value(value["counts"].clone());
    let counts = counts.map_err(|error| format!("{BASELINE}: `counts`: {error}"))?;
    Ok((compiler.to_owned(), counts))
}

/// Says what is too far from its baseline, or on one side only.
fn findings(baseline: &Counts, counts: &Counts) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, count) in counts {
        match baseline.get(name) {
            None => findings.push(format!("`{name}` has no baseline")),
            Some(blessed) => {
                let moved = percent(*blessed, *count);
                if moved.abs() > TOLERANCE {
                    findings.push(format!("`{name}` moved by {moved:+.1} %"));
                }
            }
        }
    }
    let gone = baseline.keys().filter(|name| !counts.contains_key(*name));
    findings.extend(gone.map(|name| format!("`{name}` is counted no more")));
    findings
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn percent(blessed: u64, count: u64) -> f64 {
    (count as f64 / blessed as f64 - 1.0) * 100.0
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn table(baseline: &Counts, counts: &Counts) -> String {
    let mut table = format!("{:<14} {:>12} {:>9}\n", "", "instructions", "moved");
    for (name, count) in counts {
        let moved = baseline.get(name).map(|blessed| percent(*blessed, *count));
        let moved = moved.map_or_else(|| "new".to_owned(), |moved| format!("{moved:+.1} %"));
        let each = *count as f64 / CALLS;
        let _infallible = writeln!(table, "{name:<14} {each:>12.1} {moved:>9}");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> Counts {
        let counts = counts.iter();
        counts
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }

    #[test]
    fn the_count_is_found_in_what_valgrind_prints() {
        let text = "==7== Events    : Ir\n==7== Collected : 80123\n==7==\n";
        assert_eq!(collected(text), Some(80_123));
        assert_eq!(collected("==7== Collected : 0\n"), None);
        assert_eq!(collected("valgrind: no such program\n"), None);
    }

    #[test]
    fn what_has_moved_too_far_is_found_in_both_directions() {
        let baseline = counts(&[("a", 1_000), ("b", 1_000), ("c", 1_000), ("d", 1_000)]);
        let now = counts(&[("a", 1_029), ("b", 1_031), ("c", 960), ("e", 1)]);
        let expected = [
            "`b` moved by +3.1 %",
            "`c` moved by -4.0 %",
            "`e` has no baseline",
            "`d` is counted no more",
        ];
        assert_eq!(findings(&baseline, &now), expected);
        assert_eq!(findings(&baseline, &baseline), [""; 0]);
    }

    #[test]
    fn a_baseline_is_read_and_a_broken_one_is_not() {
        let text = r#"{"compiler": "rustc 1", "counts": {"a": 7}}"#;
        assert_eq!(read(text), Ok(("rustc 1".to_owned(), counts(&[("a", 7)]))));
        for broken in ["", "{}", r#"{"compiler": "rustc 1", "counts": {"a": "7"}}"#] {
            assert!(read(broken).is_err(), "{broken}");
        }
    }
}
