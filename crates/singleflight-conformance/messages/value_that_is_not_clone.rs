//! A value is shared by cloning it, and this one cannot be cloned.
//!
//! Says: doesn't satisfy `Connection: Clone`
//! Says: #[derive(Clone)]
//! Errors: 1

use singleflight_tokio::Group;

struct Connection;

fn main() {
    let group: Group<u32, Connection> = Group::new();
    let _call = group.run(7, async || Connection);
}
