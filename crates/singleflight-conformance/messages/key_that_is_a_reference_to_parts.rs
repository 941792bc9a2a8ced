//! A key of borrowed parts is given by reference.
//!
//! Says: does not name a key of type `(u32, String)`
//! Says: takes `(A, &str)`, not `&(A, &str)`
//! Errors: 2

use singleflight_tokio::Group;

fn main() {
    let group: Group<(u32, String), u32> = Group::new();
    let _call = group.run(&(1, "path"), async || 1);
}
