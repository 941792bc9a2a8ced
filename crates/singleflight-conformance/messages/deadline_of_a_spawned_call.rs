//! A call with a deadline is spawned: a timeout belongs around the handle.
//!
//! Says: no method named `spawn` found
//! Says: Deadline<
//! Says: the method was found for
//! Errors: 1

use std::time::Duration;

use singleflight_tokio::Group;

fn main() {
    let group: Group<u32, u32> = Group::new();
    let _handle = group.call(7).timeout(Duration::from_secs(1)).spawn(async || 1);
}
