//! A key of one's own, that does not say by which bytes it is known in Redis.
//!
//! Says: `Page` does not say by which bytes it is known in Redis
//! Says: impl KeyBytes for
//! Errors: 1

use std::time::Duration;

use singleflight_redis::{BuildError, Group, Raw, Server};

struct Page {
    _path: String,
}

pub fn pages(server: &Server) -> Result<Group<Page, String>, BuildError> {
    Group::builder(server, "page:v1")
        .wait_at_most(Duration::from_secs(60))
        .codec(Raw)
        .build()
}

fn main() {}
