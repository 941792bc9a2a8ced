//! What this front end has of its own.

use std::time::{Duration, Instant};

use singleflight_std::Group;

#[test]
fn a_drain_tells_what_is_left() {
    let group: Group<&str, u32> = Group::new();
    let stuck = group.join("stuck");
    let left = group.drain(Instant::now()).expect_err("it is in flight");
    assert_eq!(*left.flights[0].key(), "stuck");
    drop(stuck);
    assert!(group.drain(Instant::now()).is_ok());
}

#[test]
fn a_call_is_shown_without_its_key() {
    let group: Group<&str, u32> = Group::new();
    let call = group
        .call("key")
        .deadline(Instant::now() + Duration::from_secs(1));
    let shown = format!("{call:?}");
    assert!(shown.starts_with("Call { group: Group {"), "{shown}");
    assert!(shown.contains("deadline: Some("), "{shown}");
}
