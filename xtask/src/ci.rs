//! `cargo xtask ci`: every check, each a list of commands that a person can type.

mod code;
mod dependencies;
mod lowest;
mod programs;
mod suites;

use std::time::Duration;

use crate::bare_metal;
use crate::chaos;
use crate::command::Command;
use crate::instructions;
use crate::models;
use crate::project::Project;
use crate::section::{Section, seconds};
use crate::stop::{Stop, named};
use crate::tidy;

/// One check. `about` is what stands in the help and above its output.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    run: fn(&Project) -> Result<(), Stop>,
}

pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "every file is formatted",
        run: code::fmt,
    },
    Step {
        name: "clippy",
        about: "no warning, under every feature set of the core",
        run: code::clippy,
    },
    Step {
        name: "rustdoc",
        about: "the documentation has no warning, private items included",
        run: code::rustdoc,
    },
    Step {
        name: "tests",
        about: "the tests pass, the core's under every feature set",
        run: suites::tests,
    },
    Step {
        name: "doctests",
        about: "the examples in documentation and pages run",
        run: suites::doctests,
    },
    Step {
        name: "no-std",
        about: "a program without std links and runs, and does not link with it",
        run: programs::no_std,
    },
    Step {
        name: "bare-metal",
        about: "firmware over the core runs on three boards, and a module under node",
        run: bare_metal::step,
    },
    Step {
        name: "loom",
        about: "the core's races hold in every interleaving, at 2 preemptions",
        run: models::loom_step,
    },
    Step {
        name: "shuttle",
        about: "crowds of callers hold in 5,000 schedules each",
        run: models::shuttle_step,
    },
    Step {
        name: "wakers",
        about: "scenarios and models hold over the other way to sleep, too",
        run: suites::wakers,
    },
    Step {
        name: "chaos",
        about: "20 s of calls at random on every front end, and 60 s of HTTP, break no promise",
        run: chaos::step,
    },
    Step {
        name: "examples",
        about: "the service does its job on every runtime, with fewer queries",
        run: programs::examples,
    },
    Step {
        name: "benches",
        about: "the measurements build, and each runs once",
        run: programs::benches,
    },
    Step {
        name: "instructions",
        about: "calls cost as many instructions as they did, within 3 %, by valgrind",
        run: instructions::step,
    },
    Step {
        name: "tidy",
        about: "ladder, heads, names, licences and pages are as they should be",
        run: tidy::run,
    },
    Step {
        name: "deny",
        about: "bans, licences and sources, by cargo-deny if it is installed",
        run: dependencies::deny,
    },
    Step {
        name: "lowest",
        about: "the published crates do with the lowest versions that they ask for",
        run: lowest::lowest,
    },
    Step {
        name: "msrv",
        about: "the published crates build with Rust 1.85, if it is at hand",
        run: dependencies::msrv,
    },
];

/// The feature sets of the core that are checked one by one. A build of the workspace
/// unifies features, so it says nothing about the core without `std`.
const FEATURE_SETS: [&str; 6] = [
    "",
    "std",
    "critical-section",
    "critical-section,std",
    "portable-atomic",
    "tracing",
];

/// Returns the options that build the core alone with these features.
fn core_with(features: &str) -> String {
    match features {
        "" => "-p singleflight-core".to_owned(),
        _ => format!("-p singleflight-core --features {features}"),
    }
}

/// Runs every command, also after one that failed: whoever has to mend it sees all of it.
fn run_all(commands: impl IntoIterator<Item = Command>) -> Result<(), Stop> {
    let mut failures = Vec::new();
    for command in commands {
        match command.run() {
            Ok(()) => {}
            Err(Stop::Failed(why)) => {
                println!("!!! {why}");
                failures.push(why);
            }
            Err(stop) => return Err(stop),
        }
    }
    match failures.as_slice() {
        [] => Ok(()),
        [why] => Stop::failed(why.clone()),
        [first, ..] => {
            let count = failures.len();
            Stop::failed(format!("{count} commands failed, first {first}"))
        }
    }
}

/// How a step ended.
struct Row {
    name: &'static str,
    result: Result<(), Stop>,
    time: Duration,
}

pub(crate) fn command(project: &Project, arguments: &[String]) -> Result<(), Stop> {
    let steps = chosen(arguments)?;
    let rows: Vec<_> = steps.iter().map(|step| perform(step, project)).collect();
    print!("{}", table(&rows));
    let failed: Vec<_> = rows
        .iter()
        .filter(|row| matches!(row.result, Err(Stop::Failed(_))))
        .map(|row| row.name)
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Stop::failed(format!("failed: {}", failed.join(", ")))
    }
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
        time: section.elapsed(),
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = format!("\n{:<10} {:<8} {:>8}  why\n", "step", "result", "time");
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for Row { name, result, time } in rows {
        let (count, word, why) = match result {
            Ok(()) => (&mut passed, "passed", ""),
            Err(Stop::Failed(why)) => (&mut failed, "FAILED", why.as_str()),
            Err(Stop::Unable(why)) => (&mut skipped, "skipped", why.as_str()),
        };
        *count += 1;
        let line = format!("{name:<10} {word:<8} {:>8}  {why}", seconds(*time));
        table += line.trim_end();
        table += "\n";
    }
    table + &format!("\n{passed} passed, {failed} failed, {skipped} skipped\n")
}

#[cfg(test)]
mod tests {
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

    #[test]
    #[cfg(unix)]
    fn a_command_that_fails_does_not_keep_the_next_from_running() {
        let silent = |program, line| Command::typed(program, line).quietly();
        let stop = run_all([
            silent("false", "1"),
            silent("true", ""),
            silent("false", "2"),
        ]);
        let text = stop.expect_err("two of them fail").to_string();
        assert_eq!(text, "2 commands failed, first `false 1`: exit status: 1");
        assert!(run_all([silent("true", "")]).is_ok());
    }

    #[test]
    fn the_table_tells_each_step_and_counts_them() {
        let row = |name, result| Row {
            name,
            result,
            time: Duration::from_millis(1_250),
        };
        let table = table(&[
            row("fmt", Ok(())),
            row("tests", Err(Stop::Failed("one broke".to_owned()))),
            row("deny", Err(Stop::Unable("not installed".to_owned()))),
        ]);
        let expected = "
step       result       time  why
fmt        passed      1.2 s
tests      FAILED      1.2 s  one broke
deny       skipped     1.2 s  not installed

1 passed, 1 failed, 1 skipped
";
        assert_eq!(table, expected);
    }
}
