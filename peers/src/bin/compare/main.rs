//! Ours beside every peer, measured in turns in one process.
//!
//! `cargo xtask compare` builds it, runs it and says where the report is.

mod allocator;
mod chart;
mod contest;
mod figure;
mod figures;
mod go;
mod host;
mod number;
mod options;
mod pace;
mod report;

// The stampede's service, as it is: what only the stampede needs of it is dead here.
#[allow(dead_code, clippy::duration_suboptimal_units)]
#[path = "../../../../examples/stampede/database.rs"]
mod database;
#[allow(dead_code)]
#[path = "../../../../examples/stampede/failure.rs"]
mod failure;
#[path = "../../../../examples/stampede/ledger.rs"]
mod ledger;
#[allow(dead_code)]
#[path = "../../../../examples/stampede/pool.rs"]
mod pool;
#[allow(dead_code)]
#[path = "../../../../examples/stampede/service.rs"]
mod service;
#[allow(dead_code)]
#[path = "../../../../examples/stampede/stop.rs"]
mod stop;
#[path = "../../../../examples/stampede/zipf.rs"]
mod zipf;

use std::process::ExitCode;

use clap::Parser;

use crate::options::Options;
use crate::report::Report;

fn main() -> ExitCode {
    let options = Options::parse();
    let mut report = Report::new(&options);
    for (name, measure) in figures::ALL {
        if options.wants(name) {
            println!("\n== {name}");
            for figure in measure(&options) {
                report.add(figure);
            }
        }
    }
    match report.write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {}: {error}", options.out.display());
            ExitCode::FAILURE
        }
    }
}
