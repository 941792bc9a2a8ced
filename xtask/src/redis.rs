//! What is tried over a Redis: the failure table, processes at random, the bars.

use std::env;
use std::time::Duration;

use crate::command::Command;
use crate::project::{Project, cargo, program};
use crate::stop::Stop;

const PACKAGE: &str = "-p singleflight-chaos-redis";

/// All that does not ask for more than one runtime.
pub(crate) const FEATURES: &str =
    "--features cache,cluster,hash-keys,metrics,postcard,sentinel,serde-json,smol,tokio,tracing";

/// The bugs that are planted in `crates/singleflight-redis`, each with what it is seen by: the model,
/// or processes, and what goes wrong among these.
const PLANTED: [(&str, &[&str]); 9] = [
    ("any-run", MODEL),
    (
        "land-without-compare",
        &["--mischief", "processes", "--no-forgets"],
    ),
    ("late-newcomers-take", MODEL),
    ("no-look-after-subscribing", &["--mischief", "wire"]),
    ("no-marks", LATE),
    // It takes a work that goes on when another's has begun and ended while it was stopped.
    (
        "renew-when-stalled",
        &[
            "--mischief",
            "processes",
            "--no-forgets",
            "--lease",
            "200",
            "--work",
            "2000",
        ],
    ),
    ("result-under-key", &["--mischief", "calm"]),
    (
        "run-at-the-deadline",
        &["--mischief", "calm", "--no-forgets"],
    ),
    ("token-per-process", &["--mischief", "processes"]),
];

const MODEL: &[&str] = &["model::mischief"];
const LATE: &[&str] = &["model::late"];

/// Three settings of a run in CI: as it is, works longer than the lease, and nobody forgets.
const IN_CI: [&[&str]; 3] = [
    &[],
    &["--lease", "300", "--work", "600", "--when-down", "fail"],
    &["--no-forgets"],
];

/// Names the server, where that is none of those that are looked for.
const SERVER: &str = "SINGLEFLIGHT_REDIS_SERVER";

/// The servers that are looked for.
const SERVERS: [&str; 2] = ["redis-server", "valkey-server"];

pub(crate) fn step(project: &Project) -> Result<(), Stop> {
    let is_there = |server: &&str| Command::typed(server, "--version").succeeds();
    if env::var_os(SERVER).is_none() && !SERVERS.iter().any(is_there) {
        return Stop::unable(format!("there is no {}", SERVERS.join(", no ")));
    }
    // Over the usual one it is among the workspace's tests.
    if env::var_os(SERVER).is_some() {
        cargo(&format!("test -p singleflight-redis {FEATURES}")).run()?;
    }
    for more in IN_CI {
        let mut arguments: Vec<_> = ["--seconds", "20", "--processes", "4"]
            .map(str::to_owned)
            .into();
        arguments.extend(more.iter().map(|&word| word.to_owned()));
        chaos(project, false, arguments)?;
    }
    Ok(())
}

/// Runs processes at random; or plants each bug, and expects a violation.
pub(crate) fn chaos(project: &Project, planted: bool, arguments: Vec<String>) -> Result<(), Stop> {
    if planted {
        return plant();
    }
    let chaos = Command::typed(&program(project, "chaos-redis")?, "");
    chaos.args(arguments).run()
}

fn plant() -> Result<(), Stop> {
    let mut missed = Vec::new();
    for (bug, arguments) in PLANTED {
        let command = if arguments == MODEL || arguments == LATE {
            let test = cargo(&format!("test -p singleflight-redis {FEATURES} --lib --"));
            test.args(arguments).env("SINGLEFLIGHT_CASES", "400")
        } else {
            let run = cargo(&format!("run --quiet {PACKAGE} --bin chaos-redis --"));
            run.args(["--seconds", "20", "--processes", "6"])
                .args(arguments)
        };
        let (passed, told) = with_bugs(command, bug).try_output()?;
        let seen = told
            .lines()
            .find(|line| line.starts_with("!!! ") || line.contains("panicked at"));
        match seen {
            Some(seen) if !passed => println!("    `{bug}` is caught: {seen}"),
            _ => {
                println!("!!! `{bug}` is not caught:\n{told}");
                missed.push(bug);
            }
        }
    }
    println!(
        "{} of {} caught",
        PLANTED.len() - missed.len(),
        PLANTED.len()
    );
    if missed.is_empty() {
        return Ok(());
    }
    Stop::failed(format!("not caught: {}", missed.join(", ")))
}

/// In a folder of its own: the sources are built another way.
fn with_bugs(command: Command, bug: &str) -> Command {
    command
        .env("RUSTFLAGS", "--cfg singleflight_planted")
        .env("CARGO_TARGET_DIR", "target/planted")
        .env("SINGLEFLIGHT_SEED", bug)
        .within(Duration::from_secs(1_200))
}

pub(crate) fn compare(quick: bool) -> Result<(), Stop> {
    cargo(&format!("build --profile bench {PACKAGE}")).run()?;
    let run = cargo(&format!(
        "run --quiet --profile bench {PACKAGE} --bin compare-redis --"
    ));
    let run = if quick { run.args(["--quick"]) } else { run };
    run.run()
}
