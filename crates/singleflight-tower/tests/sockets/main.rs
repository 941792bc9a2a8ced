//! An axum server behind real sockets, HTTP/1.1 and h2c: slow readers, resets, half-closed
//! connections, streams of events, trailers.
//!
//! Each route's handler waits for the test; nothing waits for a clock but to fail.

mod server;
mod wire;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use singleflight_tower::HttpCoalesceBuilder;

use crate::server::{Driven, Server};
use crate::wire::Wire;

const DRIVEN: [Driven; 2] = [Driven::ByCallers, Driven::InTasks];

fn plain(builder: HttpCoalesceBuilder) -> HttpCoalesceBuilder {
    builder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_equal_requests_over_a_hundred_connections_are_one_execution() {
    for driven in DRIVEN {
        let server = Server::start(driven, plain).await;
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let address = server.address();
                tokio::spawn(async move {
                    let mut wire = Wire::connect(address).await;
                    // Of each connection the first is sent now; nine more follow on it later.
                    wire.send("GET", "/gated", "").await;
                    (wire.answer().await, wire)
                })
            })
            .collect();
        server.gate.reached(100, &server.layer).await;
        server.gate.open();
        let mut answered = 0;
        for task in tasks {
            let (answer, mut wire) = task.await.unwrap();
            assert_eq!(
                (answer.status, answer.body.as_slice()),
                (200, &b"gated"[..])
            );
            answered += 1;
            for _ in 0..9 {
                wire.send("GET", "/quick", "").await;
                assert_eq!(wire.answer().await.body, b"quick", "the connection is kept");
                answered += 1;
            }
        }
        assert_eq!((answered, server.executions("/gated")), (1_000, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_socket_is_reset_costs_one_more_execution_at_most_and_no_error() {
    for driven in DRIVEN {
        let server = Server::start(driven, plain).await;
        let mut leader = server.connect().await;
        leader.send("GET", "/gated", "").await;
        server.gate.reached(1, &server.layer).await;
        let mut followers = Vec::new();
        for _ in 0..100 {
            let mut wire = server.connect().await;
            wire.send("GET", "/gated", "").await;
            followers.push(wire);
        }
        server.gate.reached(101, &server.layer).await;
        leader.reset();
        let executions = match driven {
            Driven::ByCallers => {
                server.until(|| server.executions("/gated") == 2).await;
                2
            }
            Driven::InTasks => 1,
        };
        server.gate.open();
        for mut follower in followers {
            let answer = follower.answer().await;
            assert_eq!(
                (answer.status, answer.body.as_slice()),
                (200, &b"gated"[..])
            );
        }
        assert_eq!(server.executions("/gated"), executions);
        server.is_empty().await;
    }
}

/// hyper drops the work of a connection whose other half was closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_that_close_or_half_close_their_sockets_harm_nobody() {
    for driven in DRIVEN {
        let server = Server::start(driven, plain).await;
        let mut leader = server.connect().await;
        leader.send("GET", "/gated", "").await;
        server.gate.reached(1, &server.layer).await;
        let mut others = Vec::new();
        for _ in 0..30 {
            let mut wire = server.connect().await;
            wire.send("GET", "/gated", "").await;
            others.push(wire);
        }
        server.gate.reached(31, &server.layer).await;
        for (index, wire) in others.into_iter().enumerate() {
            match index % 3 {
                0 => wire.reset(),
                1 => drop(wire),
                _ => wire.half_close().await,
            }
        }
        server.gate.open();
        assert_eq!(leader.answer().await.body, b"gated");
        server.is_empty().await;
        assert_eq!(server.executions("/gated"), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_ends_when_every_socket_is_gone() {
    for driven in DRIVEN {
        let server = Server::start(driven, plain).await;
        let mut wires = Vec::new();
        for _ in 0..3 {
            let mut wire = server.connect().await;
            wire.send("GET", "/gated", "").await;
            wires.push(wire);
        }
        server.gate.reached(3, &server.layer).await;
        wires.into_iter().for_each(Wire::reset);
        server.is_empty().await;
        server.until(|| server.gate.waiting() == 0).await;
        // And the key is free.
        let mut next = server.connect().await;
        next.send("GET", "/gated", "").await;
        server.gate.open();
        assert_eq!(next.answer().await.body, b"gated");
    }
}

/// A reader of a kibibyte a second would take a quarter of an hour for what others have at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_holds_up_nobody() {
    for driven in DRIVEN {
        let server = Server::start(driven, plain).await;
        let mut slow = server.connect().await;
        slow.send("GET", "/large", "").await;
        server.gate.reached(1, &server.layer).await;
        let mut quick = Vec::new();
        for _ in 0..10 {
            let mut wire = server.connect().await;
            wire.send("GET", "/large", "").await;
            quick.push(wire);
        }
        server.gate.reached(11, &server.layer).await;
        server.gate.open();
        // It has read a kibibyte, and reads no more before the others are done.
        slow.read_some(1_024).await;
        for mut wire in quick {
            assert_eq!(wire.answer().await.body.len(), server::LARGE);
        }
        server.is_empty().await;
        assert_eq!(slow.answer().await.body.len(), server::LARGE);
        assert_eq!(server.executions("/large"), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_events_is_each_callers_own_and_arrives_event_by_event() {
    for driven in DRIVEN {
        let server = Server::start(driven, plain).await;
        let mut first = server.connect().await;
        first.send("GET", "/events", "").await;
        server.gate.reached(1, &server.layer).await;
        let mut second = server.connect().await;
        second.send("GET", "/events", "").await;
        server.gate.reached(2, &server.layer).await;
        server.gate.open();
        for wire in [&mut first, &mut second] {
            wire.reads("data: 0").await;
        }
        server.event();
        for wire in [&mut first, &mut second] {
            wire.reads("data: 1").await;
        }
        assert_eq!(server.executions("/events"), 2);
        first.reset();
        server.event();
        second.reads("data: 2").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_after_get_and_get_after_head_have_their_own_answers() {
    for driven in DRIVEN {
        let server = Server::start(driven, plain).await;
        let mut wires = Vec::new();
        for method in ["GET", "HEAD", "GET", "HEAD"] {
            let mut wire = server.connect().await;
            wire.send(method, "/gated", "").await;
            wires.push((method, wire));
        }
        server.gate.reached(4, &server.layer).await;
        server.gate.open();
        for (method, mut wire) in wires {
            let answer = match method {
                "HEAD" => wire.answer_to_head().await,
                _ => wire.answer().await,
            };
            let body = if method == "HEAD" { &b""[..] } else { b"gated" };
            assert_eq!((answer.status, answer.body.as_slice()), (200, body));
            assert_eq!(answer.header("content-length"), Some("5"), "{method}");
            // Nothing is left of it on the connection.
            wire.send("GET", "/quick", "").await;
            assert_eq!(wire.answer().await.body, b"quick");
        }
        assert_eq!(server.executions("/gated"), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_breaks_off_never_ends_cleanly() {
    for driven in DRIVEN {
        let server = Server::start(driven, plain).await;
        let mut wires = Vec::new();
        for _ in 0..3 {
            let mut wire = server.connect().await;
            wire.send("GET", "/broken", "").await;
            wires.push(wire);
        }
        server.gate.reached(3, &server.layer).await;
        server.gate.open();
        for mut wire in wires {
            assert!(wire.breaks_off().await, "the connection ends in the middle");
        }
        assert_eq!(server.executions("/broken"), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identity_is_nobody_elses_over_the_wire() {
    for driven in DRIVEN {
        let server = Server::start(driven, plain).await;
        let mut wires = Vec::new();
        for user in ["alice", "bob"] {
            let mut wire = server.connect().await;
            wire.send("GET", "/who", &format!("Authorization: {user}\r\n"))
                .await;
            wires.push((user, wire));
        }
        server.until(|| server.gate.waiting() == 2).await;
        server.gate.open();
        for (user, mut wire) in wires {
            assert_eq!(wire.answer().await.body, user.as_bytes());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2c_shares_bodies_and_trailers_over_one_connection() {
    for driven in DRIVEN {
        let server = Server::start(driven, plain).await;
        let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http();
        let uri = server.uri("/trailers");
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let request = Request::get(&uri).body(Empty::new()).unwrap();
                let response = client.request(request);
                tokio::spawn(async move {
                    let collected = response.await.unwrap().into_body().collect().await.unwrap();
                    let trailers = collected.trailers().cloned();
                    (collected.to_bytes(), trailers)
                })
            })
            .collect();
        server.gate.reached(20, &server.layer).await;
        // One stream is reset, maybe the leader's.
        tasks[0].abort();
        let executions = server.settled(19).await;
        server.gate.open();
        for task in tasks.into_iter().skip(1) {
            let (body, trailers) = task.await.unwrap();
            assert_eq!(body, "with trailers");
            assert_eq!(trailers.unwrap()["checksum"], "1");
        }
        assert!(server.executions("/trailers") <= executions + 1);
        server.is_empty().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_waits_too_long_is_answered_504_and_its_connection_is_kept() {
    let server = Server::start(Driven::InTasks, |builder| {
        let wait = Duration::from_millis(50);
        builder.wait_at_most(wait, singleflight_tower::Elapsed::Fail)
    })
    .await;
    let mut leader = server.connect().await;
    leader.send("GET", "/gated", "").await;
    server.gate.reached(1, &server.layer).await;
    let mut follower = server.connect().await;
    follower.send("GET", "/gated", "").await;
    assert_eq!(follower.answer().await.status, 504);
    follower.send("GET", "/quick", "").await;
    assert_eq!(follower.answer().await.body, b"quick");
    server.gate.open();
    assert_eq!(leader.answer().await.body, b"gated");
}
