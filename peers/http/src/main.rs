//! `compare-http`: the layer beside the bare service, the two peer layers, and nginx and Varnish where
//! they are installed. Prints a table for docs/performance.md, then the bars. `compare-http oracle`: ours
//! and the two peers before the oracle of the leaks, with a table for docs/verification.md.
//!
//! Exit code: 0 if the bars stand, or if nothing leaks through ours; 1 if not, 2 if it could not be run.

mod arena;
mod counting;
mod inside;
mod outside;
mod stacks;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::outside::Server;
use crate::stacks::{KINDS, Kind};

/// A row of the table.
#[derive(Default)]
struct Row {
    name: String,
    is_ours: bool,
    is_detached: bool,
    equal: Option<(usize, usize)>,
    reset: Option<(usize, usize)>,
    limited: Option<(usize, u128)>,
    polls: Option<usize>,
    lone: Option<(f64, f64)>,
    memory: Option<usize>,
}

/// The HTTP layer beside its peers.
#[derive(Parser)]
#[command(name = "compare-http")]
struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Ask for each answer of each layer whether the origin could have made it for that very request
    Oracle {
        /// How long for each layer
        #[arg(long, value_name = "N", default_value_t = 20)]
        seconds: u64,

        /// What the clients' choices follow from
        #[arg(long, value_name = "S", default_value_t = 1)]
        seed: u64,
    },
}

fn main() -> ExitCode {
    if let Some(Task::Oracle { seconds, seed }) = Arguments::parse().task {
        return arena::oracle(Duration::from_secs(seconds), seed);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        eprintln!("compare-http: there is no runtime");
        return ExitCode::from(2);
    };
    match runtime.block_on(measure()) {
        Ok(rows) => {
            print(&rows);
            bars(&rows)
        }
        Err(error) => {
            eprintln!("compare-http: {error}");
            ExitCode::from(2)
        }
    }
}

async fn measure() -> std::io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for kind in KINDS {
        eprintln!("{}", kind.name());
        let server = Server::of(kind).await?;
        let (executions, time) = inside::limited(kind).await;
        rows.push(Row {
            name: kind.name().to_owned(),
            is_ours: kind.is_ours(),
            is_detached: kind == Kind::OursInTasks,
            equal: Some(server.equal().await),
            reset: Some(server.reset().await),
            limited: Some((executions, time.as_millis())),
            polls: (kind != Kind::Bare).then_some(inside::polls(kind).await),
            lone: Some(inside::lone(kind).await),
            // Its followers' answers are copies of a cache's, and the bare service's are their own.
            memory: match kind {
                Kind::Bare => None,
                _ => inside::memory(kind).await,
            },
        });
    }
    for name in ["nginx", "varnishd"] {
        eprintln!("{name}");
        let Some(server) = Server::proxy(name).await? else {
            println!("!!! SKIPPED: {name} is not installed");
            continue;
        };
        rows.push(Row {
            name: name.to_owned(),
            equal: Some(server.equal().await),
            reset: Some(server.reset().await),
            ..Row::default()
        });
    }
    Ok(rows)
}

fn print(rows: &[Row]) {
    println!(
        "| | 1,000 equal GETs, 100 connections | leader reset, 100 follow | 8 over `concurrency_limit(1)` \
         | polls of a follower | lone request | 1 MiB to 10,000 |\n|---|---|---|---|---|---|---|"
    );
    let bare = rows.first().and_then(|row| row.lone).unwrap_or_default();
    let pair = |pair: Option<(usize, usize)>| {
        pair.map_or_else(
            || "–".to_owned(),
            |(executions, errors)| format!("{executions} executions, {errors} errors"),
        )
    };
    for row in rows {
        let lone = row.lone.map_or_else(
            || "–".to_owned(),
            |(time, count)| {
                format!(
                    "{:+.0} ns, {:+.1} allocations",
                    time - bare.0,
                    count - bare.1
                )
            },
        );
        println!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            row.name,
            pair(row.equal),
            pair(row.reset),
            row.limited
                .map_or("–".to_owned(), |(executions, time)| format!(
                    "{executions} executions, {time} ms"
                )),
            row.polls.map_or("–".to_owned(), |polls| polls.to_string()),
            lone,
            row.memory
                .map_or("–".to_owned(), |bytes| format!("{bytes} B each")),
        );
    }
}

fn bars(rows: &[Row]) -> ExitCode {
    let bare = rows.first().and_then(|row| row.lone).unwrap_or_default();
    let mut missed = Vec::new();
    for row in rows.iter().filter(|row| row.is_ours) {
        let mut hold = |what: &str, holds: bool| {
            if !holds {
                missed.push(format!("{}: {what}", row.name));
            }
        };
        hold(
            "1,000 equal GETs are one execution",
            row.equal == Some((1, 0)),
        );
        let most = if row.is_detached { 1 } else { 2 };
        let reset = row.reset.unwrap_or((usize::MAX, usize::MAX));
        hold(
            "a leader's reset costs one execution more at most, and no error",
            reset.0 <= most && reset.1 == 0,
        );
        hold(
            "8 calls over concurrency_limit(1) are one execution",
            row.limited.is_some_and(|(executions, _)| executions == 1),
        );
        hold(
            "a follower is polled three times at most",
            row.polls.is_some_and(|polls| polls <= 3),
        );
        let (time, count) = row.lone.unwrap_or((f64::MAX, f64::MAX));
        if !row.is_detached {
            hold(
                "a lone request costs 2 us more at most",
                time - bare.0 <= 2_000.0,
            );
            hold(
                "a lone request costs 3 allocations more at most",
                count - bare.1 <= 3.0,
            );
        }
        hold(
            "a follower holds 2 KiB at most",
            row.memory.is_some_and(|bytes| bytes <= 2_048),
        );
    }
    if missed.is_empty() {
        println!("bars: all stand");
        return ExitCode::SUCCESS;
    }
    for bar in missed {
        println!("bar missed: {bar}");
    }
    ExitCode::FAILURE
}
