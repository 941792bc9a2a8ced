//! A value is shared by cloning it, and this one cannot be cloned.
//!
//! Says: Clone
//! Errors: 1

use singleflight_core::Group;

struct Connection;

fn main() {
    let group: Group<u32, Connection> = Group::new();
    let _call = group.run(7, async || Connection);
}
