//! The group's keys are texts, and the call's key is a number.
//!
//! Says: the trait bound
//! Says: Key<String
//! Errors: 1

use singleflight_core::Group;

fn main() {
    let group: Group<String, u32> = Group::new();
    let _call = group.run(7_u32, async || 1);
}
