#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod answers;
mod arrival;
mod batch;
mod builder;
mod call;
mod calling;
mod close;
mod error;
mod execution;
mod fence;
mod flight;
mod follower;
mod forget;
mod front_end;
mod group;
mod hasher;
mod inbox;
mod inside;
mod inspect;
mod join;
mod key;
mod leader;
mod limit;
mod listing;
mod many;
mod outcome;
mod policy;
mod refusal;
mod reply;
mod run;
mod shard;
mod shared;
mod slot;
mod spawned;
mod stats;
mod sync;
mod trace;
mod wait;
mod waiter;
mod waiter_kind;
mod work;

pub use answers::Answers;
pub use arrival::{Arrival, Interest};
pub use builder::Builder;
pub use call::Call;
pub use close::Undrained;
pub use error::{CallError, LeaderPanicked};
pub use fence::Fence;
pub use follower::{Follower, Turn, Watcher};
pub use group::{Group, Handle};
pub use hasher::{DefaultHashBuilder, DefaultHasher, SeededHashBuilder};
pub use join::Joined;
pub use key::{ByPointer, ByRef, ByValue, Key};
pub use leader::Leader;
pub use listing::FlightInfo;
pub use outcome::{Outcome, Role};
pub use policy::PanicPolicy;
pub use reply::{Answer, Join, Reply};
pub use spawned::{Spawned, Stake, Until};
pub use stats::Stats;
