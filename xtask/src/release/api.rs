//! The public API as text: what semver is held against.

use std::fs;

use crate::documented::nightly;
use crate::project::{Project, cargo};
use crate::release::packages::{self, Package};
use crate::stop::{Stop, at};

/// Where the text of each crate is.
const BASELINE: &str = "docs/api";

/// Whether the public API is what is committed.
pub(crate) fn same_as_committed(_: &Project, packages: &[Package]) -> Result<(), Stop> {
    able()?;
    let mut changed = Vec::new();
    for package in packages {
        let (now, file) = (api(package)?, file(package));
        let before = fs::read_to_string(&file).unwrap_or_default();
        let difference = difference(&before, &now);
        if !difference.is_empty() {
            println!("{file}:\n{}", difference.join("\n"));
            changed.push(format!("{} lines of {file}", difference.len()));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    Stop::failed(format!(
        "the public API has changed: {}. If that is meant, `cargo xtask release --dry-run --bless`, \
         and a line in CHANGELOG.md",
        changed.join(", ")
    ))
}

/// Makes what there is the baseline.
pub(crate) fn bless(project: &Project) -> Result<(), Stop> {
    able()?;
    fs::create_dir_all(BASELINE).map_err(at(BASELINE))?;
    for package in packages::pack(project)? {
        let file = file(&package);
        fs::write(&file, api(&package)?).map_err(at(&file))?;
        println!("{file} is the baseline");
    }
    Ok(())
}

fn able() -> Result<(), Stop> {
    nightly()?;
    if cargo("public-api --version").succeeds() {
        return Ok(());
    }
    Stop::unable("cargo-public-api is not installed (`cargo install cargo-public-api --locked`)")
}

fn file(package: &Package) -> String {
    format!("{BASELINE}/{}.txt", package.name)
}

/// Returns the public API, one item a line, with every feature that a user may turn on.
fn api(package: &Package) -> Result<String, Stop> {
    let features = package.features.iter().map(String::as_str);
    let for_tests = package.test_features();
    let features: Vec<_> = features
        .filter(|feature| !for_tests.split(',').any(|one| one == *feature))
        .collect();
    let features = match features.join(",").as_str() {
        "" => String::new(),
        features => format!(" --features {features}"),
    };
    // Traits that the compiler implements by itself and for everything say nothing of ours; what is
    // Send is held by tests.
    cargo(&format!(
        "+nightly public-api -p {} -sss{features} --color never",
        package.name
    ))
    .stdout()
}

/// Returns the lines that only one has, with a sign in front.
fn difference(before: &str, now: &str) -> Vec<String> {
    let only = |one: &str, other: &str, sign: &str| {
        let other: Vec<_> = other.lines().collect();
        let lines = one.lines().filter(|line| !other.contains(line));
        lines
            .map(|line| format!("{sign} {line}"))
            .collect::<Vec<_>>()
    };
    let mut lines = only(before, now, "-");
    lines.extend(only(now, before, "+"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_what_went_is_told() {
        assert!(difference("a\nb\n", "a\nb\n").is_empty());
        assert_eq!(difference("a\nb\n", "b\nc\n"), ["- a", "+ c"]);
    }
}
