//! The core's races, run through every interleaving that loom finds.

use crate::command::Command;
use crate::project::{Project, cargo};
use crate::stop::Stop;

/// What turns the models on. It reaches every crate, so the core is built alone, and apart
/// from what the other steps build.
pub(crate) const FLAGS: &str = "--cfg loom";

const PREEMPTIONS_IN_CI: u32 = 2;
const PREEMPTIONS: u32 = 3;

/// What a person asks for.
#[derive(Debug, Eq, PartialEq)]
struct Request {
    preemptions: u32,
    /// Only models whose names contain one of these; all if there are none.
    models: Vec<String>,
}

pub(crate) fn step(project: &Project) -> Result<(), Stop> {
    models(project, PREEMPTIONS_IN_CI)?.run()
}

pub(crate) fn command(project: &Project, arguments: &[String]) -> Result<(), Stop> {
    let request = parse(arguments).map_err(Stop::Unable)?;
    let models = models(project, request.preemptions)?;
    // loom tells how many interleavings it went through in its log.
    models
        .env("NO_COLOR", "1")
        .env("LOOM_CHECKPOINT_INTERVAL", "1000000")
        .env("LOOM_LOG", "loom::model=info")
        .args(["--", "--nocapture", "--test-threads=1"])
        .args(request.models)
        .run()
}

fn models(project: &Project, preemptions: u32) -> Result<Command, Stop> {
    let target = project.target_for("loom")?;
    Ok(cargo(&format!(
        "test -p singleflight-core --release --features loom --test loom --target-dir {target}"
    ))
    .env("LOOM_MAX_PREEMPTIONS", &preemptions.to_string())
    .env("RUSTFLAGS", FLAGS))
}

fn parse(arguments: &[String]) -> Result<Request, String> {
    let mut request = Request {
        preemptions: PREEMPTIONS,
        models: Vec::new(),
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let number = match word.strip_prefix("--preemptions") {
            Some("") => words.next().map(String::as_str),
            Some(rest) => rest.strip_prefix('='),
            None if word.starts_with('-') => return Err(format!("unknown option `{word}`")),
            None => {
                request.models.push(word.clone());
                continue;
            }
        };
        let number = number.ok_or("`--preemptions` needs a number")?;
        request.preemptions = number
            .parse()
            .map_err(|_| format!("`--preemptions` needs a number, not `{number}`"))?;
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str) -> Result<(u32, String), String> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words).map(|request| (request.preemptions, request.models.join(" ")))
    }

    #[test]
    fn preemptions_and_models_are_read() {
        assert_eq!(request(""), Ok((PREEMPTIONS, String::new())));
        assert_eq!(
            request("--preemptions 4 claim"),
            Ok((4, "claim".to_owned()))
        );
        assert_eq!(request("a --preemptions=5 b"), Ok((5, "a b".to_owned())));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (line, why) in [
            ("--preemptions", "`--preemptions` needs a number"),
            (
                "--preemptions many",
                "`--preemptions` needs a number, not `many`",
            ),
            ("--preemption 3", "unknown option `--preemption`"),
            ("--preemptionsx", "`--preemptions` needs a number"),
        ] {
            assert_eq!(request(line), Err(why.to_owned()));
        }
    }
}
