//! The key's type has no `Hash`.
//!
//! Says: the trait `Hash` is not implemented for `Name`
//! Errors: 1

use singleflight_tokio::Group;

#[derive(PartialEq, Eq)]
struct Name(u32);

fn main() {
    let group: Group<Name, u32> = Group::new();
    let _call = group.run(Name(1), async || 1);
}
