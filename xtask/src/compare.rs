//! `cargo xtask compare`: ours beside every peer, in one run.

mod go;

use std::time::Duration;

use clap::Args;

use crate::project::{Project, cargo};
use crate::redis;
use crate::stop::Stop;

/// The longest that `--quick` may take, once it is built: three minutes, and one for the storms.
const QUICK: Duration = Duration::from_secs(240);

/// What a person asks for.
#[derive(Args, Debug)]
pub(crate) struct Request {
    /// Measure for three minutes only
    #[arg(long)]
    quick: bool,

    /// Get Go, if it is not there
    #[arg(long)]
    with_go: bool,

    /// Only groups of figures whose names contain one of these; or redis, what calls between
    /// processes cost
    figures: Vec<String>,
}

pub(crate) fn command(project: &Project, request: &Request) -> Result<(), Stop> {
    if request.figures == ["redis"] {
        return redis::compare(request.quick);
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
