//! Steps that build programs and run them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::ci::features::WORKSPACE;
use crate::command::Command;
use crate::project::{Project, cargo, program};
use crate::stop::{Stop, at};

/// A program of its own workspace, without `std`.
const NO_STD: &str = "examples/no-std";

/// What the linker or the compiler says when `std` is in a program that brings its own panic
/// handler and no library. Any other failure proves nothing.
const STD_IS_THERE: [&str; 3] = [
    "duplicate lang item",
    "undefined reference to",
    "undefined symbol",
];

/// The service, by where cargo puts it.
pub(crate) const STAMPEDE: &str = "examples/stampede";

/// How long a program may run that should end in seconds.
const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) fn no_std(project: &Project) -> Result<(), Stop> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Stop::unable("the program is for Linux on x86_64");
    }
    if !Path::new(NO_STD).is_dir() {
        return Stop::failed(format!("{NO_STD} is missing"));
    }
    // A build of the workspace has `std` in it.
    cargo("check --locked -p singleflight-cache --no-default-features").run()?;
    // It is built from its own directory, where its own settings hold.
    let target = match project.target_for("no-std")? {
        below if Path::new(&below).is_relative() => format!("../../{below}"),
        elsewhere => elsewhere,
    };
    let build = format!("build --locked --release --target-dir {target}");
    cargo(&build).in_directory(NO_STD).run()?;
    cargo(&format!("run --locked --release --target-dir {target}"))
        .in_directory(NO_STD)
        .within(DEADLINE)
        .run()?;
    println!("and with std, which must fail to link:");
    let slipped = cargo(&format!("{build} --features std-slips-in")).in_directory(NO_STD);
    let (succeeded, text) = slipped.try_output()?;
    if succeeded {
        return Stop::failed("it still links when std slips in");
    }
    if let Some(line) = proof(&text) {
        println!("it does fail: {line}");
        return Ok(());
    }
    println!("{text}");
    let why = "it fails with std, but not because std is there";
    Stop::failed(why)
}

/// Returns the line that says that `std` is there.
fn proof(text: &str) -> Option<&str> {
    let line = text
        .lines()
        .find(|line| STD_IS_THERE.iter().any(|reason| line.contains(reason)))?;
    Some(line.trim())
}

pub(crate) fn examples(project: &Project) -> Result<(), Stop> {
    let target = project.target_for("stampede")?;
    fs::create_dir_all(&target).map_err(at(&target))?;
    let stampede = program(project, STAMPEDE)?;
    for runtime in ["threads", "tokio", "smol"] {
        let json = format!("{target}/{runtime}.json");
        let asked = format!(
            "--runtime {runtime} --clients 8 --requests 200 --keys 4 --json {json} \
             --chart {target}/{runtime}.svg"
        );
        Command::typed(&stampede, &asked).within(DEADLINE).run()?;
        let text = fs::read_to_string(&json).map_err(at(&json))?;
        let verdict = fewer_queries(&text).map_err(|why| Stop::Failed(format!("{json}: {why}")))?;
        println!("{runtime}: {verdict}");
    }
    Ok(())
}

/// Whether a report says that the group did its job: no errors, and fewer queries with it.
fn fewer_queries(report: &str) -> Result<String, String> {
    let report: Value = serde_json::from_str(report).map_err(|error| error.to_string())?;
    let figure = |run: &str, name: &str| {
        let value = report[run][name].as_u64();
        value.ok_or_else(|| format!("there is no number `{run}.{name}`"))
    };
    for run in ["without", "with"] {
        let errors = figure(run, "errors")?;
        if errors > 0 {
            return Err(format!("{errors} errors {run} a group"));
        }
    }
    let (without, with) = (figure("without", "queries")?, figure("with", "queries")?);
    if with < without {
        Ok(format!(
            "{without} queries without a group, {with} with one, no errors"
        ))
    } else {
        Err(format!(
            "{without} queries without a group, {with} with one"
        ))
    }
}

pub(crate) fn benches(_: &Project) -> Result<(), Stop> {
    // Run as tests, harnesses call each measurement once and measure nothing.
    cargo(&format!("test {WORKSPACE} --bench calls")).run()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(without: u32, with: u32, errors: u32) -> String {
        format!(
            "{{\"without\": {{\"queries\": {without}, \"errors\": 0}}, \
             \"with\": {{\"queries\": {with}, \"errors\": {errors}}}, \"runtime\": \"smol\"}}"
        )
    }

    #[test]
    fn a_report_with_fewer_queries_and_no_errors_is_good() {
        assert!(fewer_queries(&report(200, 20, 0)).is_ok());
    }

    #[test]
    fn a_report_of_anything_else_is_not() {
        for (report, why) in [
            (
                report(200, 200, 0),
                "200 queries without a group, 200 with one",
            ),
            (report(200, 20, 3), "3 errors with a group"),
            (
                "{\"with\": {}}".to_owned(),
                "there is no number `without.errors`",
            ),
        ] {
            assert_eq!(fewer_queries(&report), Err(why.to_owned()));
        }
        assert!(fewer_queries("no JSON").is_err());
    }

    #[test]
    fn only_the_right_failure_proves_that_std_was_absent() {
        let text = "note: x\n  error[E0152]: found duplicate lang item `panic_impl`\n";
        assert_eq!(
            proof(text),
            Some("error[E0152]: found duplicate lang item `panic_impl`")
        );
        assert_eq!(proof("error[E0425]: cannot find value `x`"), None);
    }
}
