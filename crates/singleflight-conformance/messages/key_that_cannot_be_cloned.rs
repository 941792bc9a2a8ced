//! The key is given by reference, and its type has no `Clone`.
//!
//! Says: `&Name` does not name a key of type `Name`
//! Says: `Clone` where it is given as a reference
//! Errors: 1

use singleflight_tokio::Group;

#[derive(PartialEq, Eq, Hash)]
struct Name(u32);

fn main() {
    let group: Group<Name, u32> = Group::new();
    let _call = group.run(&Name(1), async || 1);
}
