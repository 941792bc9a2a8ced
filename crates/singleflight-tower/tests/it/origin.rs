//! A service whose answers the test gives by hand, and the requests and responses of the tests.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty};
use singleflight_tower::{
    HttpCoalesce, HttpCoalesceBuilder, HttpCoalesced, HttpCoalescing, HttpKey, SharedBody,
};
use tower::{Layer as _, Service};

use crate::task::Task;

/// An error that is no `Clone`.
#[derive(Debug, PartialEq)]
pub(crate) struct Broken(pub(crate) &'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Broken {}

/// A body whose frames the test gives, and that tells whether it was polled and whether it is there.
pub(crate) struct Content {
    frames: Arc<Mutex<Frames>>,
    hint: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Frames {
    queue: VecDeque<Option<Result<Frame<Bytes>, Broken>>>,
    waker: Option<Waker>,
    pub(crate) polls: usize,
    pub(crate) is_dropped: bool,
    pub(crate) size_panics: bool,
}

/// The test's end of a body.
#[derive(Clone)]
pub(crate) struct Source(Arc<Mutex<Frames>>);

impl Source {
    fn push(&self, frame: Option<Result<Frame<Bytes>, Broken>>) {
        let mut frames = self.0.lock().unwrap();
        frames.queue.push_back(frame);
        if let Some(waker) = frames.waker.take() {
            waker.wake();
        }
    }

    pub(crate) fn data(&self, data: &'static str) -> &Self {
        self.push(Some(Ok(Frame::data(Bytes::from_static(data.as_bytes())))));
        self
    }

    pub(crate) fn trailers(&self, name: &'static str, value: &'static str) -> &Self {
        let mut trailers = HeaderMap::new();
        trailers.insert(name, value.parse().unwrap());
        self.push(Some(Ok(Frame::trailers(trailers))));
        self
    }

    pub(crate) fn fails(&self, what: &'static str) {
        self.push(Some(Err(Broken(what))));
    }

    pub(crate) fn ends(&self) {
        self.push(None);
    }

    pub(crate) fn frames(&self) -> std::sync::MutexGuard<'_, Frames> {
        self.0.lock().unwrap()
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let mut frames = self.frames.lock().unwrap();
        frames.polls += 1;
        if let Some(frame) = frames.queue.pop_front() {
            return Poll::Ready(frame);
        }
        frames.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        assert!(!self.frames.lock().unwrap().size_panics, "no size");
        self.hint.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        self.frames.lock().unwrap().is_dropped = true;
    }
}

/// A body, and the end from which it is filled.
pub(crate) fn content() -> (Content, Source) {
    let frames = Arc::default();
    let source = Source(Arc::clone(&frames));
    (Content { frames, hint: None }, source)
}

/// A body of this text, which ends.
pub(crate) fn text(data: &'static str) -> Content {
    let (mut content, source) = content();
    content.hint = Some(data.len() as u64);
    if !data.is_empty() {
        source.data(data);
    }
    source.ends();
    content
}

pub(crate) type Answer = Result<Response<Content>, Broken>;

/// A request that has come to the origin and waits for its answer.
pub(crate) struct Asked {
    pub(crate) head: http::request::Parts,
    slot: Arc<Mutex<Slot>>,
}

#[derive(Default)]
struct Slot {
    answer: Option<Answer>,
    panics: bool,
    waker: Option<Waker>,
    is_dropped: bool,
}

impl Asked {
    pub(crate) fn answers(&self, answer: Answer) {
        self.set(|slot| slot.answer = Some(answer));
    }

    pub(crate) fn panics(&self) {
        self.set(|slot| slot.panics = true);
    }

    fn set(&self, set: impl FnOnce(&mut Slot)) {
        let mut slot = self.slot.lock().unwrap();
        set(&mut slot);
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
    }

    /// Whether the origin's future was dropped.
    pub(crate) fn is_dropped(&self) -> bool {
        self.slot.lock().unwrap().is_dropped
    }
}

pub(crate) struct Answering(Arc<Mutex<Slot>>);

impl Future for Answering {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let mut slot = self.0.lock().unwrap();
        if slot.panics {
            drop(slot);
            panic!("the origin panics");
        }
        let Some(answer) = slot.answer.take() else {
            slot.waker = Some(context.waker().clone());
            return Poll::Pending;
        };
        Poll::Ready(answer)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.lock().unwrap().is_dropped = true;
    }
}

#[derive(Clone, Default)]
pub(crate) struct Origin {
    asked: Arc<Mutex<VecDeque<Asked>>>,
    pub(crate) is_busy: Arc<AtomicBool>,
    pub(crate) call_panics: Arc<AtomicBool>,
    pub(crate) ready_fails: Arc<AtomicBool>,
    ready: Arc<Mutex<Vec<Waker>>>,
}

impl Origin {
    /// Takes the one request that has come.
    #[track_caller]
    pub(crate) fn asked(&self) -> Asked {
        let mut asked = self.all();
        assert_eq!(asked.len(), 1, "requests that have come to the origin");
        asked.remove(0)
    }

    /// Takes the requests that have come.
    pub(crate) fn all(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().drain(..).collect()
    }

