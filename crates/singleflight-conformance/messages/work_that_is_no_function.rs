//! The work is given as a future, where a function that makes one is asked for.
//!
//! Says: FnOnce
//! Errors: 1

use singleflight_core::Group;

fn main() {
    let group: Group<u32, u32> = Group::new();
    let _call = group.run(7, async { 1 });
}
