//! `cargo xtask compare`: ours beside every peer, in one run.

mod cache;

use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::command::Command;
use crate::project::{Project, cargo, cargo_of_peers};
use crate::redis;
use crate::stop::Stop;

/// The longest that `--quick` may take, once it is built: three minutes, and one for the storms.
const QUICK: Duration = Duration::from_secs(240);

/// The workspace in which the HTTP layer stands beside its peers.
const HTTP: &str = "peers/http";

/// What a person asks for.
#[derive(Args, Debug)]
pub(crate) struct Request {
    /// Measure for three minutes only
    #[arg(long)]
    quick: bool,

    /// Get Go and build its program, as Debian has it; later runs find it
    #[arg(long)]
    with_go: bool,

    /// Only groups of figures whose names contain one of these; or one of `cache`, `http` and `redis` alone:
    /// the bars of that crate, beside its peers
    figures: Vec<String>,
}

pub(crate) fn command(project: &Project, request: &Request) -> Result<(), Stop> {
    if request.figures == [cache::NAME] {
        return cache::command();
    }
    if request.figures == ["redis"] {
        return redis::compare(request.quick);
    }
    if request.figures == ["http"] {
        return http(project);
    }
    cargo_of_peers(project, "build --locked --release --bin compare")?.run()?;
    let out = project.target_for("compare")?;
    let go = format!("{out}/go");
    if request.with_go {
        Command::typed(".ci/debian-go", &go).run()?;
    }
    let run = "run --locked --release --quiet --bin compare --";
    let mut run = cargo_of_peers(project, run)?.args(["--out", &out]);
    let program = format!("{go}/compare-go");
    if project.root().join(&program).is_file() {
        run = run.args(["--go", &program]);
    } else {
        println!("!!! SKIPPED: Go's figures (`--with-go`)");
    }
    if request.quick {
        run = run.args(["--quick"]).within(QUICK);
    }
    run.args(&request.figures).run()
}

/// Measures the HTTP layer, and holds its bars. It is built from its own directory, where its own
/// workspace holds.
fn http(project: &Project) -> Result<(), Stop> {
    let target = match project.target_for("peers-http")? {
        below if Path::new(&below).is_relative() => format!("../../{below}"),
        elsewhere => elsewhere,
    };
    for line in ["build", "run --quiet"] {
        let line = format!("{line} --locked --release --target-dir {target}");
        cargo(&line).in_directory(HTTP).run()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{Task, typed};

    #[test]
    fn what_is_asked_for_is_read() {
        let Ok(Task::Compare(request)) = typed("compare --quick lone --with-go") else {
            panic!("it is all known");
        };
        assert!(request.quick && request.with_go);
        assert_eq!(request.figures, ["lone"]);
    }
}
