//! `chaos --front std|tokio|smol|mixed --seconds N --seed S`: callers at random, and a checker.
//!
//! Exit code: 0 if every promise was kept, 1 if not, 2 if it could not be run as asked.

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::Parser;
use singleflight_chaos::{Front, Options, run};

/// Counts the bytes that are allocated.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it is; counting touches an
// atomic and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract, which is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Callers that run, follow, panic, cancel, time out, forget, batch and re-enter at random, and
/// a checker of what they saw.
#[derive(Parser)]
#[command(name = "chaos")]
struct Arguments {
    /// Who calls: std, tokio, smol, or mixed, which is all three in one group
    #[arg(long, value_name = "FRONT", default_value = "mixed")]
    front: Front,

    /// How long
    #[arg(long, value_name = "N", default_value_t = 20)]
    seconds: u64,

    /// What the callers' choices follow from; the schedule does not
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// Stop after the first round with a violation
    #[arg(long)]
    stop: bool,

    /// After how many seconds without any movement a call is said to hang
    #[arg(long, value_name = "N", default_value_t = 10)]
    patience: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Arguments {
        front,
        seconds,
        seed,
        stop,
        patience,
    } = arguments;
    println!("chaos: front {front}, seed {seed}, {seconds} s");
    let mut options = Options::new(Duration::from_secs(seconds), seed);
    options.stops_at_violation = stop;
    options.patience = Duration::from_secs(patience);
    options.live_bytes = Some(|| LIVE.load(Ordering::Relaxed));
    let report = run(&options, &|rules| front.setup(rules));
    print!("{report}");
    if report.violations.total() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
