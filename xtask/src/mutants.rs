//! `cargo xtask mutants`: breaks the published crates in a thousand small ways, and sees that
//! the tests notice.
//!
//! It takes about an hour, so it is no step of `ci`. Every mutant is caught but for those that
//! `.cargo/mutants.toml` leaves out, each with its reason: the survivors, which begin with the name of
//! a file. They are tried too, and one that is caught, or that is no mutant any more, is a failure.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use toml::Value;

use crate::command::Command;
use crate::manifest::{parse, value};
use crate::project::Project;
use crate::stop::{Stop, at};

const SETTINGS: &str = ".cargo/mutants.toml";

/// Of a hundred mutants that compile, how many must be caught.
const LEAST: usize = 95;

/// Not to try again what a run before it has caught.
const ITERATE: &str = "--iterate";

/// How cargo-mutants ends when something survived, and when only something ran for too long.
const SURVIVORS: [i32; 2] = [2, 3];

const CORE: &str = " -p singleflight-core";
const FRONT_ENDS: &str = " -p singleflight-std -p singleflight-tokio -p singleflight-smol";

/// One run over the same mutants. What a run before it has caught is not tried again.
struct Run {
    /// The packages that are broken.
    packages: &'static str,
    /// What cargo-mutants is told of the tests.
    options: &'static str,
    /// What `cargo test` is told, and the tests themselves.
    tests: &'static str,
}

/// The core first by its own quick tests; what survives, by its model; and what survives that, by
/// everything that uses it.
const RUNS: [Run; 4] = [
    Run {
        packages: CORE,
        options: "",
        tests: "--features std --lib --test it -- --skip sizes::",
    },
    Run {
        packages: CORE,
        options: ITERATE,
        tests: "--features std --test model",
    },
    Run {
        packages: CORE,
        // The baseline would be of the core alone, which has no such tests.
        options: "--iterate --baseline skip --test-package singleflight-core \
                  --test-package singleflight-std --test-package singleflight-tokio",
        tests: "--features singleflight-core/std,singleflight-tokio/tracing \
                --test it --test conformance --test tracing",
    },
    Run {
        packages: FRONT_ENDS,
        options: "",
        tests: "--tests",
    },
];

pub(crate) fn command(project: &Project, again: bool) -> Result<(), Stop> {
    if !Command::typed("cargo", "mutants --version").succeeds() {
        let why = "cargo-mutants is not installed: cargo install --locked cargo-mutants";
        return Stop::unable(why);
    }
    let survivors = survivors(&fs::read_to_string(SETTINGS).map_err(at(SETTINGS))?);
    let survivors = survivors.map_err(|why| Stop::Failed(format!("{SETTINGS}: {why}")))?;
    let target = project.target_for("mutants")?;
    let (all, known) = (format!("{target}/all"), format!("{target}/survivors"));

    let run = try_all(&all, again, &[])?;
    let missed = run.missed.iter();
    let mut findings: Vec<_> = missed.map(|mutant| format!("{mutant} survives")).collect();
    let known = try_all(&known, false, &survivors)?;
    for survivor in &survivors {
        let mutants = listed(survivor)?;
        if !mutants
            .lines()
            .any(|mutant| known.missed.iter().any(|missed| missed == mutant))
        {
            findings.push(format!("`{survivor}` is caught, or is no mutant any more"));
        }
    }
    judge(run.caught.len(), known.missed.len(), &findings)
}

/// What became of mutants over several runs.
#[derive(Default)]
struct Outcome {
    /// By name and place.
    caught: BTreeSet<String>,
    missed: Vec<String>,
}

/// Makes every run: over all mutants but for those that are left out, or over `only` these.
fn try_all(output: &str, again: bool, only: &[String]) -> Result<Outcome, Stop> {
    let mut outcome = Outcome::default();
    for (packages, runs) in [(CORE, &RUNS[..3]), (FRONT_ENDS, &RUNS[3..])] {
        let output = format!("{output}{}", packages.replace(' ', ""));
        if !again && Path::new(&output).is_dir() {
            fs::remove_dir_all(&output).map_err(at(&output))?;
        }
        fs::create_dir_all(&output).map_err(at(&output))?;
        for run in runs {
            run.command(&output, again, only).run_or(&SURVIVORS)?;
        }
        // It ran for too long, which its tests do not: caught.
        for file in ["caught", "timeout", "previously_caught"] {
            outcome.caught.extend(lines(&output, file)?);
        }
        outcome.missed.extend(lines(&output, "missed")?);
    }
    Ok(outcome)
}

