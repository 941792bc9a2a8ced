//! What no compiler checks: each check takes the tree and returns what it found.

mod advisories;
mod dependencies;
mod ladder;
mod links;
mod manifests;
mod names;
mod pages;
mod paths;
mod promises;
mod sources;
mod text;
mod tokens;
mod tree;

use std::fmt;

use crate::project::Project;
use crate::seeds;
use crate::stop::{Stop, at};
pub(crate) use crate::tidy::manifests::is_published;
pub(crate) use crate::tidy::pages::quoted;
pub(crate) use crate::tidy::tokens::places;
pub(crate) use crate::tidy::tree::Tree;

/// Something that is not as it should be.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    path: String,
    /// Counted from 1; 0 if it is about the whole file.
    line: usize,
    what: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, what } = self;
        match line {
            0 => write!(f, "{path}: {what}"),
            _ => write!(f, "{path}:{line}: {what}"),
        }
    }
}

/// A check, and what it holds.
type Check = (&'static str, fn(&Tree) -> Vec<Finding>);

const CHECKS: &[Check] = &[
    (
        "the core's files use only what stands below them",
        ladder::check,
    ),
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
];

/// Runs every check.
pub(crate) fn run(project: &Project) -> Result<(), Stop> {
    let tree = Tree::load(project.root()).map_err(at("the checkout"))?;
    let mut count = 0;
    for (what, check) in CHECKS {
        count += report(what, &check(&tree));
    }
    count += report(
        "promises and peers' tests name scenarios and models that exist",
        &promises::check(&tree),
    );
    count += report(
        "every dependency's licence is allowed",
        &dependencies::check(&tree)?,
    );
    match count {
        0 => Ok(()),
        1 => Stop::failed("1 finding"),
        _ => Stop::failed(format!("{count} findings")),
    }
}

fn report(what: &str, findings: &[Finding]) -> usize {
    let sign = if findings.is_empty() { "ok" } else { "NO" };
    println!("{sign}  {what}");
    for finding in findings {
        println!("    {finding}");
    }
    findings.len()
}
