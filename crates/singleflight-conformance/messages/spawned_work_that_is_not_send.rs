//! A work is spawned that cannot go to another thread.
//!
//! Says: `Rc<usize>` cannot be sent between threads safely
//! Says: future created by async closure is not `Send`
//! Errors: 2

use std::rc::Rc;

use singleflight_tokio::Group;

fn main() {
    let group: Group<u32, usize> = Group::new();
    let one = Rc::new(1);
    let _handle = group.spawn(7, async move || *one);
}
