//! `compare-redis`: what a call over Redis costs, beside PING on the same connection and the command
//! sequences of others; and what processes do together. Every bar is printed with what was measured.

mod child;
mod latency;
mod rounds;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use singleflight_arena::{Server, program};

use crate::table::Table;

/// Measures calls over Redis.
#[derive(Debug, Parser)]
#[command(name = "compare-redis")]
struct Arguments {
    /// Measure less: a minute
    #[arg(long)]
    quick: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// What the program starts N times
    #[command(hide = true)]
    Child(child::Child),
}

fn main() -> ExitCode {
    let Arguments { quick, part } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let ended = match part {
        Some(Part::Child(child)) => runtime.block_on(child.run()),
        None => runtime.block_on(measure(quick)),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare-redis: {error}");
            ExitCode::from(2)
        }
    }
}

async fn measure(quick: bool) -> Result<(), String> {
    let program = match program() {
        Ok(program) => program,
        Err(why) => {
            println!("!!! SKIPPED: {why}");
            return Ok(());
        }
    };
    let server = Server::start(&program, &[]).map_err(|error| error.to_string())?;
    println!(
        "{} on loopback; counts are exact, times are of this machine\n",
        program.display()
    );
    let mut table = Table::default();
    latency::measure(&server, quick, &mut table).await?;
    rounds::measure(&server, quick, &mut table).await?;
    print!("{table}");
    Ok(())
}
