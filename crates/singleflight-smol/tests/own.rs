//! What this front end has of its own.

use std::future::pending;
use std::time::Instant;

use singleflight_smol::Group;

#[test]
fn a_drain_tells_what_is_left() {
    smol::block_on(async {
        let group: Group<&str, u32> = Group::new();
        let handle = group.spawn_until_unwanted("stuck", pending);
        let left = group.drain(Instant::now()).await;
        assert_eq!(
            *left.expect_err("it is in flight").flights[0].key(),
            "stuck"
        );
        drop(handle);
    });
}
