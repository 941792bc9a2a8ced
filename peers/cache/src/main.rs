//! The bars of the cache-aside, beside moka's `try_get_with`, foyer's `get_or_fetch` and cached's
//! `sync_writes`, where they do the same.
//!
//! `cargo xtask compare cache` builds and runs it. It ends with exit code 1 if a bar does not hold.

mod bar;
mod bars;
mod contents;
#[path = "../../../examples/cache/moka_store.rs"]
mod moka_store;
mod peers;
mod refreshing;

use std::process::ExitCode;

use crate::bar::Bar;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime can be made");
    let mut bars = runtime.block_on(bars::all());
    bars.extend(runtime.block_on(refreshing::all()));
    let mut all_hold = true;
    println!(
        "{:<64} {:>12} {:>10}  {:<8} beside",
        "bar", "value", "at most", ""
    );
    for Bar {
        what,
        value,
        most,
        unit,
        beside,
    } in bars
    {
        let holds = value <= most;
        all_hold &= holds;
        let mark = if holds { "" } else { "  DOES NOT HOLD" };
        println!("{what:<64} {value:>12.3} {most:>10.3}  {unit:<8} {beside}{mark}");
    }
    if all_hold {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
