#![doc = include_str!("../README.md")]

mod deadline;
mod group;
mod spawn;

pub use group::{Builder, Call, CallMany, Current, Group, SpawnCall};
pub use singleflight_core::{
    Answer, Answers, ByPart, ByParts, ByPointer, ByRef, ByValue, CallError, CallResult, Deadline,
    DefaultHashBuilder, DefaultHasher, Fence, FlightId, FlightInfo, Follower, GroupRef, Joined,
    Key, Leader, LeaderPanicked, Limit, NoDeadline, Outcome, PanicPolicy, Role, SeededHashBuilder,
    ShareAll, Shares, StatKind, Stats, Turn, Undrained, Watcher,
};
pub use spawn::{OnLocal, OnRuntime, Spawned, Task, TrySpawned};