    pub(crate) fn is_free(&self) {
        self.is_busy.store(false, Ordering::SeqCst);
        for waker in self.ready.lock().unwrap().drain(..) {
            waker.wake();
        }
    }
}

impl<B> Service<Request<B>> for Origin {
    type Response = Response<Content>;
    type Error = Broken;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.ready_fails.load(Ordering::SeqCst) {
            return Poll::Ready(Err(Broken("not ready")));
        }
        if self.is_busy.load(Ordering::SeqCst) {
            self.ready.lock().unwrap().push(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        assert!(
            !self.call_panics.load(Ordering::SeqCst),
            "the origin's call panics"
        );
        let slot = Arc::default();
        let asked = Asked {
            head: request.into_parts().0,
            slot: Arc::clone(&slot),
        };
        self.asked.lock().unwrap().push_back(asked);
        Answering(slot)
    }
}

pub(crate) type Got = Result<Response<SharedBody<Content>>, singleflight_tower::Shared<Broken>>;

/// A layer over an origin.
pub(crate) struct Bench {
    pub(crate) origin: Origin,
    pub(crate) layer: HttpCoalesce,
    pub(crate) service: HttpCoalesced<Origin>,
}

/// A layer with every setting as it is, but for the key, over an origin.
pub(crate) fn builder() -> HttpCoalesceBuilder {
    HttpCoalesce::builder(HttpKey::all_headers(), tokio::time::sleep).cache_status("test")
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(builder())
    }

    pub(crate) fn with(builder: HttpCoalesceBuilder) -> Self {
        let layer = builder.build();
        let origin = Origin::default();
        Self {
            service: layer.layer(origin.clone()),
            origin,
            layer,
        }
    }

    /// Begins a request: it is polled once.
    pub(crate) fn begin(&self, request: Request<Empty<Bytes>>) -> Task<Got> {
        let mut task = Task::new(self.call(request));
        task.waits();
        task
    }

    pub(crate) fn call(
        &self,
        request: Request<Empty<Bytes>>,
    ) -> HttpCoalescing<Origin, Empty<Bytes>> {
        self.service.clone().call(request)
    }

    /// A leader, and so many others that wait for it.
    pub(crate) fn crowd(&self, followers: usize) -> (Task<Got>, Asked, Vec<Task<Got>>) {
        let leader = self.begin(get("/"));
        let asked = self.origin.asked();
        let followers = (0..followers).map(|_| self.begin(get("/"))).collect();
        assert!(self.origin.all().is_empty(), "they wait");
        (leader, asked, followers)
    }
}

pub(crate) fn get(path: &str) -> Request<Empty<Bytes>> {
    request(Method::GET, path, &[])
}

pub(crate) fn request(
    method: Method,
    uri: &str,
    headers: &[(&str, &str)],
) -> Request<Empty<Bytes>> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Empty::new()).unwrap()
}

/// A response with these headers and this text.
pub(crate) fn response(headers: &[(&str, &str)], data: &'static str) -> Response<Content> {
    let mut response = Response::builder();
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(text(data)).unwrap()
}

pub(crate) fn with_status(status: u16, data: &'static str) -> Response<Content> {
    let mut response = response(&[], data);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// What became of a request, by its `Cache-Status`.
pub(crate) fn way(got: &Got) -> &str {
    let value = &got.as_ref().unwrap().headers()["cache-status"];
    value.to_str().unwrap().strip_prefix("test; fwd=").unwrap()
}

pub(crate) const LED: &str = "miss";
pub(crate) const FOLLOWED: &str = "miss; collapsed";
pub(crate) const IN_VAIN: &str = "miss; collapsed=?0";
pub(crate) const BYPASSED: &str = "bypass";

pub(crate) fn status(got: &Got) -> u16 {
    got.as_ref().unwrap().status().as_u16()
}

/// Reads a body to its end, at once.
pub(crate) fn read(got: Got) -> Result<(Vec<u8>, Option<HeaderMap>), String> {
    let body = got.unwrap().into_body();
    let collected = Task::new(body.collect()).ends();
    let collected = collected.map_err(|error| error.to_string())?;
    let trailers = collected.trailers().cloned();
    Ok((collected.to_bytes().to_vec(), trailers))
}

/// Reads a body that is text.
pub(crate) fn read_text(got: Got) -> String {
    String::from_utf8(read(got).unwrap().0).unwrap()
}

/// What became of a request, and its text.
pub(crate) fn told(got: Got) -> (String, String) {
    let way = way(&got).to_owned();
    (way, read_text(got))
}

/// A service that cannot fail and answers at once.
#[derive(Clone)]
pub(crate) struct Quick;

impl<B> Service<Request<B>> for Quick {
    type Response = Response<Content>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Content>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(response(&[], "quick")))
    }
}

/// Runs a test in a runtime whose clock stands still, but where nothing can go on. So a test that waits for
/// what does not come fails at once.
pub(crate) fn at_rest<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(async {
            let ended = tokio::time::timeout(Duration::from_secs(1_000_000), test).await;
            ended.expect("it comes to its end")
        })
}

pub(crate) async fn later(time: Duration) {
    tokio::time::advance(time).await;
}
