//! `chaos-redis --seconds N --processes P --seed S`: processes that call at random over one Redis,
//! while everything goes wrong; and a checker of what they saw.
//!
//! Exit code: 0 if every promise was kept, 1 if not, 2 if it could not be run as asked.

mod child;
mod mischief;
mod parent;
mod settings;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::settings::Settings;

/// Processes that call at random over one Redis, and a checker of what they saw.
#[derive(Debug, Parser)]
#[command(name = "chaos-redis")]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
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
    let Arguments { settings, part } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("chaos-redis: {error}");
            return ExitCode::from(2);
        }
    };
    let ended = match part {
        Some(Part::Child(child)) => runtime.block_on(child.run(&settings)).map(|()| 0),
        None => runtime.block_on(parent::run(&settings)),
    };
    match ended {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos-redis: {error}");
            ExitCode::from(2)
        }
    }
}
