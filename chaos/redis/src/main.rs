//! `chaos-redis --seconds N --processes P --seed S`: processes that call at random over one Redis,
//! while everything goes wrong; and a checker of what they saw.
//!
//! Exit code: 0 if every promise was kept, 1 if not, 2 if it could not be run as asked.

mod children;
mod mischief;
mod ours;
mod parent;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use singleflight_chaos_redis::{Child, Settings};

use crate::ours::Ours;

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
    Child(Child),
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
        Some(Part::Child(child)) => runtime.block_on(async {
            // Its connections are tasks of the runtime.
            let ours = Ours::new(&settings, child.port)?;
            child.run(&settings, ours).await.map(|()| 0)
        }),
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
