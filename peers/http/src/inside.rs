//! What is measured without sockets: executions, polls, time, allocations, memory.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use http_body_util::Empty;
use tokio::task::JoinSet;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer as _, ServiceExt as _};

use crate::counting;
use crate::stacks::{Asked, Kind, Payload, Work};

fn get() -> Asked {
    let mut request = Asked::new(Empty::new());
    *request.uri_mut() = "/a/path?with=a&query=1".parse().expect("it is a URI");
    let headers = request.headers_mut();
    for (name, value) in [
        ("host", "www.example.com"),
        ("accept", "text/html,application/json;q=0.9"),
        ("accept-encoding", "gzip, br"),
        ("accept-language", "en"),
        ("user-agent", "a client of some kind/1.0"),
    ] {
        headers.insert(name, value.parse().expect("it is a value"));
    }
    request
}

/// 8 equal calls over `concurrency_limit(1)`: executions and time.
pub async fn limited(kind: Kind) -> (usize, Duration) {
    let work = Work::new(Duration::from_millis(50), 0);
    let inner = ConcurrencyLimitLayer::new(1).layer(work.clone());
    let stack = kind.stack(inner);
    let start = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        calls.spawn(stack.clone().oneshot(get()));
    }
    calls.join_all().await;
    (work.calls(), start.elapsed())
}

/// Counts how often a future is polled.
struct Polled<F> {
    future: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for Polled<F> {
    type Output = (F::Output, usize);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.polls += 1;
        let polls = self.polls;
        self.future
            .as_mut()
            .poll(context)
            .map(|output| (output, polls))
    }
}

/// The most polls that one of 100 followers needed while the work took 200 ms.
pub async fn polls(kind: Kind) -> usize {
    let work = Work::new(Duration::from_millis(200), 0);
    let stack = kind.stack(work.clone());
    let leader = tokio::spawn(stack.clone().oneshot(get()));
    while work.calls() == 0 {
        tokio::task::yield_now().await;
    }
    let mut followers = JoinSet::new();
    for _ in 0..100 {
        let future = Box::pin(stack.clone().oneshot(get()));
        followers.spawn(Polled { future, polls: 0 });
    }
    let polls = followers
        .join_all()
        .await
        .into_iter()
        .map(|(_, polls)| polls)
        .max();
    drop(leader.await);
    polls.unwrap_or_default()
}

/// Nanoseconds and allocations of a request that nobody joins: the least of several rounds.
pub async fn lone(kind: Kind) -> (f64, f64) {
    const CALLS: usize = 20_000;
    let stack = kind.stack(Work::new(Duration::ZERO, 0));
    let mut best = (f64::MAX, f64::MAX);
    for round in 0..12 {
        let requests: Vec<_> = (0..CALLS)
            .map(|call| {
                let mut request = get();
                // Each is another one, so that a cache has nothing to give.
                let uri = format!("/a/path?with=a&query={}", round * CALLS + call);
                *request.uri_mut() = uri.parse().expect("it is a URI");
                request
            })
            .collect();
        let (before, start) = (counting::count(), Instant::now());
        for request in requests {
            drop(stack.clone().oneshot(request).await);
        }
        let time = start.elapsed().as_nanos() as f64 / CALLS as f64;
        let count = (counting::count() - before) as f64 / CALLS as f64;
        best = (best.0.min(time), best.1.min(count));
    }
    best
}

/// Bytes for each of 10,000 followers that hold an answer of 1 MiB, beside the one MiB. Nothing if it was
/// not one execution that all of them had.
pub async fn memory(kind: Kind) -> Option<usize> {
    const FOLLOWERS: usize = 10_000;
    const SIZE: usize = 1 << 20;
    let work = Work::new(Duration::from_secs(2), SIZE);
    let stack = kind.stack(work.clone());
    let before = counting::live();
    let mut callers = JoinSet::new();
    for _ in 0..=FOLLOWERS {
        callers.spawn(stack.clone().oneshot(get()));
    }
    let mut held: Vec<http::Response<Payload>> = Vec::new();
    while let Some(response) = callers.join_next().await {
        held.extend(response.ok().and_then(Result::ok));
    }
    let bytes = counting::live().saturating_sub(before + SIZE) / FOLLOWERS;
    let mut read = 0;
    for response in held {
        let body = response.into_body().collect().await;
        read += body.map_or(0, |body| body.to_bytes().len());
    }
    (work.calls() == 1 && read == (FOLLOWERS + 1) * SIZE).then_some(bytes)
}
