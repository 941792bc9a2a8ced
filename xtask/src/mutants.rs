//! `cargo xtask mutants`: breaks the published crates in three thousand small ways, and sees that
//! the tests notice.
//!
//! It takes hours, so it is no step of `ci`, and each part can be tried by itself: `cargo xtask mutants
//! cache`; `--again` goes on where a run was interrupted. Every mutant is caught but for those that
//! `.cargo/mutants.toml` leaves out, each with its reason: the survivors, which begin with the name of
//! a file. They are tried too, and one that is caught, or that is no mutant any more, is a failure.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::ValueEnum;
use toml::Value;

use crate::command::Command;
use crate::manifest::{parse, value};
use crate::project::Project;
use crate::redis;
use crate::stop::{Stop, at};

const SETTINGS: &str = ".cargo/mutants.toml";

/// Of a hundred mutants that compile, how many must be caught.
const LEAST: usize = 95;

/// Not to try again what a run before it has caught.
const ITERATE: &str = "--iterate";

/// How cargo-mutants ends when something survived, and when only something ran for too long.
const SURVIVORS: [i32; 2] = [2, 3];

/// What is broken at one time.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Part {
    Core,
    FrontEnds,
    Tower,
    Redis,
    Cache,
    Metrics,
}

/// One run over the mutants of a part. What a run before it has caught is not tried again.
struct Run {
    /// What cargo-mutants is told of the tests.
    options: &'static str,
    /// The seconds that tests have: many times what they take. Mutants that hang leave a processor to a third job.
    within: u32,
    /// What `cargo test` is told, and the tests themselves.
    tests: &'static str,
}

