//! What a lone call costs in instructions, which do not move with the machine's mood.
//!
//! `cargo build --release -p singleflight-benches --bin instructions`, then for `blocking` and
//! `async`:
//!
//! `valgrind --tool=callgrind --collect-atstart=no --toggle-collect='measured_*'
//! --callgrind-out-file=/dev/null target/release/instructions blocking`
//!
//! prints what 1,000 calls cost under `Collected`.

#![expect(
    clippy::no_mangle_with_rust_abi,
    reason = "the names are for valgrind, and nobody links to them"
)]

use std::env;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};

const CALLS: u64 = 1000;

// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured_blocking(group: &singleflight_std::Group<u64, u64>) {
    for key in 0..CALLS {
        black_box(group.run(black_box(key), || black_box(key + 1)));
    }
}

// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured_async(group: &singleflight_core::Group<u64, u64>) {
    for key in 0..CALLS {
        let mut call = pin!(group.run(black_box(key), async || black_box(key + 1)));
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(black_box(polled), Poll::Ready(_)));
    }
}

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some("blocking") => measured_blocking(&singleflight_std::Group::new()),
        Some("async") => measured_async(&singleflight_core::Group::new()),
        _ => {
            eprintln!("instructions: say what to run: blocking or async");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
