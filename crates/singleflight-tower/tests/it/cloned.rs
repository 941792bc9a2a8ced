//! The layer for responses that are cloned.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use singleflight_core::Builder;
use singleflight_tower::{CallError, CoalesceError, CoalesceLayer, Coalesced};
use tokio::sync::Semaphore;
use tower::limit::ConcurrencyLimitLayer;
use tower::util::BoxCloneService;
use tower::{Layer as _, Service, ServiceExt as _};

use crate::origin::{Broken, at_rest};
use crate::task::Task;

/// Looks numbers up, when the test lets it; numbers above 100 are unknown, and 13 is not liked.
#[derive(Clone)]
struct Lookup {
    gate: Arc<Semaphore>,
    calls: Arc<AtomicUsize>,
}

impl Lookup {
    fn new() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            calls: Arc::default(),
        }
    }
}

impl Service<u32> for Lookup {
    type Response = String;
    type Error = Broken;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<String, Broken>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, number: u32) -> Self::Future {
        assert!(number != 13, "not this one");
        self.calls.fetch_add(1, Ordering::SeqCst);
        let gate = Arc::clone(&self.gate);
        Box::pin(async move {
            drop(gate.acquire().await);
            match number {
                0..=100 => Ok(number.to_string()),
                _ => Err(Broken("unknown")),
            }
        })
    }
}

type Service1 = Coalesced<Lookup, u32, u32, String, Broken>;

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "a layer's key has this form"
)]
fn by_number(number: &u32) -> Option<u32> {
    (*number != 0).then_some(*number)
}

fn begin(service: &Service1, number: u32) -> Task<Result<String, CoalesceError<Broken>>> {
    let mut task = Task::new(service.clone().call(number));
    task.waits();
    task
}

#[test]
fn equal_requests_share_a_response_and_an_error() {
    at_rest(async {
        for number in [7, 107] {
            let lookup = Lookup::new();
            let service = CoalesceLayer::new(by_number).layer(lookup.clone());
            let tasks = [(); 3].map(|()| begin(&service, number));
            let _other = begin(&service, 8);
            assert_eq!(lookup.calls.load(Ordering::SeqCst), 2);
            lookup.gate.add_permits(10);
            for mut task in tasks {
                match task.end() {
                    Ok(text) => assert_eq!(text, "7"),
                    Err(CoalesceError::Service(error)) => {
                        assert_eq!(*error, Broken("unknown"));
                        let told = CoalesceError::Service(error).to_string();
                        assert_eq!(told, Broken("unknown").to_string());
                    }
                    Err(error) => panic!("{error}"),
                }
                assert!(task.polls() <= 3);
            }
        }
    });
}

#[test]
fn a_request_without_a_key_goes_alone() {
    at_rest(async {
        let lookup = Lookup::new();
        let layer = CoalesceLayer::new(by_number);
        let service = layer.layer(lookup.clone());
        let tasks = [(); 2].map(|()| begin(&service, 0));
        assert_eq!(
            (
                lookup.calls.load(Ordering::SeqCst),
                layer.group().in_flight()
            ),
            (2, 0)
        );
        lookup.gate.add_permits(10);
        for task in tasks {
            assert_eq!(task.ends().unwrap(), "0");
        }
    });
}

#[test]
fn a_leader_that_goes_hands_over() {
    at_rest(async {
        let lookup = Lookup::new();
        let service = CoalesceLayer::new(by_number).layer(lookup.clone());
        let (leader, mut follower) = (begin(&service, 7), begin(&service, 7));
        drop(leader);
        follower.waits();
        assert_eq!(lookup.calls.load(Ordering::SeqCst), 2);
        lookup.gate.add_permits(10);
        assert_eq!(follower.ends().unwrap(), "7");
    });
}

#[test]
fn a_panic_and_a_refusal_are_errors_of_their_own() {
    at_rest(async {
        let lookup = Lookup::new();
        let layer = CoalesceLayer::with(Builder::new().max_followers(1), by_number);
        // The call that panics waits for its permit first, so that another can follow.
        let limited = ConcurrencyLimitLayer::new(1).layer(lookup.clone());
        let service = layer.layer(limited);
        let mut first = Task::new(service.clone().call(7));
        first.waits();
        let mut leader = Task::new(service.clone().call(13));
        leader.waits();
        let mut follower = Task::new(service.clone().call(13));
        follower.waits();
        let refused = Task::new(service.clone().call(13)).ends();
        let is_full = matches!(
            refused,
            Err(CoalesceError::Call(CallError::TooManyFollowers))
        );
        assert!(is_full);
        let told = refused.unwrap_err().to_string();
        assert_eq!(told, CallError::TooManyFollowers.to_string());
        lookup.gate.add_permits(10);
        assert_eq!(first.ends().unwrap(), "7");
        let panicked = std::panic::AssertUnwindSafe(|| leader.poll_now());
        assert!(std::panic::catch_unwind(panicked).is_err());
        let told = follower.ends().unwrap_err();
        assert!(
            matches!(told, CoalesceError::Call(CallError::LeaderPanicked(_))),
            "{told}"
        );
        assert_eq!(layer.group().in_flight(), 0);
    });
}

#[test]
fn one_call_needs_one_permit_and_the_layer_twice_goes_alone() {
    at_rest(async {
        let lookup = Lookup::new();
        let layer = CoalesceLayer::new(by_number);
        let limited = ConcurrencyLimitLayer::new(1).layer(lookup.clone());
        let service = layer.layer(limited);
        let mut tasks = [(); 2].map(|()| Task::new(service.clone().call(7)));
        tasks.iter_mut().for_each(Task::waits);
        lookup.gate.add_permits(10);
        for task in tasks {
            assert_eq!(task.ends().unwrap(), "7");
        }
        assert_eq!(lookup.calls.load(Ordering::SeqCst), 1);

        let layer = CoalesceLayer::new(by_number);
        let inner = layer.layer(lookup.clone()).map_err(|_| Broken("inside"));
        let twice = layer.layer(BoxCloneService::new(inner));
        assert_eq!(twice.oneshot(8).await.unwrap(), "8");
    });
}
