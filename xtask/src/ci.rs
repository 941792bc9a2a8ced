//! `cargo xtask ci`: every check, each a list of commands that a person can type.

mod browser;
mod code;
pub(crate) mod dependencies;
mod features;
mod lowest;
mod metrics;
mod programs;
mod suites;

use crate::bare_metal;
use crate::chaos;
use crate::instructions;
use crate::messages;
use crate::models;
use crate::project::Project;
use crate::redis;
use crate::section::{Cost, Section, seconds};
use crate::stop::{Stop, named};
use crate::tidy;

/// One check. `about` is what stands in the help and above its output.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    run: fn(&Project) -> Result<(), Stop>,
}

pub(crate) const STEPS: &[Step] = &[
    step("fmt", "every file is formatted", code::fmt),
    step(
        "clippy",
        "no warning, under every feature set of the core",
        code::clippy,
    ),
    step(
        "rustdoc",
        "the documentation has no warning, private items included",
        code::rustdoc,
    ),
    step(
        "tests",
        "the tests pass, the core's under every feature set",
        suites::tests,
    ),
    step(
        "doctests",
        "the examples in documentation and pages run",
        suites::doctests,
    ),
    step(
        "messages",
        "the compiler tells common mistakes in words that help",
        messages::step,
    ),
    step(
        "no-std",
        "a program without std links, and not with it; the cache builds without",
        programs::no_std,
    ),
    step(
        "bare-metal",
        "firmware over the core runs on three boards, and a module under node",
        bare_metal::step,
    ),
    step(
        "loom",
        "the core's races hold in every interleaving, at 2 preemptions",
        models::loom_step,
    ),
    step(
        "shuttle",
        "crowds of callers hold in 5,000 schedules each",
        models::shuttle_step,
    ),
    step(
        "chaos",
        "20 s of calls at random on every front end, and 60 s of HTTP, break no promise",
        chaos::step,
    ),
    step(
        "redis",
        "a minute of processes at random over a Redis; its tests, if it is another one",
        redis::step,
    ),
    step(
        "examples",
        "the service does its job on every runtime, with fewer queries",
        programs::examples,
    ),
    step(
        "browser",
        "the stampede's live page works in Chromium, if it is at hand",
        browser::browser,
    ),
    step(
        "metrics",
        "the counts of groups reach every exporter, and the dashboard asks for no others",
        metrics::metrics,
    ),
    step(
        "benches",
        "the measurements build, and each runs once",
        programs::benches,
    ),
    step(
        "instructions",
        "calls cost as many instructions as they did, within 3 %, by valgrind",
        instructions::step,
    ),
    step(
        "tidy",
        "ladder, circles, heads, names and pages are as they should be",
        tidy::run,
    ),
    step(
        "deny",
        "bans, licences and sources, by cargo-deny if it is installed",
        dependencies::deny,
    ),
    step(
        "lowest",
        "the published crates do with the lowest versions that they ask for",
        lowest::lowest,
    ),
    step(
        "msrv",
        "the published crates build with Rust 1.85, if it is at hand",
        dependencies::msrv,
    ),
];

const fn step(
    name: &'static str,
    about: &'static str,
    run: fn(&Project) -> Result<(), Stop>,
) -> Step {
    Step { name, about, run }
}

/// How a step ended.
struct Row {
    name: &'static str,
    result: Result<(), Stop>,
    cost: Cost,
}

/// Runs steps. A step that is skipped is a failure where `no_skip` says so.
pub(crate) fn command(project: &Project, no_skip: bool, names: &[String]) -> Result<(), Stop> {
    let steps = chosen(names)?;
    let rows: Vec<_> = steps.iter().map(|step| perform(step, project)).collect();
    print!("{}", table(&rows));
    verdict(&rows, no_skip)
}

fn verdict(rows: &[Row], no_skip: bool) -> Result<(), Stop> {
    let all = |is_it: fn(&Row) -> bool| {
        let names: Vec<_> = rows
            .iter()
            .filter(|row| is_it(row))
            .map(|row| row.name)
            .collect();
        names.join(", ")
    };
    let failed = all(|row| matches!(row.result, Err(Stop::Failed(_))));
    let skipped = all(|row| matches!(row.result, Err(Stop::Unable(_))));
    if !failed.is_empty() {
        return Stop::failed(format!("failed: {failed}"));
    }
    if no_skip && !skipped.is_empty() {
        return Stop::failed(format!("skipped: {skipped}"));
    }
    Ok(())
}

