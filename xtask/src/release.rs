//! `cargo xtask release --dry-run`: everything of a release but the publishing.
//!
//! RELEASING.md says when it is run and what comes after it.

mod api;
mod metadata;
mod packages;
mod trial;

use clap::Args;

use crate::command::run_all;
use crate::project::{Project, cargo};
use crate::release::packages::Package;
use crate::stop::{Stop, each, named};

/// What the command line says after `release`.
#[derive(Debug, Args)]
pub(crate) struct Request {
    /// Publish nothing. There is no other way: a person publishes, as RELEASING.md says
    #[arg(long, required = true)]
    dry_run: bool,
    /// Make the public API that there is now the baseline
    #[arg(long)]
    bless: bool,
    /// Only these: metadata, changelog, package, newest, lowest, docs, api, features
    parts: Vec<String>,
}

/// One part of a release. Each can be run by itself, so that a long one need not be repeated.
struct Part {
    name: &'static str,
    run: fn(&Project, &[Package]) -> Result<(), Stop>,
}

const PARTS: [Part; 8] = [
    Part {
        name: "metadata",
        run: metadata::complete,
    },
    Part {
        name: "changelog",
        run: metadata::changelog,
    },
    Part {
        name: "package",
        run: packages::same_as_here,
    },
    Part {
        name: "newest",
        run: trial::newest,
    },
    Part {
        name: "lowest",
        run: trial::lowest,
    },
    Part {
        name: "docs",
        run: trial::docs,
    },
    Part {
        name: "api",
        run: api::same_as_committed,
    },
    Part {
        name: "features",
        run: features,
    },
];

pub(crate) fn command(project: &Project, request: &Request) -> Result<(), Stop> {
    // That it is there has been seen to; it stands on the command line for its reader.
    let Request {
        dry_run: _,
        bless,
        parts,
    } = request;
    let parts = named("part", &PARTS, |part| part.name, parts)?;
    if *bless {
        return api::bless(project);
    }
    let packages = packages::pack(project)?;
    let results = parts.into_iter().map(|part| {
        println!("\n=== {}", part.name);
        (part.name, (part.run)(project, &packages))
    });
    each(results.collect::<Vec<_>>())?;
    let names: Vec<_> = packages.iter().map(|package| &*package.name).collect();
    let what = if request.parts.is_empty() {
        "ready to be published, in this order"
    } else {
        "so far well; once every part is, to be published in this order"
    };
    println!("\n{what}: {}", names.join(", "));
    Ok(())
}

/// Crates that do nothing without one of these features, which only cargo-hack has to be told.
const NEEDS_ONE_OF: [(&str, &str); 1] = [("singleflight-redis", "smol,tokio")];

/// So many features are tried in every set. Of more, those are that have no more than two.
const FEW_FEATURES: usize = 6;

/// Each crate builds under every set of its features.
fn features(_: &Project, packages: &[Package]) -> Result<(), Stop> {
    if !cargo("hack --version").succeeds() {
        return Stop::unable("cargo-hack is not installed (`cargo install cargo-hack --locked`)");
    }
    run_all(packages.iter().map(|package| {
        let name = package.name.as_str();
        let hack = cargo(&format!(
            "hack check --feature-powerset --no-dev-deps -p {name}"
        ));
        let hack = match package.test_features() {
            none if none.is_empty() => hack,
            excluded => hack.args(["--exclude-features", &excluded]),
        };
        let hack = match NEEDS_ONE_OF.iter().find(|(needs, _)| *needs == name) {
            None => hack,
            Some((_, one_of)) => hack.args(["--at-least-one-of", one_of]),
        };
        if package.features.len() > FEW_FEATURES {
            hack.args(["--depth", "2"])
        } else {
            hack
        }
    }))
}
