#![doc = include_str!("../README.md")]

mod answer;
mod body;
mod builder;
mod choices;
mod cloned;
mod collect;
mod error;
mod flight_key;
mod future;
mod http_key;
mod hub;
mod inner;
mod layer;
mod mark;
mod memory;
mod names;
mod refusal;
mod role;
mod rules;

pub use body::SharedBody;
pub use builder::HttpCoalesceBuilder;
pub use choices::{Elapsed, Failed, Identity};
pub use cloned::{CoalesceError, CoalesceLayer, Coalesced};
pub use error::{BodyFailed, Shared};
pub use future::HttpCoalescing;
pub use http_key::HttpKey;
pub use inner::HttpInner;
pub use layer::{HttpCoalesce, HttpCoalesced};
pub use singleflight_core::{CallError, Stats};
