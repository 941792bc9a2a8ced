//! The group's keys are texts, and the call's key is a number.
//!
//! Says: `u32` does not name a key of type `String`
//! Says: expected `String`, a borrow of it
//! Says: a group of `String` takes `String`, `&String` and `&str`
//! Errors: 1

use singleflight_tokio::Group;

fn main() {
    let group: Group<String, u32> = Group::new();
    let _call = group.run(7_u32, async || 1);
}
