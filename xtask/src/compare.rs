//! `cargo xtask compare`: ours beside every peer, in one run.

mod go;

use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::project::{Project, cargo};
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

    /// Get Go, if it is not there
    #[arg(long)]
    with_go: bool,

    /// Only groups of figures whose names contain one of these; or `http` alone, which is the HTTP layer
    /// beside its peers
    figures: Vec<String>,
}

pub(crate) fn command(project: &Project, request: &Request) -> Result<(), Stop> {
    if request.figures == ["http"] {
        return http(project);
    }
    cargo("build --release -p singleflight-benches --bin compare").run()?;
    let out = project.target_for("compare")?;
    let go = match go::program(project, &out, request.with_go) {
        Ok(program) => Some(program),
        Err(Stop::Unable(why)) => {
            println!("!!! SKIPPED: Go's figures: {why}");
            None
        }
        Err(stop) => return Err(stop),
    };
    let mut run = cargo("run --release --quiet -p singleflight-benches --bin compare --")
        .args(["--out", &out]);
    if let Some(program) = &go {
        run = run.args(["--go", program]);
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
