//! Races of three and more parties, too large for loom: run through many schedules drawn at
//! random, and through those that a few well-placed preemptions make.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test -p singleflight-core --release --features shuttle
//! --test shuttle`, or `cargo xtask shuttle`. A schedule that fails is printed in a form that
//! `shuttle::replay` takes.
//!
//! Every model names the seeded bugs that it was seen to catch, as loom's do.

#![cfg(shuttle)]

mod crowd;
mod plan;
mod stage;
