//! Clients at random in front of an HTTP layer: an origin that says of each answer for which request it
//! was made, an oracle that knows who may have it, a proxy that breaks connections, and layers with
//! planted bugs, each of which the oracle has to catch.

mod direct;
mod oracle;
mod origin;
mod proxy;
mod report;
mod request;
mod sabotage;
mod wire;

pub use direct::direct;
pub use oracle::Violation;
pub use origin::{Failure, Origin, Payload, Stack, payload};
pub use proxy::{Fate, Fault, Proxy};
pub use report::Report;
pub use sabotage::{Bug, Mode, stack};
pub use wire::wire;
