#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod builder;
mod changes;
mod claims;
mod dates;
mod entry;
mod error;
mod flights;
mod get;
mod got;
mod inner;
mod invalidate;
mod load;
mod many;
#[cfg(feature = "metrics")]
mod metrics;
mod on_drop;
mod planted;
mod refresh;
mod seed;
mod settings;
mod stats;
mod store;
mod task;

pub use builder::Builder;
pub use entry::{Entry, EntryId, Held};
pub use error::{Error, Fault, InvalidateError, Unremoved};
pub use flights::{Batch, Flights, InProcess, Landing, Loaded};
pub use get::Aside;
pub use got::{Freshness, Got};
pub use refresh::{Refresh, Refreshed};
pub use settings::{Early, Look, StoreDown};
pub use stats::Stats;
pub use store::{Found, Lease, Put, RemoveAll, Store};

#[cfg(test)]
#[path = "../tests/model/mod.rs"]
mod model;
