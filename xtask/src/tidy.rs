//! What no compiler checks: each check takes the tree and returns what it found.

mod advisories;
mod circles;
pub(crate) mod finding;
mod ladder;
mod links;
pub(crate) mod manifests;
mod names;
pub(crate) mod pages;
mod paths;
pub(crate) mod promises;
mod sources;
mod text;
pub(crate) mod tokens;
pub(crate) mod tree;

use std::fs;

use crate::project::Project;
use crate::seeds;
use crate::stop::{Stop, at};
use crate::tidy::finding::Finding;
use crate::tidy::tree::Tree;

/// A check, and what it holds.
type Check = (&'static str, fn(&Tree) -> Vec<Finding>);

const CHECKS: &[Check] = &[
    (
        "the core's files use only what stands below them",
        ladder::check,
    ),
    ("no modules use each other in a circle", circles::check),
    ("a file begins by saying what it is for", sources::heads),
    ("no file stands above 400 lines of code", sources::sizes),
    ("each mechanism is named in one place", names::check),
    (
        "no ignored tests, unfinished code, sleeps or machine's paths",
        text::check,
    ),
    ("manifests inherit", manifests::check),
    (
        "no manifest admits a version that is known to be bad, and no lock file holds one",
        advisories::check,
    ),
    (
        "pages tell of what is there, and are compiled",
        pages::check,
    ),
    (
        "every planted bug is named by a model, and every model names one",
        seeds::check,
    ),
    ("pages link to what is there", links::check),
    (
        "the table of promises is what tests say, and peers' tests name ours",
        promises::check,
    ),
];

/// Runs every check.
pub(crate) fn run(project: &Project) -> Result<(), Stop> {
    let tree = Tree::load(project.root()).map_err(at("the checkout"))?;
    let mut count = 0;
    for (what, check) in CHECKS {
        count += report(what, &check(&tree));
    }
    match count {
        0 => Ok(()),
        1 => Stop::failed("1 finding"),
        _ => Stop::failed(format!("{count} findings")),
    }
}

/// Prints the table of promises, or writes it into its page.
pub(crate) fn promises(project: &Project, write: bool) -> Result<(), Stop> {
    let tree = Tree::load(project.root()).map_err(at("the checkout"))?;
    let done = if write {
        promises::written(&tree)
            .map(|page| fs::write(promises::PAGE, page).map_err(at(promises::PAGE)))
    } else {
        promises::table(&tree).map(|table| {
            print!("{table}");
            Ok(())
        })
    };
    done.unwrap_or_else(|findings| {
        report("the tests say what they hold", &findings);
        Stop::failed("the table cannot be made")
    })
}

fn report(what: &str, findings: &[Finding]) -> usize {
    let sign = if findings.is_empty() { "ok" } else { "NO" };
    println!("{sign}  {what}");
    for finding in findings {
        println!("    {finding}");
    }
    findings.len()
}
