//! Somebody who accepts, and never answers. Needs no Redis.

use std::net::{Ipv4Addr, TcpListener};
use std::pin::pin;
use std::time::Duration;

use futures_lite::future::poll_once;
use singleflight_redis::{Alone, Role, Runtime, Server, ServerBuilder};

use crate::stage::{LONG, SHORT, over, within};

fn silent() -> (TcpListener, ServerBuilder) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a port");
    let port = listener.local_addr().expect("it has one").port();
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}/")).expect("an address");
    let server = Server::builder(client, Runtime::Tokio);
    let server = server.connect_timeout(SHORT).response_timeout(SHORT);
    (listener, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_connects_and_is_polled_no_more_holds_up_no_other() {
    let (_listener, server) = silent();
    let group = over(&server.lazy().expect("a runtime"), |builder| builder);
    let mut kept = pin!(group.run_outcome("kept", async |_| "kept".to_owned()));
    assert!(poll_once(&mut kept).await.is_none(), "it connects");
    assert!(within(group.forget("other")).await.is_err());
    let outcome = within(group.run_outcome("other", async |_| "here".to_owned())).await;
    assert_eq!(outcome.expect("a value").role, Role::Alone(Alone::Down));
    let outcome = within(kept).await.expect("a value");
    assert_eq!(outcome.role, Role::Alone(Alone::Down));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_can_be_left_alone_for_good() {
    let (_listener, server) = silent();
    let server = server.down_for(Duration::MAX).lazy().expect("a runtime");
    let group = over(&server, |builder| builder);
    for _ in 0..2 {
        let outcome = within(group.run_outcome("key", async |_| "here".to_owned())).await;
        assert_eq!(outcome.expect("a value").role, Role::Alone(Alone::Down));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_left_alone_for_as_long_as_was_said() {
    for (down_for, is_left_alone) in [(LONG, true), (Duration::ZERO, false)] {
        let (listener, server) = silent();
        listener.set_nonblocking(true).expect("it can be");
        let server = server.down_for(down_for).lazy().expect("a runtime");
        let group = over(&server, |builder| builder);
        let attempts = async || {
            let outcome = within(group.run_outcome("key", async |_| "here".to_owned())).await;
            assert_eq!(outcome.expect("a value").role, Role::Alone(Alone::Down));
            std::iter::from_fn(|| listener.accept().ok()).count()
        };
        assert!(attempts().await > 0);
        assert_eq!(attempts().await == 0, is_left_alone, "{down_for:?}");
    }
}
