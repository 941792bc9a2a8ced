#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod platform;

mod answers;
mod builder;
mod error;
mod flight_info;
mod hasher;
mod key;
mod outcome;
mod policy;
mod stats;

mod call;
mod front_end;
mod group;
mod spawn;
mod table;

pub use answers::Answers;
pub use builder::Builder;
#[cfg(all(feature = "std", not(target_family = "wasm")))]
pub use call::BlockingLimit;
#[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
pub use call::TimeLimit;
pub use call::{Call, CallMany, Deadline, Limit, NoDeadline, ShareAll, Shares};
pub use error::{CallError, CallResult, LeaderPanicked};
pub use flight_info::FlightInfo;
pub use group::close::Undrained;
pub use group::fence::Fence;
pub use group::follower::{Follower, Turn, Watcher};
pub use group::join::Joined;
pub use group::leader::Leader;
pub use group::{Group, GroupRef};
pub use hasher::{DefaultHashBuilder, DefaultHasher, SeededHashBuilder};
pub use key::{ByPart, ByParts, ByPointer, ByRef, ByValue, Key};
pub use outcome::{Outcome, Role};
pub use policy::PanicPolicy;
#[cfg(all(feature = "std", not(target_family = "wasm")))]
pub use spawn::Wanted;
pub use spawn::{Answer, Arrived, Receiver, SpawnGuard, Spawnable, Spawned};
pub use stats::{StatKind, Stats};
pub use table::slot::FlightId;
