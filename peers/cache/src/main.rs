//! The bars of the cache-aside, beside moka's `try_get_with`, foyer's `get_or_fetch` and cached's
//! `sync_writes`, where they do the same.
//!
//! `cargo xtask compare cache` builds and runs it. It ends with exit code 1 if a bar does not hold.
//! `cache-peers get 10000` only hits, `aged` does so by `get_with_age`, `stale-get` and `stale-aged` read a
//! stale value that somebody else refreshes, and `cache-peers store 10000` only asks the store below, so
//! that `valgrind --tool=callgrind` can count what each costs.

mod bar;
mod bars;
mod contents;
#[path = "../../../examples/cache/moka_store.rs"]
mod moka_store;
mod peers;
#[path = "../../../examples/cache/quick_cache_store.rs"]
mod quick_cache_store;
mod refreshing;

use std::process::ExitCode;

use crate::bar::Bar;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime can be made");
    let mut arguments = std::env::args().skip(1);
    if let (Some(of), Some(times)) = (arguments.next(), arguments.next()) {
        let times = times.parse().expect("the second argument is a number");
        runtime.block_on(bars::only(&of, times));
        return ExitCode::SUCCESS;
    }
    println!(
        "{:<64} {:>12} {:>10}  {:<8} beside",
        "bar", "value", "at most", ""
    );
    let mut all_hold = true;
    let mut tell = |bar: Bar| {
        let holds = bar.value <= bar.most;
        all_hold &= holds;
        let mark = if holds { "" } else { "  DOES NOT HOLD" };
        let Bar {
            what,
            value,
            most,
            unit,
            beside,
        } = bar;
        println!("{what:<64} {value:>12.3} {most:>10.3}  {unit:<8} {beside}{mark}");
    };
    runtime.block_on(async {
        bars::all(&mut tell).await;
        refreshing::all(&mut tell).await;
    });
    if all_hold {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
