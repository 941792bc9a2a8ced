#![doc = include_str!("../README.md")]

mod meter;
mod number;
mod registry;
mod stat;

pub use meter::{Meter, Timing};
pub use number::{Number, Numbers};
pub use registry::Registry;
pub use singleflight_core::{StatKind, Stats};
pub use stat::Stat;
