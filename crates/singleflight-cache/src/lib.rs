#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod aside;
mod builder;
mod dates;
mod entry;
mod error;
mod flights;
mod invalidate;
mod many;
mod planted;
mod refresh;
mod seed;
mod stats;
mod store;

pub use aside::{Aside, Freshness, Got, InProcess};
pub use builder::{Builder, Early, Look, StoreDown};
pub use entry::{Entry, EntryId, Held};
pub use error::{Error, Fault, InvalidateError, Unremoved};
pub use flights::{Flights, Landed, Lease, Loaded};
pub use refresh::{Refresh, Refreshed};
pub use stats::Stats;
pub use store::{Found, Put, RemoveAll, Store};

#[cfg(test)]
mod model;
