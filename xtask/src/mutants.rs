//! `cargo xtask mutants`: breaks the published crates in a thousand small ways, and sees that
//! the tests notice.
//!
//! It takes about an hour, so it is no step of `ci`. What survives is explained, mutant by
//! mutant, in a page; a survivor that is not, or one that has been caught since, is a failure.
//! `--again` tries only what survived the last time, by tests that were written since.

use std::fs;
use std::path::Path;

use crate::command::Command;
use crate::project::Project;
use crate::stop::Stop;
use crate::tidy::quoted;

const PAGE: &str = "docs/mutants.md";

/// Of a hundred mutants that compile, how many must be caught.
const LEAST: usize = 95;

/// Not to try again what a run before it has caught.
const ITERATE: &str = "--iterate";

/// How cargo-mutants ends when something survived, and when only something ran for too long.
const SURVIVORS: [i32; 2] = [2, 3];

/// One run over the same mutants. What a run before it has caught is not tried again.
struct Run {
    /// The packages that are broken.
    packages: &'static [&'static str],
    /// What cargo-mutants is told of the tests.
    options: &'static str,
    /// What `cargo test` is told, and the tests themselves.
    tests: &'static str,
}

/// The core first by its own quick tests; what survives, by everything that uses it.
const RUNS: [Run; 3] = [
    Run {
        packages: &["singleflight-core"],
        options: "",
        tests: "--features std --lib --test it -- --skip sizes::",
    },
    Run {
        packages: &["singleflight-core"],
        options: "--iterate --test-package singleflight-core \
                  --test-package singleflight-std --test-package singleflight-tokio",
        tests: "--features singleflight-core/std,singleflight-tokio/tracing \
                --lib --test it --test model --test conformance --test tracing",
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

/// How a run ended: mutants by name, without the place in their file, which moves.
#[derive(Debug, Default)]
struct Outcome {
    caught: usize,
    survived: Vec<String>,
}

pub(crate) fn command(project: &Project, arguments: &[String]) -> Result<(), Stop> {
    let again = match arguments {
        [] => false,
        [word] if word == "--again" => true,
        [word, ..] => return Err(Stop::Unable(format!("unknown option `{word}`"))),
    };
    if !Command::typed("cargo", "mutants --version").succeeds() {
        let why = "cargo-mutants is not installed: cargo install --locked cargo-mutants";
        return Err(Stop::Unable(why.to_owned()));
    }
    let target = project.target_for("mutants")?;
    let core = format!("{target}/core");
    let fronts = format!("{target}/fronts");
    for output in [&core, &fronts] {
        let failed = |error| Stop::Failed(format!("{output}: {error}"));
        if Path::new(output).is_dir() && !again {
            fs::remove_dir_all(output).map_err(failed)?;
        }
        fs::create_dir_all(output).map_err(failed)?;
    }
    for (run, output) in RUNS.iter().zip([&core, &core, &fronts]) {
        // What survives is judged below.
        run.command(output, again).run_or(&SURVIVORS)?;
    }
    let mut outcome = Outcome::default();
    for output in [&core, &fronts] {
        outcome.read(Path::new(output))?;
    }
    let page = fs::read_to_string(project.root().join(PAGE))
        .map_err(|error| Stop::Failed(format!("{PAGE}: {error}")))?;
    outcome.judge(&page)
}

impl Run {
    fn command(&self, output: &str, again: bool) -> Command {
        let again = if again && !self.options.contains(ITERATE) {
            ITERATE
        } else {
            ""
        };
        let packages = self.packages.iter().map(|name| format!(" -p {name}"));
        let packages: String = packages.collect();
        Command::typed(
            "cargo",
            &format!(
                "mutants{packages} --profile mutants --jobs 2 --timeout 60 --output {output} {again} {} -- {}",
                self.options, self.tests
            ),
        )
    }
}

impl Outcome {
    fn read(&mut self, output: &Path) -> Result<(), Stop> {
        let list = |name: &str| {
            let path = output.join("mutants.out").join(name);
            fs::read_to_string(&path)
                .map_err(|error| Stop::Failed(format!("{}: {error}", path.display())))
        };
        for name in ["caught.txt", "timeout.txt"] {
            self.caught += list(name)?.lines().count();
        }
        // A second run begins with what the first has caught.
        self.caught += list("previously_caught.txt").map_or(0, |text| text.lines().count());
        self.survived
            .extend(list("missed.txt")?.lines().map(without_place));
        Ok(())
    }

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
            return Err(Stop::Failed(format!("fewer than {LEAST} % are caught")));
        }
        match count {
            0 => Ok(()),
            _ => Err(Stop::Failed(format!(
                "{PAGE} is wrong about {count} mutants"
            ))),
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
