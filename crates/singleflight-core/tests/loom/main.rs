//! The core's races, each run through every interleaving that loom finds.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p singleflight-core --release --features loom --test loom`
//!
//! A model has two or three threads and one key. Each names the seeded bug that it was seen
//! to catch: a model that has not failed yet has not shown that it can. To see it fail, run
//! it with `SINGLEFLIGHT_SEED` set to the bug's name; `seeded` in the core's sources marks
//! where it is planted.

#![cfg(loom)]

mod batches;
mod bench;
mod flights;
mod handles;
mod limits;
