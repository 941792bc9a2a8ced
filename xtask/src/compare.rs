//! `cargo xtask compare`: ours beside every peer, in one run.

mod go;

use std::time::Duration;

use crate::project::{Project, cargo};
use crate::stop::Stop;

/// The longest that `--quick` may take, once it is built: three minutes, and one for the storms.
const QUICK: Duration = Duration::from_secs(240);

/// What a person asks for.
#[derive(Debug, Default, Eq, PartialEq)]
struct Request {
    quick: bool,
    /// Gets Go, if it is not there.
    with_go: bool,
    /// Only groups of figures whose names contain one of these; all if there are none.
    figures: Vec<String>,
}

pub(crate) fn command(project: &Project, arguments: &[String]) -> Result<(), Stop> {
    let request = parse(arguments).map_err(Stop::Unable)?;
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
    run.args(request.figures).run()
}

fn parse(arguments: &[String]) -> Result<Request, String> {
    let mut request = Request::default();
    for word in arguments {
        match word.as_str() {
            "--quick" => request.quick = true,
            "--with-go" => request.with_go = true,
            _ if word.starts_with('-') => return Err(format!("unknown option `{word}`")),
            _ => request.figures.push(word.clone()),
        }
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Request, String> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words)
    }

    #[test]
    fn what_is_asked_for_is_read() {
        assert_eq!(read(""), Ok(Request::default()));
        let request = read("--quick lone --with-go").expect("it is all known");
        assert!(request.quick && request.with_go);
        assert_eq!(request.figures, ["lone"]);
        assert_eq!(read("--slow"), Err("unknown option `--slow`".to_owned()));
    }
}
