#![doc = include_str!("../README.md")]

mod group;

pub use group::Group;
pub use singleflight_core::{
    Builder, CallError, DefaultHashBuilder, Joined, Key, Leader, LeaderPanicked, Outcome,
    PanicPolicy, Role,
};
