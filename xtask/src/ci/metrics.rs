//! The step `metrics`: the example that exports the counts of groups, a workspace of its own.

use crate::command::run_all;
use crate::project::{Project, cargo};
use crate::stop::Stop;

/// The example.
const MANIFEST: &str = "examples/metrics/Cargo.toml";

pub(crate) fn metrics(project: &Project) -> Result<(), Stop> {
    // What the workspace depends on as well is built once.
    let target = project.target_for("")?;
    let within = |verb: &str, rest: &str| {
        cargo(&format!(
            "{verb} --locked --manifest-path {MANIFEST} --target-dir {target}{rest}"
        ))
    };
    run_all([
        within("clippy", " --all-targets -- -D warnings"),
        within("test", ""),
    ])
}
