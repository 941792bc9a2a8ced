//! `cargo xtask mutants`: breaks the published crates in a thousand small ways, and sees that
//! the tests notice.
//!
//! It takes about an hour, so it is no step of `ci`. What survives is explained, mutant by
//! mutant, in a page; a survivor that is not, or one that has been caught since, is a failure.
//! `--again` tries only what survived the last time, by tests that were written since.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::command::Command;
use crate::project::Project;
use crate::stop::{Stop, at};
use crate::tidy::pages::quoted;

const PAGE: &str = "docs/mutants.md";

/// Of a hundred mutants that compile, how many must be caught.
const LEAST: usize = 95;

/// Not to try again what a run before it has caught.
const ITERATE: &str = "--iterate";

/// How cargo-mutants ends when something survived, and when only something ran for too long.
const SURVIVORS: [i32; 2] = [2, 3];

const CORE: &[&str] = &["singleflight-core"];

/// One run over the same mutants. What a run before it has caught is not tried again.
struct Run {
    /// The packages that are broken.
    packages: &'static [&'static str],
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
        options: "--iterate",
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
        packages: &[
            "singleflight-std",
            "singleflight-tokio",
            "singleflight-smol",
        ],
        options: "",
        tests: "--tests",
    },
];

/// What is known of mutants, by name and place.
#[derive(Debug, Default)]
struct Verdicts(BTreeMap<String, String>);

const CAUGHT: &str = "caught";
const SURVIVED: &str = "survived";
/// It does not compile.
const UNVIABLE: &str = "unviable";

/// How it ended. Survivors are named without their place, which moves.
#[derive(Debug, Default)]
struct Outcome {
    caught: usize,
    survived: Vec<String>,
}

pub(crate) fn command(project: &Project, again: bool) -> Result<(), Stop> {
    if !Command::typed("cargo", "mutants --version").succeeds() {
        let why = "cargo-mutants is not installed: cargo install --locked cargo-mutants";
        return Stop::unable(why);
    }
    let target = project.target_for("mutants")?;
    let core = format!("{target}/core");
    let fronts = format!("{target}/fronts");
    let mut verdicts = Verdicts::default();
    for output in [&core, &fronts] {
        if again {
            verdicts.load(output)?;
        } else if Path::new(output).is_dir() {
            fs::remove_dir_all(output).map_err(at(output))?;
        }
        fs::create_dir_all(output).map_err(at(output))?;
    }
    let mut all = BTreeSet::new();
    for (run, output) in RUNS.iter().zip([&core, &core, &core, &fronts]) {
        all.extend(run.list()?);
        // What survives is judged below.
        run.command(output, again).run_or(&SURVIVORS)?;
        verdicts.load(output)?;
        verdicts.save(output)?;
    }
    let page = fs::read_to_string(project.root().join(PAGE)).map_err(at(PAGE))?;
    verdicts.outcome(&all)?.judge(&page)
}

impl Run {
    fn packages(&self) -> String {
        let packages = self.packages.iter().map(|name| format!(" -p {name}"));
        packages.collect()
    }

    /// All mutants of its packages, by name and place.
    fn list(&self) -> Result<Vec<String>, Stop> {
        let line = format!("mutants{} --list", self.packages());
        let text = Command::typed("cargo", &line).stdout()?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn command(&self, output: &str, again: bool) -> Command {
        let again = if again && !self.options.contains(ITERATE) {
            ITERATE
        } else {
            ""
        };
        let packages = self.packages();
        Command::typed(
            "cargo",
            &format!(
                "mutants{packages} --profile mutants --jobs 2 --timeout 60 --output {output} {again} {} -- {}",
                self.options, self.tests
            ),
        )
    }
}

/// Where what is known is kept, beside what cargo-mutants writes: of what it has not tried again
/// it says only that it was caught, or that it was not viable.
fn kept(output: &str) -> String {
    format!("{output}/verdicts.txt")
}

impl Verdicts {
    /// Takes in what was kept, and what the last run says.
    fn load(&mut self, output: &str) -> Result<(), Stop> {
        let path = kept(output);
        if Path::new(&path).is_file() {
            for line in fs::read_to_string(&path).map_err(at(&path))?.lines() {
                let (verdict, mutant) = line.split_once(' ').unwrap_or_default();
                let known = self.0.entry(mutant.trim_start().to_owned());
                known.or_insert_with(|| verdict.to_owned());
            }
        }
        for (file, verdict) in [
            ("caught", CAUGHT),
            // It ran for too long, which its tests do not.
            ("timeout", CAUGHT),
            ("unviable", UNVIABLE),
            ("missed", SURVIVED),
        ] {
            let path = format!("{output}/mutants.out/{file}.txt");
            if Path::new(&path).is_file() {
                let text = fs::read_to_string(&path).map_err(at(&path))?;
                let mutants = text
                    .lines()
                    .map(|mutant| (mutant.to_owned(), verdict.to_owned()));
                self.0.extend(mutants);
            }
        }
        Ok(())
    }

