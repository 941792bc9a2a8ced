//! The work gives a `Result`, and the group's value is what stands inside: `try_run` is meant.
//!
//! Says: expected `u32`, found `Result<u32, String>`
//! Errors: 1

use singleflight_tokio::Group;

fn main() {
    let group: Group<u32, u32> = Group::new();
    let _call = group.run(7, async || Ok::<u32, String>(1));
}
