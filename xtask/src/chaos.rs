//! Callers at random on every front end, with a checker of what they saw; and the same with
//! the peers.

use std::time::Duration;

use clap::Args;

use crate::command::Command;
use crate::project::{Project, cargo_of_peers, program};
use crate::redis;
use crate::stop::Stop;

/// The callers that are HTTP clients.
const HTTP_FRONT: &str = "http";

/// How many seconds the HTTP layer has in `ci`, its planted bugs included.
const HTTP_SECONDS_IN_CI: u64 = 60;

/// The package and the program that tries the peers beside ours.
const PEERS: &str = "--locked --release --bin chaos-peers";

pub(crate) const FRONTS: [&str; 4] = ["std", "tokio", "smol", "mixed"];

/// How many seconds each front end has in `ci`: the one that holds all of them has most.
const SECONDS_IN_CI: [(&str, u64); 4] = [("std", 4), ("tokio", 4), ("smol", 4), ("mixed", 8)];

/// How much longer than it should last a run may take: a last round, and calls that hang,
/// which are waited for three times.
const GRACE: Duration = Duration::from_secs(120);

/// A run as it is asked for. What is asked is for the program to judge; only how long it may last
/// has to be known here.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Request {
    /// Try the peers beside ours: five minutes
    #[arg(long)]
    peers: bool,

    /// The callers: std, tokio, smol, or mixed, which is all three in one group; http, which is clients
    /// of the HTTP layer; or redis, which is processes over one Redis
    #[arg(long, value_name = "F")]
    front: Option<String>,

    /// How long
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,

    /// With --front redis: how many processes
    #[arg(long, value_name = "P")]
    processes: Option<u64>,

    /// With --front redis: plant each known bug, and see it caught
    #[arg(long)]
    planted: bool,

    /// The number from which the callers' choices follow
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// Other arguments, for the program alone
    #[arg(last = true)]
    more: Vec<String>,
}

pub(crate) fn step(project: &Project) -> Result<(), Stop> {
    let http = [(HTTP_FRONT, HTTP_SECONDS_IN_CI)];
    for (front, seconds) in SECONDS_IN_CI.into_iter().chain(http) {
        let request = Request {
            front: Some(front.to_owned()),
            seconds: Some(seconds),
            ..Request::default()
        };
        run(project, &request)?;
    }
    Ok(())
}

pub(crate) fn command(project: &Project, request: &Request) -> Result<(), Stop> {
    if request.peers {
        cargo_of_peers(project, &format!("build {PEERS}"))?.run()?;
        // It bounds each of its runs itself.
        let run = cargo_of_peers(project, &format!("run --quiet {PEERS} --"))?;
        return run.args(request.arguments()).run();
    }
    if request.front.as_deref() == Some("redis") {
        return redis::chaos(project, request.planted, request.arguments());
    }
    run(project, request)
}

fn run(project: &Project, request: &Request) -> Result<(), Stop> {
    let name = if request.is_http() {
        "chaos-http"
    } else {
        "chaos"
    };
    // The program takes this time if nobody says how long.
    let seconds = request.seconds.unwrap_or(20);
    let deadline = Duration::from_secs(seconds) + GRACE;
    let chaos = Command::typed(&program(project, name)?, "");
    chaos.args(request.arguments()).within(deadline).run()
}

impl Request {
    fn is_http(&self) -> bool {
        self.front.as_deref() == Some(HTTP_FRONT)
    }

    /// Returns the words that the program is told.
    fn arguments(&self) -> Vec<String> {
        let front = self.front.clone().filter(|front| front != "redis");
        let options = [
            ("--front", front.filter(|_| !self.is_http())),
            (
                "--processes",
                self.processes.map(|processes| processes.to_string()),
            ),
            ("--seconds", self.seconds.map(|seconds| seconds.to_string())),
            ("--seed", self.seed.map(|seed| seed.to_string())),
        ];
        let told = options
            .into_iter()
            .filter_map(|(name, value)| Some([name.to_owned(), value?]));
        told.flatten().chain(self.more.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Task, typed};

    #[test]
    fn what_the_program_is_asked_is_passed_on() {
        for (line, told) in [
            ("", ""),
            (
                "--seed=7 --front std --seconds 5",
                "--front std --seconds 5 --seed 7",
            ),
            ("--seconds 5 --peers --seed 7", "--seconds 5 --seed 7"),
            ("--front std -- --patience 60", "--front std --patience 60"),
            (
                "--front redis --processes 8 --seconds 5",
                "--processes 8 --seconds 5",
            ),
            (
                "--front http --seconds 5 -- --answers 9",
                "--seconds 5 --answers 9",
            ),
        ] {
            let Ok(Task::Chaos(request)) = typed(&format!("chaos {line}")) else {
                panic!("{line}");
            };
            assert_eq!(request.peers, line.contains("--peers"));
            assert_eq!(request.arguments().join(" "), told);
        }
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