impl Run {
    fn command(&self, output: &str, again: bool, only: &[String]) -> Command {
        let Self {
            packages,
            options,
            tests,
        } = self;
        let is_first = !options.contains(ITERATE);
        let again = if again && is_first { ITERATE } else { "" };
        let (settings, examined) = if only.is_empty() {
            ("", Vec::new())
        } else {
            let examined = only.iter().flat_map(|survivor| ["--re", survivor.as_str()]);
            ("--no-config --minimum-test-timeout 60", examined.collect())
        };
        let line = format!(
            "mutants{packages} {settings} --profile mutants --jobs 2 --timeout 60 \
             --output {output} {again} {options}"
        );
        let command = Command::typed("cargo", &line).args(examined).args(["--"]);
        command.args(tests.split_whitespace())
    }
}

/// The mutants that a survivor's line names.
fn listed(survivor: &str) -> Result<String, Stop> {
    let line = format!("mutants{CORE}{FRONT_ENDS} --no-config --list --re");
    let command = Command::typed("cargo", &line).args([survivor]).quietly();
    Ok(command.stdout()?.trim().to_owned())
}

/// Reads the survivors among what is left out.
fn survivors(settings: &str) -> Result<Vec<String>, String> {
    let settings = parse(settings)?;
    let left_out = value(&settings, &["exclude_re"]).and_then(Value::as_array);
    let left_out = left_out.ok_or("there is no `exclude_re`")?.iter();
    let names = left_out.filter_map(Value::as_str);
    Ok(names
        .filter(|name| name.contains("\\.rs"))
        .map(str::to_owned)
        .collect())
}

/// Returns the lines of a file that cargo-mutants may have written.
fn lines(output: &str, file: &str) -> Result<Vec<String>, Stop> {
    let path = format!("{output}/mutants.out/{file}.txt");
    if !Path::new(&path).is_file() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path).map_err(at(&path))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn judge(caught: usize, left_out: usize, findings: &[String]) -> Result<(), Stop> {
    let permille = caught * 1000 / (caught + left_out + findings.len()).max(1);
    let (whole, tenth) = (permille / 10, permille % 10);
    println!("{caught} caught, {left_out} left out as survivors: {whole}.{tenth} %");
    for finding in findings {
        println!("!!! {finding}");
    }
    if !findings.is_empty() {
        return Stop::failed(format!(
            "{SETTINGS} is wrong about {} mutants",
            findings.len()
        ));
    }
    if whole < LEAST {
        return Stop::failed(format!("fewer than {LEAST} % are caught"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survivors_are_told_from_twins() {
        let text = "exclude_re = [\n'seeded',\n# why\n'crates/a/src/b\\.rs:.*: replace \\+ with \\*$',\n]\n";
        let expected = r"crates/a/src/b\.rs:.*: replace \+ with \*$";
        assert_eq!(survivors(text), Ok(vec![expected.to_owned()]));
        assert!(survivors("[x]\n").is_err() && survivors("[x\n").is_err());
    }

    #[test]
    fn survivors_name_functions_that_are_there() {
        let settings = fs::read_to_string(format!("../{SETTINGS}")).expect("it is there");
        let survivors = survivors(&settings).expect("it can be read");
        assert!(!survivors.is_empty());
        for survivor in survivors {
            let (file, mutation) = survivor.split_once(":.*: ").expect("it names a file");
            let text = fs::read_to_string(format!("../{}", file.replace('\\', "")));
            let text = text.unwrap_or_else(|error| panic!("{file}: {error}"));
            let path = mutation.split_whitespace().find(|word| word.contains("::"));
            let name = path.and_then(|path| path.trim_end_matches('$').rsplit("::").next());
            let name = name.expect("it names a function");
            assert!(text.contains(&format!("fn {name}")), "{survivor}");
        }
    }

    #[test]
    fn survivors_are_few_and_known() {
        assert!(judge(99, 1, &[]).is_ok());
        let why = |caught, left_out, findings: &[String]| {
            judge(caught, left_out, findings)
                .expect_err("it is not good")
                .to_string()
        };
        assert_eq!(why(9, 1, &[]), "fewer than 95 % are caught");
        let unknown = "a.rs:1:2: one survives".to_owned();
        assert_eq!(
            why(99, 0, &[unknown]),
            format!("{SETTINGS} is wrong about 1 mutants")
        );
    }
}
