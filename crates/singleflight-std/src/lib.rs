#![doc = include_str!("../README.md")]

mod batch;
mod call;
mod drain;
mod group;
mod spawn;

pub use call::{Call, Fence};
pub use group::{Group, milliseconds};
pub use singleflight_core::{
    Answers, Builder, CallError, DefaultHashBuilder, FlightInfo, Interest, Joined, Key, Leader,
    LeaderPanicked, Outcome, PanicPolicy, Role, Stats, Undrained, Until,
};
pub use spawn::{Job, Spawned};
