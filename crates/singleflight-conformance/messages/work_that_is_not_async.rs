//! The work of a task gives a value at once, where a future is asked for.
//!
//! Says: is not a future
//! Says: Group::<K, V, S>::run
//! Errors: 1

use singleflight_tokio::Group;

fn main() {
    let group: Group<u32, u32> = Group::new();
    let _call = group.run(7, || 1);
}
