//! `chaos-http --seconds N --seed S`: clients at random in front of the HTTP layer, and the oracle.
//!
//! Exit code: 0 if nothing leaked and every planted bug was caught, 1 if not, 2 if it could not be run as
//! asked.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum as _};
use fastrand::Rng;
use singleflight_chaos_http::{Bug, Mode, Origin, Report, Stack, direct, stack, wire};

/// Clients that ask, follow, go away and break their connections at random, and an oracle that knows
/// whose answer each may have.
#[derive(Parser)]
#[command(name = "chaos-http")]
struct Arguments {
    /// How long, in all: a third without sockets, a third with them, a third for planted bugs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,

    /// What the clients' choices follow from; without sockets everything does
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// Go on, without sockets, until there were so many answers
    #[arg(long, value_name = "N", default_value_t = 0)]
    answers: u64,

    /// Plant one bug only, and say what it leads to
    #[arg(long, value_name = "BUG")]
    bug: Option<Bug>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Arguments {
        seconds,
        seed,
        answers,
        bug,
    } = arguments;
    println!("chaos: front http, seed {seed}, {seconds} s");
    let share = Duration::from_secs(seconds) / 3;
    if let Some(bug) = bug {
        return caught(bug, seed, share);
    }
    let mut violations = 0;
    let mut good = true;
    let start = Instant::now();
    let report = run(seed, None, |_, report| {
        start.elapsed() < share || report.answers < answers
    });
    good &= told("without sockets", &report);
    violations += report.total();

    let start = Instant::now();
    let mut report = Report::default();
    for round in 0.. {
        if start.elapsed() >= share {
            break;
        }
        let mode = mode_of(round);
        let layered = |rng: &mut Rng, origin| made(rng, mode, origin, None);
        if let Err(error) = wire(round, seed, mode, &mut report, layered) {
            eprintln!("chaos-http: no sockets: {error}");
            return ExitCode::from(2);
        }
    }
    good &= told("over sockets, half of them through the proxy", &report);
    violations += report.total();

    for bug in Bug::value_variants() {
        good &= caught(*bug, seed, share / 4) == ExitCode::SUCCESS;
    }
    println!("violations {violations}");
    if good && violations == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn mode_of(round: u64) -> Mode {
    if round % 2 == 0 {
        Mode::AllHeaders
    } else {
        Mode::UriAndAccept
    }
}

fn made(
    rng: &mut Rng,
    mode: Mode,
    origin: Origin,
    bug: Option<Bug>,
) -> (Stack, Box<dyn Fn() -> usize>) {
    let (service, layer) = stack(rng, mode, origin, bug);
    (service, Box::new(move || layer.in_flight()))
}

/// Runs rounds without sockets as long as they are wanted.
fn run(seed: u64, bug: Option<Bug>, goes_on: impl Fn(u64, &Report) -> bool) -> Report {
    let mut report = Report::default();
    for round in 0.. {
        if !goes_on(round, &report) {
            break;
        }
        let mode = mode_of(round);
        let layered = |rng: &mut Rng, origin| made(rng, mode, origin, bug);
        direct(round, seed, mode, &mut report, layered);
    }
    report
}

/// Prints a report; says whether enough was shared to have shown something.
fn told(what: &str, report: &Report) -> bool {
    print!("{what}: {report}");
    if !report.shares_enough() {
        println!("  less than a third was shared: this shows nothing");
    }
    report.shares_enough()
}

/// Plants a bug and runs until the oracle catches it, or the time is up.
fn caught(bug: Bug, seed: u64, most: Duration) -> ExitCode {
    let start = Instant::now();
    let report = run(seed, Some(bug), |_, report| {
        report.total() == 0 && start.elapsed() < most
    });
    let name = bug.to_possible_value();
    let name = name.as_ref().map_or("?", |name| name.get_name());
    let first = report.first.iter().min_by_key(|(_, round)| **round);
    if let Some((violation, round)) = first {
        println!("planted {name}: caught in round {round}, {violation:?}");
        return ExitCode::SUCCESS;
    }
    println!("planted {name}: NOT CAUGHT in {} answers", report.answers);
    ExitCode::FAILURE
}
