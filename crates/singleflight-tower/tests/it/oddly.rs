//! Services, bodies and layers that behave oddly: nobody pays for it but who must.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{Method, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Empty};
use singleflight_tower::{Failed, HttpCoalesce, HttpKey};
use tower::{Layer as _, Service, service_fn};

use crate::origin::{
    Answer, Bench, Origin, at_rest, builder, get, later, request, response, status, with_status,
};
use crate::task::Task;

/// The others wait, while one of them tries: not all at once, and not alone for a while.
#[test]
fn failures_of_every_kind_are_retried_one_at_a_time() {
    let retries = || builder().failed(Failed::Retry);
    let only_successes = || retries().share_if(|head| head.status.is_success());
    let down = |headers: &[(&str, &str)]| -> Answer {
        let mut answer = response(headers, "down");
        *answer.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        Ok(answer)
    };
    at_rest(async {
        for (builder, answer) in [
            (retries(), down(&[])),
            (retries(), down(&[("cache-control", "no-store")])),
            (retries(), down(&[("set-cookie", "a=b")])),
            (retries(), down(&[("vary", "*")])),
            (retries(), Ok(with_status(511, ""))),
            (retries().body_limit(2), down(&[])),
            (only_successes(), down(&[])),
        ] {
            let bench = Bench::with(builder);
            let (leader, asked, mut followers) = bench.crowd(9);
            asked.answers(answer);
            assert!(status(&leader.ends()) >= 500);
            followers.iter_mut().for_each(Task::waits);
            let _one_tries = bench.origin.asked();
            let _joins = bench.begin(get("/"));
            assert!(bench.origin.all().is_empty(), "nothing is remembered");
        }
    });
}

/// Frames without end, each there at once.
struct Pours {
    frame: Bytes,
    left: usize,
    polls: Arc<AtomicUsize>,
}

impl Body for Pours {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        let Some(left) = self.left.checked_sub(1) else {
            return Poll::Ready(None);
        };
        self.left = left;
        Poll::Ready(Some(Ok(Frame::data(self.frame.clone()))))
    }
}

type Asking = Request<Empty<Bytes>>;

