//! Values that are no bytes, by the codec for bytes.
//!
//! Says: `Raw` is no codec for values of type `u64`
//! Says: `Postcard` and `Json`
//! Errors: 1

use std::time::Duration;

use singleflight_redis::{BuildError, Group, Raw, Server};

pub fn counts(server: &Server) -> Result<Group<str, u64>, BuildError> {
    Group::builder(server, "count:v1")
        .wait_at_most(Duration::from_secs(60))
        .codec(Raw)
        .build()
}

fn main() {}