impl Part {
    const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Core => &["core"],
            Self::FrontEnds => &["std", "tokio", "smol"],
            Self::Tower => &["tower"],
            Self::Redis => &["redis"],
            Self::Cache => &["cache"],
            Self::Metrics => &["metrics"],
        }
    }

    /// The quickest tests first. What survives them is tried by those that take longer.
    const fn runs(self) -> &'static [Run] {
        match self {
            Self::Core => &[
                Run {
                    options: "",
                    within: 20,
                    tests: "--features std --lib --test it -- --skip sizes::",
                },
                // It wakes in another way then.
                Run {
                    options: ITERATE,
                    within: 20,
                    tests: "--features critical-section,std --lib --test it -- --skip sizes::",
                },
                Run {
                    options: ITERATE,
                    within: 60,
                    tests: "--features std --test model",
                },
                // Where a number wraps that has become too small.
                Run {
                    options: "--iterate --profile release",
                    within: 20,
                    tests: "--features std --lib --test it -- --skip sizes::",
                },
                // By everything that uses it.
                Run {
                    // The baseline would be of the core alone, which has no such tests.
                    options: "--iterate --baseline skip --test-package singleflight-core \
                              --test-package singleflight-std --test-package singleflight-tokio",
                    within: 60,
                    tests: "--features singleflight-core/std,singleflight-tokio/tracing \
                            --test it --test conformance --test tracing",
                },
            ],
            // Without names all tests are run, those in the documentation among them.
            Self::FrontEnds | Self::Metrics => &[
                Run {
                    options: "",
                    within: 60,
                    tests: "--tests",
                },
                Run {
                    options: ITERATE,
                    within: 180,
                    tests: "",
                },
            ],
            Self::Tower => &[
                Run {
                    options: "",
                    within: 20,
                    tests: "--features metrics --test it --test sockets",
                },
                Run {
                    options: ITERATE,
                    within: 180,
                    tests: "--features metrics",
                },
            ],
            Self::Redis => &[
                Run {
                    options: "",
                    within: 40,
                    tests: "--lib",
                },
                Run {
                    options: ITERATE,
                    within: 120,
                    // Most of them wait most of the time.
                    tests: "--test it -- --test-threads 8 --skip an_inbox_in --skip that_is_ordered",
                },
                Run {
                    options: ITERATE,
                    within: 300,
                    tests: "",
                },
            ],
            Self::Cache => &[
                Run {
                    options: "",
                    within: 20,
                    tests: "--all-features --test it",
                },
                Run {
                    options: ITERATE,
                    within: 60,
                    tests: "--all-features --lib",
                },
                Run {
                    options: ITERATE,
                    within: 180,
                    tests: "--all-features",
                },
            ],
        }
    }

    /// What is told before the tests.
    const fn features(self) -> &'static str {
        match self {
            Self::Redis => redis::FEATURES,
            _ => "",
        }
    }

    fn selection(self) -> String {
        let packages = self.packages().iter();
        packages.fold(String::new(), |line, name| {
            line + " -p singleflight-" + name
        })
    }

    fn has(self, survivor: &str) -> bool {
        let mut packages = self.packages().iter();
        packages.any(|name| survivor.starts_with(&format!("crates/singleflight-{name}/")))
    }

    /// Returns how many are caught, how many are left out, and what is wrong.
    fn command(self, project: &Project, again: bool, survivors: &[String]) -> Result<Told, Stop> {
        let name = self.to_possible_value().expect("no part is hidden");
        let name = name.get_name().to_owned();
        let target = format!("{}/{name}", project.target_for("mutants")?);
        let survivors: Vec<_> = survivors.iter().filter(|line| self.has(line)).collect();

        let all = self.try_all(&format!("{target}/all"), again, &[])?;
        let missed = all.missed.iter();
        let mut findings: Vec<_> = missed.map(|mutant| format!("{mutant} survives")).collect();
        let mut known = Outcome::default();
        if !survivors.is_empty() {
            known = self.try_all(&format!("{target}/survivors"), false, &survivors)?;
        }
        for survivor in survivors {
            let mutants = self.listed(survivor)?;
            if !mutants.lines().any(|mutant| known.missed.contains(mutant)) {
                findings.push(format!("`{survivor}` is caught, or is no mutant any more"));
            }
        }
        Ok(Told {
            name,
            caught: all.caught.len(),
            left_out: known.missed.len(),
            findings,
        })
    }

    /// Makes every run: over all mutants but for those that are left out, or over `only` these.
    fn try_all(self, output: &str, again: bool, only: &[&String]) -> Result<Outcome, Stop> {
        if !again && Path::new(output).is_dir() {
            fs::remove_dir_all(output).map_err(at(output))?;
        }
        fs::create_dir_all(output).map_err(at(output))?;
        // An interrupted run has seen some caught.
        let mut caught = noted(output)?;
        for run in self.runs() {
            self.run(run, output, again, only).run_or(&SURVIVORS)?;
            caught = noted(output)?;
        }
        let missed = lines(&format!("{output}/mutants.out/missed.txt"))?;
        Ok(Outcome {
            caught: &caught - &missed,
            missed,
        })
    }

    fn run(self, run: &Run, output: &str, again: bool, only: &[&String]) -> Command {
        let Run {
            options,
            within,
            tests,
        } = run;
        let is_first = !options.contains(ITERATE);
        let again = if again && is_first { ITERATE } else { "" };
        let has_its_own = options.contains("--profile");
        let profile = if has_its_own { "" } else { "--profile mutants" };
        let (settings, examined) = if only.is_empty() {
            ("", Vec::new())
        } else {
            let examined = only.iter().flat_map(|survivor| ["--re", survivor.as_str()]);
            ("--no-config --exclude **/tests/**", examined.collect())
        };
        let line = format!(
            "mutants{} {settings} {profile} --jobs 3 --timeout {within} \
             --output {output} {again} {options}",
            self.selection()
        );
        // What is built is what is run: a mutant that only one of them compiles would be taken for caught.
        let (build, run) = tests.split_once("-- ").unwrap_or((tests, ""));
        let build = [self.features(), build].join(" ");
        let build = build
            .split_whitespace()
            .map(|word| format!("--cargo-arg={word}"));
        let command = Command::typed("cargo", &line).args(examined).args(build);
        // What the first cases of Redis's model miss, the tests over a server are tried on.
        let command = command.env("SINGLEFLIGHT_CASES", "25");
        command.args(["--", "--"]).args(run.split_whitespace())
    }

    /// The mutants that a survivor's line names.
    fn listed(self, survivor: &str) -> Result<String, Stop> {
        let line = format!("mutants{} --no-config --list --re", self.selection());
        let command = Command::typed("cargo", &line).args([survivor]).quietly();
        Ok(command.stdout()?.trim().to_owned())
    }
}

pub(crate) fn command(project: &Project, again: bool, parts: &[Part]) -> Result<(), Stop> {
    if !Command::typed("cargo", "mutants --version").succeeds() {
        let why = "cargo-mutants is not installed: cargo install --locked cargo-mutants";
        return Stop::unable(why);
    }
    let survivors = survivors(&fs::read_to_string(SETTINGS).map_err(at(SETTINGS))?);
    let survivors = survivors.map_err(|why| Stop::Failed(format!("{SETTINGS}: {why}")))?;
    let parts = if parts.is_empty() {
        Part::value_variants()
    } else {
        parts
    };
    let told = parts
        .iter()
        .map(|part| part.command(project, again, &survivors));
    judge(&told.collect::<Result<Vec<_>, _>>()?)
}

/// What became of a part.
struct Told {
    name: String,
    caught: usize,
    left_out: usize,
    findings: Vec<String>,
}