async fn yield_now() {
    let mut has_slept = false;
    poll_fn(|context| {
        if has_slept {
            return Poll::Ready(());
        }
        has_slept = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A leader and a follower of a service that sleeps once, and makes its answer then.
fn two<S>(service: &S) -> [Task<Result<S::Response, S::Error>>; 2]
where
    S: Service<Asking, Future: 'static> + Clone,
{
    [(), ()].map(|()| {
        let mut task = Task::new(service.clone().call(get("/")));
        task.polled_once();
        task
    })
}

#[test]
fn a_body_that_is_always_ready_leaves_others_and_the_timer_their_turns() {
    at_rest(async {
        let polls = Arc::new(AtomicUsize::new(0));
        let body = |polls| Pours {
            frame: Bytes::new(),
            left: usize::MAX,
            polls,
        };
        let read = Arc::clone(&polls);
        let service = builder().build().layer(service_fn(move |_: Asking| {
            let body = body(Arc::clone(&read));
            async {
                yield_now().await;
                Ok::<_, Infallible>(Response::new(body))
            }
        }));
        let [mut leader, _follower] = two(&service);
        leader.polled_once();
        let before = polls.load(Ordering::SeqCst);
        leader.polled_once();
        assert!(polls.load(Ordering::SeqCst) - before <= 64);
        later(Duration::from_secs(6)).await;
        assert!(leader.poll_now().is_some(), "its time is up");
    });
}

/// What a follower receives first of a body of so many frames like this one, and what comes after.
async fn first_of(frame: Bytes, frames: usize) -> (Bytes, usize) {
    let service = builder().build().layer(service_fn(move |_: Asking| {
        let (frame, left, polls) = (frame.clone(), frames, Arc::default());
        async move {
            yield_now().await;
            Ok::<_, Infallible>(Response::new(Pours { frame, left, polls }))
        }
    }));
    let [leader, follower] = two(&service);
    drop(leader.ends());
    let mut body = follower.ends().expect("it cannot fail").into_body();
    let mut next = async || {
        let frame = body.frame().await?;
        frame.expect("it is whole").into_data().ok()
    };
    let first = next().await.expect("there is one");
    let mut more = 0;
    while next().await.is_some() {
        more += 1;
    }
    (first, more)
}

/// A frame of one byte may hold a buffer of many, and costs more than its byte where it holds none.
#[test]
fn small_frames_are_kept_together_and_larger_ones_are_not_copied() {
    at_rest(async {
        let (first, more) = first_of(Bytes::from_static(b"a"), 1_000).await;
        assert_eq!((first.len(), more), (1_000, 0));
        let large = Bytes::from(vec![7; 1_024]);
        let (first, more) = first_of(large.clone(), 3).await;
        assert_eq!((first.as_ptr(), more), (large.as_ptr(), 2));
    });
}

/// Panics as it is dropped, and as its error is boxed.
struct Sticky;

impl Drop for Sticky {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "no drop");
    }
}

struct Empties;

impl Body for Sticky {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}

impl From<Empties> for Box<dyn std::error::Error + Send + Sync> {
    fn from(_: Empties) -> Self {
        panic!("no error")
    }
}

impl Body for Empties {
    type Data = Bytes;
    type Error = Self;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self>>> {
        Poll::Ready(Some(Err(Self)))
    }
}

/// The leader's panic is its own; the other one is told, and starts no work of its own.
fn is_told<S, R>(service: &S)
where
    S: Service<Asking, Response = Response<R>, Future: 'static> + Clone,
{
    let [mut leader, mut follower] = two(service);
    let panics = catch_unwind(AssertUnwindSafe(|| leader.poll_now()));
    assert!(panics.is_err());
    let told = follower.poll_now().expect("it does not wait");
    assert_eq!(told.ok().expect("an answer").status(), 500);
    // Nobody panics for it again.
    std::mem::forget(leader);
}

#[test]
fn a_panic_is_told_wherever_it_happens() {
    async fn answers<R>(body: R) -> Result<Response<R>, Infallible> {
        yield_now().await;
        Ok(Response::new(body))
    }
    /// The work itself.
    struct Work(Option<Sticky>);
    impl Future for Work {
        type Output = Result<Response<Empty<Bytes>>, Infallible>;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            if self.0.is_some() {
                return Poll::Ready(Ok(Response::new(Empty::new())));
            }
            self.0 = Some(Sticky);
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }
    at_rest(async {
        let layer = || builder().build();
        is_told(&layer().layer(service_fn(|_: Asking| answers(Empties))));
        is_told(&layer().layer(service_fn(|_: Asking| answers(Sticky))));
        is_told(&layer().layer(service_fn(|_: Asking| Work(None))));
    });
}

/// A router has one for each of its routes.
#[test]
fn a_layer_outside_of_many_is_taken_for_none_of_them() {
    at_rest(async {
        let outer = builder().build();
        for _ in 0..48 {
            let (inner, origin) = (builder().build(), Origin::default());
            let stack = outer.layer(inner.layer(origin));
            let mut task = Task::new(stack.clone().call(get("/")));
            task.waits();
            assert_eq!(inner.in_flight(), 1);
        }
    });
}

#[test]
fn in_the_same_layer_twice_those_who_waited_in_vain_ask_at_once() {
    at_rest(async {
        let layer = HttpCoalesce::builder(HttpKey::uri_and([ACCEPT]), tokio::time::sleep).build();
        let origin = Origin::default();
        let stack = layer.layer(layer.layer(origin.clone()));
        let begin = |language| {
            let asking = request(Method::GET, "/", &[("accept-language", language)]);
            let mut task = Task::new(stack.clone().call(asking));
            task.waits();
            task
        };
        let leader = begin("de");
        let asked = origin.asked();
        let mut others = ["fr", "en", "it"].map(begin);
        asked.answers(Ok(response(&[("vary", "accept-language")], "deutsch")));
        drop(leader.ends());
        others.iter_mut().for_each(Task::waits);
        assert_eq!(origin.all().len(), 3);
    });
}
