//! A stampede: many clients ask a real service for the same few things at once.
//!
//! An axum server on loopback answers each request by an aggregate over many rows of a real
//! `SQLite` file. The same load is served twice, first so that every request queries, then
//! through a group, and what was measured of both stands in one table and one chart.
//!
//! Where to look first: `on_threads`, `on_tokio` and `on_smol` are what a user of the front
//! ends would write, about 30 lines each; `on_layer` is the same by a layer, in ten. `command` says what happens in which order. With
//! `--serve` there is no table: `live` serves a page that shows the herd as it comes.

mod cached;
mod chart;
mod client;
mod clocks;
mod command;
mod crowd;
mod database;
mod failure;
#[cfg(test)]
mod journey;
mod json;
mod ledger;
mod live;
mod load;
mod log;
#[path = "../cache/moka_store.rs"]
mod moka_store;
mod on_layer;
mod on_redis;
mod on_smol;
mod on_threads;
mod on_tokio;
mod open_files;
mod options;
mod output;
mod pool;
mod print;
mod processes;
#[cfg(test)]
mod replay;
mod server;
mod service;
mod stop;
mod table;
mod tally;
mod workers;
mod zipf;

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    command::run(
        std::env::args_os(),
        &mut io::stdin().lock(),
        &mut io::stdout().lock(),
        &mut io::stderr(),
    )
    .into()
}
