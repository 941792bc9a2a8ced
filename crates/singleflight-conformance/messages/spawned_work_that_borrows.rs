//! A spawned work borrows from its caller, whom it may outlive.
//!
//! Says: `text` does not live long enough
//! Says: argument requires that `text` is borrowed for `'static`
//! Errors: 1

use singleflight_tokio::Group;

fn main() {
    let group: Group<u32, usize> = Group::new();
    let text = String::from("text");
    let _handle = group.spawn(7, async || text.len());
}
