//! Steps that read the code: formatting, lints, documentation.

use crate::ci::features::{FEATURE_SETS, WORKSPACE, core_with};
use crate::command::run_all;
use crate::models::{LOOM, SHUTTLE};
use crate::project::{Project, cargo, cargo_of_peers};
use crate::stop::Stop;

pub(crate) fn fmt(_: &Project) -> Result<(), Stop> {
    let apart = [
        "examples/bare-metal",
        "examples/metrics",
        "examples/no-std",
        "examples/wasm",
        "peers",
    ];
    let apart = apart.map(|directory| cargo("fmt --check").in_directory(directory));
    run_all([cargo("fmt --all --check")].into_iter().chain(apart))
}

pub(crate) fn clippy(project: &Project) -> Result<(), Stop> {
    let mut commands = vec![cargo(&format!(
        "clippy {WORKSPACE} --all-targets -- -D warnings"
    ))];
    commands.push(cargo_of_peers(
        project,
        "clippy --locked --all-targets -- -D warnings",
    )?);
    commands.extend(FEATURE_SETS.map(|features| {
        let core = core_with(features);
        cargo(&format!("clippy {core} --all-targets -- -D warnings"))
    }));
    commands.push(cargo(
        "clippy -p singleflight-tokio --features tracing --all-targets -- -D warnings",
    ));
    for checker in [LOOM, SHUTTLE] {
        let name = checker.name;
        let (core, target) = (core_with(name), project.target_for(name)?);
        let line =
            format!("clippy {core} --lib --test {name} --target-dir {target} -- -D warnings");
        commands.push(cargo(&line).env("RUSTFLAGS", checker.flags));
    }
    run_all(commands)
}

pub(crate) fn rustdoc(_: &Project) -> Result<(), Stop> {
    // With private items for the reader of the code; without them for the user, since only
    // then a public page that links to a private item is a warning. With the examples, so that what
    // all depend on is checked with the features that clippy has checked it with.
    let doc = format!("doc {WORKSPACE} --lib --bins --examples --no-deps");
    let lines = [format!("{doc} --document-private-items"), doc];
    run_all(lines.map(|line| cargo(&line).env("RUSTDOCFLAGS", "-D warnings")))
}
