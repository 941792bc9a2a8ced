#![doc = include_str!("../README.md")]

mod call;
mod group;
mod many;
mod park;
mod run;
mod spawn;

pub use call::Call;
pub use group::{Builder, Group};
pub use many::CallMany;
pub use singleflight_core::{
    Answer, Answers, BlockingLimit, ByPart, ByParts, ByPointer, ByRef, ByValue, CallError,
    CallResult, DefaultHashBuilder, DefaultHasher, Fence, FlightId, FlightInfo, Follower, GroupRef,
    Joined, Key, Leader, LeaderPanicked, NoDeadline, Outcome, PanicPolicy, Receiver, Role,
    SeededHashBuilder, ShareAll, Shares, StatKind, Stats, TimeLimit, Turn, Undrained, Wanted,
    Watcher,
};
pub use spawn::{Job, NewThread, SpawnCall, SpawnCallWhileWanted, Spawned, TrySpawned};
