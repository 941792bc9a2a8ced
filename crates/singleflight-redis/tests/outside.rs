//! Calls that no runtime polls. By itself: `redis` is told once which runtime it is to take.

use std::time::Duration;

use futures_lite::future::block_on;
use singleflight_redis::{Group, Raw, Role, Runtime, Server, WhenDown};

#[test]
fn a_call_may_be_polled_outside_of_any_runtime() {
    let Some(redis) = singleflight_arena::for_test(&[]) else {
        return;
    };
    // As it is where `smol` is not enabled.
    redis::aio::prefer_tokio().expect("it is asked for once");
    let runtime = tokio::runtime::Runtime::new().expect("there are threads");
    let client = redis::Client::open(redis.url()).expect("an address");
    let server = runtime.block_on(Server::connect(client, Runtime::Tokio));
    let group: Group<str, String> = Group::builder(&server.expect("it is there"), "test:v1")
        .wait_at_most(Duration::from_secs(30))
        .when_down(WhenDown::Fail)
        .codec(Raw)
        .build()
        .expect("the settings are sound");
    let outcome = block_on(group.run_outcome("key", async |_| "made".to_owned()));
    assert_eq!(outcome.expect("it leads").role, Role::Leader);
    drop(runtime);
    let down = block_on(group.run("key", async |_| unreachable!("it is down")));
    assert!(down.is_err());
}