/// What became of mutants over several runs.
#[derive(Default)]
struct Outcome {
    /// By name and place, as far as they compile.
    caught: BTreeSet<String>,
    missed: BTreeSet<String>,
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

/// Adds what the last run of cargo-mutants has seen caught to what those before it have, and returns all.
/// Its own list of these holds what does not compile, too.
fn noted(output: &str) -> Result<BTreeSet<String>, Stop> {
    let path = format!("{output}/caught.txt");
    let mut caught = lines(&path)?;
    // It ran for too long, which its tests do not: caught. It is not to be tried again.
    let hung = lines(&format!("{output}/mutants.out/timeout.txt"))?;
    let its_own = format!("{output}/mutants.out/caught.txt");
    let mut last = lines(&its_own)?;
    if !hung.is_subset(&last) {
        last.extend(hung);
        write(&its_own, &last)?;
    }
    caught.append(&mut last);
    write(&path, &caught)?;
    Ok(caught)
}

fn write(path: &str, mutants: &BTreeSet<String>) -> Result<(), Stop> {
    let text: String = mutants.iter().map(|line| line.clone() + "\n").collect();
    fs::write(path, text).map_err(at(path))
}

/// Returns the lines of a file that may not be there.
fn lines(path: &str) -> Result<BTreeSet<String>, Stop> {
    if !Path::new(path).is_file() {
        return Ok(BTreeSet::new());
    }
    let text = fs::read_to_string(path).map_err(at(path))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn judge(told: &[Told]) -> Result<(), Stop> {
    let mut wrong = 0;
    let mut few = Vec::new();
    for part in told {
        let Told {
            name,
            caught,
            left_out,
            findings,
        } = part;
        let permille = caught * 1000 / (caught + left_out + findings.len()).max(1);
        let (whole, tenth) = (permille / 10, permille % 10);
        println!("{name}: {caught} caught, {left_out} left out as survivors: {whole}.{tenth} %");
        for finding in findings {
            println!("!!! {finding}");
        }
        wrong += findings.len();
        if whole < LEAST {
            few.push(name.as_str());
        }
    }
    if wrong > 0 {
        return Stop::failed(format!("{SETTINGS} is wrong about {wrong} mutants"));
    }
    if !few.is_empty() {
        let few = few.join(", ");
        return Stop::failed(format!("fewer than {LEAST} % are caught: {few}"));
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
            let (file, mutation) = survivor.split_once(":.*:").expect("it names a file");
            let text = fs::read_to_string(format!("../{}", file.replace('\\', "")));
            let text = text.unwrap_or_else(|error| panic!("{file}: {error}"));
            let mutation = mutation.trim_end_matches('$');
            let path = match mutation.rsplit_once(" in ") {
                Some((_, path)) => path,
                None => mutation.split(" -> ").next().unwrap_or_default(),
            };
            let path = path.split(" with ").next().unwrap_or_default();
            let name = path.rsplit([':', ' ']).next().expect("it names a function");
            // That of a constant is an operator alone.
            let is_known = name == "-" || text.contains(&format!("fn {name}"));
            assert!(is_known, "{survivor}");
        }
    }

    #[test]
    fn what_a_run_has_seen_is_kept_beside_what_those_before_it_have() {
        let output = std::env::temp_dir().join(format!("mutants-{}", std::process::id()));
        let output = output.to_str().expect("it is text").to_owned();
        let run = format!("{output}/mutants.out");
        fs::create_dir_all(&run).expect("there is room");
        let write = |file: &str, text: &str| {
            fs::write(format!("{run}/{file}.txt"), text).expect("there is room");
        };
        write("caught", "a\nb\n");
        write("timeout", "c\n");
        // What does not compile is in none of the two.
        write("previously_caught", "d\n");
        let first = noted(&output).expect("it can be read");
        fs::remove_file(format!("{run}/timeout.txt")).expect("it is there");
        write("caught", "e\n");
        let second = noted(&output).expect("it can be read");
        fs::remove_dir_all(&output).expect("it is there");
        assert_eq!(Vec::from_iter(first), ["a", "b", "c"]);
        assert_eq!(Vec::from_iter(second), ["a", "b", "c", "e"]);
    }

    #[test]
    fn survivors_are_few_and_known() {
        let told = |caught, left_out, findings| Told {
            name: "core".to_owned(),
            caught,
            left_out,
            findings,
        };
        assert!(judge(&[told(99, 1, vec![])]).is_ok());
        let why = |told: &[Told]| judge(told).expect_err("it is not good").to_string();
        assert_eq!(
            why(&[told(99, 1, vec![]), told(9, 1, vec![])]),
            "fewer than 95 % are caught: core"
        );
        let unknown = vec!["a.rs:1:2: one survives".to_owned()];
        assert_eq!(
            why(&[told(99, 0, unknown), told(99, 1, vec![])]),
            format!("{SETTINGS} is wrong about 1 mutants")
        );
    }

    #[test]
    fn every_survivor_is_of_one_part() {
        let settings = fs::read_to_string(format!("../{SETTINGS}")).expect("it is there");
        for survivor in survivors(&settings).expect("it can be read") {
            let parts = Part::value_variants().iter();
            assert_eq!(
                parts.filter(|part| part.has(&survivor)).count(),
                1,
                "{survivor}"
            );
        }
    }
}
