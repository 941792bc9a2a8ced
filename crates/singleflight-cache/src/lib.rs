#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod builder;
mod dates;
mod entry;
mod error;
mod flights;
mod get;
mod invalidate;
mod load;
mod many;
mod planted;
mod refresh;
mod seed;
mod stats;
mod store;

pub use builder::{Builder, Early, Look, StoreDown};
pub use entry::{Entry, EntryId, Held};
pub use error::{Error, Fault, InvalidateError, Unremoved};
pub use flights::{Batch, Flights, Landing, Lease, Loaded};
pub use get::{Aside, Freshness, Got, InProcess};
pub use refresh::{Refresh, Refreshed};
pub use stats::Stats;
pub use store::{Found, Put, RemoveAll, Store};

#[cfg(test)]
mod model;
