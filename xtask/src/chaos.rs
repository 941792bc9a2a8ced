//! Callers at random on every front end, with a checker of what they saw; and the same with
//! the peers.

use std::time::Duration;

use crate::command::Command;
use crate::project::{Project, cargo};
use crate::stop::Stop;

/// The package and its program.
pub(crate) const PROGRAM: &str = "-p singleflight-chaos --bin chaos";

/// The package and the program that tries the peers beside ours.
const PEERS: &str = "-p singleflight-benches --bin chaos-peers";

pub(crate) const FRONTS: [&str; 4] = ["std", "tokio", "smol", "mixed"];

/// How many seconds each front end has in `ci`: the one that holds all of them has most.
const SECONDS_IN_CI: [(&str, u64); 4] = [("std", 4), ("tokio", 4), ("smol", 4), ("mixed", 8)];

/// How much longer than it should last a run may take: a last round, and calls that hang,
/// which are waited for three times.
const GRACE: Duration = Duration::from_secs(120);

/// A run as it is asked for. What the program takes is read by the program; only how long it
/// may last has to be known here.
#[derive(Debug, Eq, PartialEq)]
struct Request {
    arguments: Vec<String>,
    seconds: u64,
}

pub(crate) fn step(_: &Project) -> Result<(), Stop> {
    build().run()?;
    for (front, seconds) in SECONDS_IN_CI {
        let arguments = format!("--front {front} --seconds {seconds}");
        let arguments = arguments.split_whitespace().map(str::to_owned).collect();
        program(&Request { arguments, seconds }).run()?;
    }
    Ok(())
}

pub(crate) fn command(_: &Project, arguments: &[String]) -> Result<(), Stop> {
    if let Some(arguments) = for_peers(arguments) {
        cargo(&format!("build --release {PEERS}")).run()?;
        // It bounds each of its runs itself.
        let run = cargo(&format!("run --quiet --release {PEERS} --"));
        return run.args(arguments).run();
    }
    let request = parse(arguments).map_err(Stop::Unable)?;
    build().run()?;
    program(&request).run()
}

fn build() -> Command {
    cargo(&format!("build --release {PROGRAM}"))
}

fn program(request: &Request) -> Command {
    cargo(&format!("run --quiet --release {PROGRAM} --"))
        .args(&request.arguments)
        .within(Duration::from_secs(request.seconds) + GRACE)
}

/// Returns what is left beside `--peers`, if that is there.
fn for_peers(arguments: &[String]) -> Option<Vec<&String>> {
    let rest = arguments.iter().filter(|word| *word != "--peers");
    let rest: Vec<_> = rest.collect();
    (rest.len() < arguments.len()).then_some(rest)
}

fn parse(arguments: &[String]) -> Result<Request, String> {
    let mut request = Request {
        arguments: arguments.to_vec(),
        // What the program does if it is not told.
        seconds: 20,
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let value = match word.split_once('=') {
            Some(("--seconds", value)) => value,
            None if word == "--seconds" => words.next().map_or("", String::as_str),
            _ => continue,
        };
        request.seconds = value
            .parse()
            .map_err(|_| format!("`--seconds` needs a number, not `{value}`"))?;
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(line: &str) -> Result<u64, String> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words).map(|request| request.seconds)
    }

    #[test]
    fn how_long_it_lasts_is_read_and_the_rest_is_passed_on() {
        assert_eq!(seconds(""), Ok(20));
        assert_eq!(seconds("--front std --seconds 5 --seed 7"), Ok(5));
        assert_eq!(seconds("--seconds=600"), Ok(600));
        let words = ["--front".to_owned(), "std".to_owned()];
        assert_eq!(parse(&words).expect("nothing is wrong").arguments, words);
    }

    #[test]
    fn peers_are_asked_for_by_a_word_that_is_not_passed_on() {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        let asked: Vec<_> = words("--seconds 5 --peers --seed 7");
        let rest = for_peers(&asked).expect("the word is there");
        assert_eq!(rest, ["--seconds", "5", "--seed", "7"]);
        let not_asked: Vec<_> = words("--seconds 5");
        assert_eq!(for_peers(&not_asked), None);
    }

    #[test]
    fn what_is_no_number_is_named() {
        let why = |value| Err(format!("`--seconds` needs a number, not `{value}`"));
        assert_eq!(seconds("--seconds soon"), why("soon"));
        assert_eq!(seconds("--seconds"), why(""));
    }

    #[test]
    fn ci_runs_every_front_end_for_twenty_seconds_in_all() {
        assert_eq!(SECONDS_IN_CI.map(|(front, _)| front), FRONTS);
        assert_eq!(
            SECONDS_IN_CI
                .map(|(_, seconds)| seconds)
                .iter()
                .sum::<u64>(),
            20
        );
    }
}
