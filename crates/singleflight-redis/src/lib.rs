#![doc = include_str!("../README.md")]

mod builder;
#[cfg(feature = "cache")]
mod cache;
mod call;
mod claim;
mod codec;
mod drive;
mod engine;
mod error;
mod group;
mod inbox;
mod inner;
mod key;
mod lease;
#[cfg(feature = "metrics")]
mod metrics;
mod outcome;
mod runtime;
mod script;
// Bugs are planted by tests only.
#[cfg_attr(singleflight_planted, path = "../tests/model/planted.rs")]
mod seeds;
mod server;
mod settings;
mod traceparent;

// A test that sees the inside. It needs a crate that is not published.
#[cfg(all(test, feature = "model"))]
#[path = "../tests/model/mod.rs"]
mod model;

pub use builder::Builder;
#[cfg(feature = "cache")]
pub use cache::{FlightsError, Landed};
pub use call::Call;
#[cfg(feature = "serde-json")]
pub use codec::Json;
#[cfg(feature = "postcard")]
pub use codec::Postcard;
pub use codec::{Codec, Raw};
pub use error::{BuildError, CallError, ConnectError, ForgetError};
pub use group::Group;
pub use key::KeyBytes;
pub use lease::Lease;
pub use outcome::{Alone, Ended, Outcome, Role, Stats};
pub use runtime::Runtime;
pub use server::{Server, ServerBuilder, Target};
pub use settings::WhenDown;