    fn save(&self, output: &str) -> Result<(), Stop> {
        let lines = self.0.iter();
        let lines = lines.map(|(mutant, verdict)| format!("{verdict} {mutant}\n"));
        let text: String = lines.collect();
        let path = kept(output);
        fs::write(&path, text).map_err(at(&path))
    }

    /// Of all mutants that there are now. Each must have been tried.
    fn outcome(&self, all: &BTreeSet<String>) -> Result<Outcome, Stop> {
        let mut outcome = Outcome::default();
        for mutant in all {
            match self.0.get(mutant).map(String::as_str) {
                Some(CAUGHT) => outcome.caught += 1,
                Some(SURVIVED) => outcome.survived.push(without_place(mutant)),
                Some(UNVIABLE) => {}
                _ => return Stop::failed(format!("it was not tried: {mutant}")),
            }
        }
        Ok(outcome)
    }
}

impl Outcome {
    fn judge(&self, page: &str) -> Result<(), Stop> {
        let viable = self.caught + self.survived.len();
        let permille = self.caught * 1000 / viable.max(1);
        println!(
            "{} of {viable} viable mutants caught: {}.{} %",
            self.caught,
            permille / 10,
            permille % 10
        );
        let explained: Vec<_> = page.lines().flat_map(quoted).collect();
        let is_mutant = |name: &&str| name.starts_with("crates/");
        let unexplained = self
            .survived
            .iter()
            .filter(|mutant| !explained.contains(&mutant.as_str()));
        let stale = explained
            .iter()
            .copied()
            .filter(is_mutant)
            .filter(|mutant| !self.survived.iter().any(|survived| survived == mutant));
        let mut count = 0;
        for mutant in unexplained {
            println!("!!! survives, and {PAGE} does not say why: {mutant}");
            count += 1;
        }
        for mutant in stale {
            println!("!!! is caught, and {PAGE} explains why not: {mutant}");
            count += 1;
        }
        if permille < LEAST * 10 {
            return Stop::failed(format!("fewer than {LEAST} % are caught"));
        }
        match count {
            0 => Ok(()),
            _ => Stop::failed(format!("{PAGE} is wrong about {count} mutants")),
        }
    }
}

/// Takes line and column from `file:line:column: what`.
fn without_place(mutant: &str) -> String {
    let mut parts = mutant.splitn(4, ':');
    let (file, what) = (parts.next(), parts.nth(2));
    match (file, what) {
        (Some(file), Some(what)) => format!("{file}:{what}"),
        _ => mutant.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(caught: usize, survived: &[&str], page: &str) -> Result<(), String> {
        let outcome = Outcome {
            caught,
            survived: survived.iter().map(|name| (*name).to_owned()).collect(),
        };
        outcome.judge(page).map_err(|stop| stop.to_string())
    }

    const MUTANT: &str = "crates/a/src/b.rs: replace f with ()";

    #[test]
    fn places_move_and_are_not_compared() {
        assert_eq!(
            without_place("crates/a/src/b.rs:12:3: replace f with ()"),
            MUTANT
        );
        assert_eq!(
            without_place("a.rs:1:2: replace a::b with c::d in e::f"),
            "a.rs: replace a::b with c::d in e::f"
        );
    }

    #[test]
    fn what_there_is_must_have_been_tried() {
        let known = [
            ("a.rs:1:2: one", CAUGHT),
            ("a.rs:2:2: two", SURVIVED),
            ("a.rs:3:2: three", UNVIABLE),
            ("a.rs:9:2: gone", SURVIVED),
        ];
        let known = known.map(|(mutant, verdict)| (mutant.to_owned(), verdict.to_owned()));
        let verdicts = Verdicts(BTreeMap::from(known));
        let mut all: BTreeSet<_> = verdicts.0.keys().cloned().collect();
        all.remove("a.rs:9:2: gone");
        let outcome = verdicts.outcome(&all).expect("all were tried");
        assert_eq!(
            (outcome.caught, outcome.survived),
            (1, vec!["a.rs: two".to_owned()])
        );
        all.insert("a.rs:4:2: four".to_owned());
        let why = verdicts.outcome(&all).expect_err("one was not").to_string();
        assert_eq!(why, "it was not tried: a.rs:4:2: four");
    }

    #[test]
    fn survivors_are_explained_and_few() {
        let page = format!("- `{MUTANT}`: a hint only.\n- `not a mutant`\n");
        assert_eq!(judged(99, &[MUTANT], &page), Ok(()));
        let wrong = Err(format!("{PAGE} is wrong about 1 mutants"));
        assert_eq!(judged(99, &[MUTANT], ""), wrong, "not explained");
        assert_eq!(judged(99, &[], &page), wrong, "explained and caught");
        assert_eq!(
            judged(9, &[MUTANT], &page),
            Err("fewer than 95 % are caught".to_owned())
        );
    }
}
