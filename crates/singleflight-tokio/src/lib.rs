#![doc = include_str!("../README.md")]

mod deadline;
mod group;
mod spawn;

pub use deadline::CallExt;
pub use group::{Group, milliseconds};
pub use singleflight_core::{
    Answers, Builder, Call, CallError, DefaultHashBuilder, Fence, FlightInfo, Joined, Key, Leader,
    LeaderPanicked, Outcome, PanicPolicy, Role, Stats, Undrained, Until,
};
pub use spawn::{Joining, Spawned};