/// Returns the steps that are named, in their own order, or all.
fn chosen(names: &[String]) -> Result<Vec<&'static Step>, Stop> {
    named("step", STEPS, |step| step.name, names)
}

fn perform(step: &Step, project: &Project) -> Row {
    let section = Section::open(step.name, step.about);
    let result = (step.run)(project);
    match &result {
        Ok(()) => {}
        Err(Stop::Failed(why)) => println!("!!! FAILED: {why}"),
        Err(Stop::Unable(why)) => println!("!!! SKIPPED: {why}"),
    }
    Row {
        name: step.name,
        result,
        cost: section.cost(),
    }
}

fn table(rows: &[Row]) -> String {
    let line = |name: &str, word: &str, cost: Cost, why: &str| {
        let (wall, processor) = (
            seconds(cost.wall),
            cost.processor.map_or_else(String::new, seconds),
        );
        let line = format!("{name:<12} {word:<8} {wall:>8} {processor:>10}  {why}");
        line.trim_end().to_owned() + "\n"
    };
    let mut table = format!(
        "\n{:<12} {:<8} {:>8} {:>10}  why\n",
        "step", "result", "time", "processor"
    );
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for Row { name, result, cost } in rows {
        let (count, word, why) = match result {
            Ok(()) => (&mut passed, "passed", ""),
            Err(Stop::Failed(why)) => (&mut failed, "FAILED", why.as_str()),
            Err(Stop::Unable(why)) => (&mut skipped, "skipped", why.as_str()),
        };
        *count += 1;
        table += &line(name, word, *cost, why);
    }
    table += &line("all", "", rows.iter().map(|row| row.cost).sum(), "");
    table + &format!("\n{passed} passed, {failed} failed, {skipped} skipped\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn steps_run_in_their_own_order() {
        let steps = chosen(&words("tidy fmt")).expect("both are known");
        let names: Vec<_> = steps.iter().map(|step| step.name).collect();
        assert_eq!(names, ["fmt", "tidy"]);
        let all = chosen(&[]).expect("none is unknown");
        assert_eq!(all.len(), STEPS.len());
    }

    #[test]
    fn the_page_for_contributors_names_every_step_in_order() {
        let page = include_str!("../../CONTRIBUTING.md").lines();
        let table = page
            .skip_while(|line| !line.starts_with("| step |"))
            .skip(2);
        let rows = table.take_while(|line| line.starts_with('|'));
        let told: Vec<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
        let steps: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(told, steps);
    }

    #[test]
    fn an_unknown_step_is_one_line_that_names_the_known_ones() {
        let Err(stop) = chosen(&words("fmt frobnicate")) else {
            panic!("there is no such step");
        };
        let text = stop.to_string();
        assert!(
            text.starts_with("unknown step `frobnicate`; there are fmt, clippy,"),
            "{text}"
        );
        assert!(!text.contains('\n'));
    }

    fn row(name: &'static str, result: Result<(), Stop>) -> Row {
        let cost = Cost {
            wall: Duration::from_millis(1_250),
            processor: Some(Duration::from_secs(2)),
        };
        Row { name, result, cost }
    }

    fn skipped() -> Result<(), Stop> {
        Stop::unable("not installed")
    }

    #[test]
    fn the_table_tells_each_step_and_counts_them() {
        let table = table(&[
            row("fmt", Ok(())),
            row("tests", Stop::failed("one broke")),
            row("deny", skipped()),
        ]);
        let expected = "
step         result       time  processor  why
fmt          passed      1.2 s      2.0 s
tests        FAILED      1.2 s      2.0 s  one broke
deny         skipped     1.2 s      2.0 s  not installed
all                      3.8 s      6.0 s

1 passed, 1 failed, 1 skipped
";
        assert_eq!(table, expected);
    }

    #[test]
    fn what_is_skipped_fails_only_if_nothing_may_be() {
        let rows = [row("fmt", Ok(())), row("deny", skipped())];
        assert!(verdict(&rows, false).is_ok() && verdict(&rows[..1], true).is_ok());
        let why = |rows: &[Row]| verdict(rows, true).expect_err("it may not").to_string();
        assert_eq!(why(&rows), "skipped: deny");
        assert_eq!(
            why(&[row("tests", Stop::failed("broke")), row("deny", skipped())]),
            "failed: tests"
        );
    }
}
