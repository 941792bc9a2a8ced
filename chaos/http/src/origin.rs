//! The origin: it says in each answer for which request it made it, and chooses at random who may have
//! it and how it is sent.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tower::Service;
use tower::util::BoxCloneSyncService;

/// Why there is no answer, or no more of a body.
#[derive(Debug)]
pub struct Failure(pub(crate) String);

impl Failure {
    /// Makes one that says this.
    #[must_use]
    pub const fn new(what: String) -> Self {
        Self(what)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {}

/// A body of a request or of an answer.
pub type Payload = UnsyncBoxBody<Bytes, Failure>;
/// A service that clients ask: an origin, and what stands in front of it.
pub type Stack = BoxCloneSyncService<Request<Payload>, Response<Payload>, Failure>;

/// Which request it is: unique, and part of no key, for it only traces.
pub(crate) const ID: HeaderName = HeaderName::from_static("x-request-id");
/// The head of the request for which an answer was made.
pub(crate) const SAW: HeaderName = HeaderName::from_static("x-saw");
/// Its id.
pub(crate) const FOR: HeaderName = HeaderName::from_static("x-for");
/// Of how many bytes the body is, whatever `Content-Length` says.
pub(crate) const LENGTH: HeaderName = HeaderName::from_static("x-length");
/// What the origin is going to do: break the body off, or send trailers.
pub(crate) const PLAN: HeaderName = HeaderName::from_static("x-plan");
/// That it is nobody else's, as the origin itself notes it.
pub(crate) const OWN: HeaderName = HeaderName::from_static("x-own");
/// On which headers it depends, as the origin itself notes it.
pub(crate) const READ: HeaderName = HeaderName::from_static("x-read");

/// More than a layer of these rounds shares.
pub(crate) const LARGE: usize = 3_000;
/// What a layer of these rounds shares.
pub(crate) const LIMIT: usize = 2_000;

/// An origin. Its clones are one.
#[derive(Clone, Debug)]
pub struct Origin {
    rng: Arc<Mutex<Rng>>,
    executions: Arc<AtomicU64>,
    /// How long an answer takes at most, in milliseconds.
    pause: u64,
}

impl Origin {
    /// Makes one whose choices follow from the seed, and that takes so many milliseconds at most.
    #[must_use]
    pub fn new(seed: u64, pause: u64) -> Self {
        Self {
            rng: Arc::new(Mutex::new(Rng::with_seed(seed))),
            executions: Arc::default(),
            pause,
        }
    }

    /// How many requests it has answered.
    #[must_use]
    pub fn executions(&self) -> u64 {
        self.executions.load(Ordering::Relaxed)
    }

    fn rng(&self) -> Rng {
        self.rng.lock().expect("nobody panics with it").fork()
    }
}

/// The head of a request as one line: what an oracle compares.
pub(crate) fn seen<B>(request: &Request<B>) -> String {
    let uri = request.uri();
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let mut seen = format!("{} {path}", request.method());
    for (name, value) in request.headers() {
        let value = value.to_str().unwrap_or("?");
        // It grows a string, which does not fail.
        let _grown = write!(seen, "|{name}={value}");
    }
    seen
}

/// What a body of this answer holds, byte by byte.
pub(crate) fn byte(id: u64, at: usize) -> u8 {
    b'a' + u8::try_from((id.wrapping_mul(31) + at as u64) % 26).unwrap_or_default()
}

impl Service<Request<Payload>> for Origin {
    type Response = Response<Payload>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Payload>, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Payload>) -> Self::Future {
        let (mut rng, pause) = (self.rng(), self.pause);
        self.executions.fetch_add(1, Ordering::Relaxed);
        let answer = answer(&mut rng, &request);
        Box::pin(async move {
            let time = pause / 2 + rng.u64(..=pause / 2);
            tokio::time::sleep(Duration::from_millis(time)).await;
            if rng.u16(..400) == 0 {
                return Err(Failure("the origin cannot answer".to_owned()));
            }
            Ok(answer)
        })
    }
}

/// Draws an answer.
fn answer(rng: &mut Rng, request: &Request<Payload>) -> Response<Payload> {
    let id = request
        .headers()
        .get(ID)
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let id: u64 = id.unwrap_or_default();
    let length = if rng.u8(..20) == 0 {
        LARGE
    } else {
        rng.usize(..200)
    };
    let mut plan = Plan {
        id,
        length,
        at: 0,
        fails_at: (length > 0 && rng.u8(..30) == 0).then(|| rng.usize(..length)),
        sends_trailers: rng.u8(..8) == 0,
        pauses: rng.u8(..10) == 0,
        pause: None,
        rng: rng.fork(),
    };
    let mut response = Response::new(());
    let headers = response.headers_mut();
    let number = |number: usize| HeaderValue::from(number);
    let seen = seen(request);
    headers.insert(
        SAW,
        HeaderValue::from_str(&seen).expect("it was a header before"),
    );
    headers.insert(FOR, HeaderValue::from(id));
    let put = |headers: &mut HeaderMap, name: &'static str, value: &'static str| {
        headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    };
    match rng.u8(..60) {
        0 => put(headers, "set-cookie", "session=1"),
        1 => put(headers, "cache-control", "max-age=1, private"),
        2 => put(headers, "cache-control", "no-store"),
        3 => put(headers, "vary", "*"),
        4..14 => {
            put(headers, "vary", "accept, accept-language");
            put(headers, "x-read", "accept-language");
        }
        14..20 => {
            put(headers, "vary", "X-Tenant");
            put(headers, "x-read", "x-tenant");
        }
        _ => put(headers, "cache-control", "public, max-age=1"),
    }
    let is_own = headers.contains_key("set-cookie")
        || headers.get("vary").is_some_and(|vary| vary == "*")
        || headers
            .get("cache-control")
            .is_some_and(|value| value != "public, max-age=1");
    let status = match rng.u8(..60) {
        0 => StatusCode::UNAUTHORIZED,
        1 => StatusCode::PARTIAL_CONTENT,
        2 => StatusCode::INTERNAL_SERVER_ERROR,
        3 => StatusCode::NOT_FOUND,
        _ => StatusCode::OK,
    };
    let headers = response.headers_mut();
    if is_own || [401, 206].contains(&status.as_u16()) {
        put(headers, "x-own", "1");
    }
    if request.method() == Method::HEAD {
        plan = Plan {
            length: 0,
            fails_at: None,
            sends_trailers: false,
            ..plan
        };
    }
    if rng.bool() && !plan.sends_trailers {
        headers.insert("content-length", number(length));
    }
    headers.insert(LENGTH, number(plan.length));
    let name = match (plan.fails_at, plan.sends_trailers) {
        (Some(_), _) => "fails",
        (None, true) => "trailers",
        (None, false) => "ends",
    };
    headers.insert(PLAN, HeaderValue::from_static(name));
    *response.status_mut() = status;
    response.map(|()| Payload::new(plan))
}

/// A body as it was planned.
struct Plan {
    id: u64,
    length: usize,
    at: usize,
    fails_at: Option<usize>,
    sends_trailers: bool,
    pauses: bool,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
    rng: Rng,
}

impl Body for Plan {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if self.pauses && self.pause.is_none() && self.rng.bool() {
            let time = Duration::from_millis(self.rng.u64(..3));
            self.pause = Some(Box::pin(tokio::time::sleep(time)));
        }
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        if self.fails_at.is_some_and(|at| self.at >= at) {
            return Poll::Ready(Some(Err(Failure("the origin breaks off".to_owned()))));
        }
        let end = self.fails_at.unwrap_or(self.length);
        if self.at < end {
            let left = end - self.at;
            let size = self.rng.usize(1..=left);
            let frame: Bytes = (self.at..self.at + size)
                .map(|at| byte(self.id, at))
                .collect();
            self.at += size;
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        if std::mem::take(&mut self.sends_trailers) {
            let mut trailers = HeaderMap::new();
            trailers.insert(FOR, HeaderValue::from(self.id));
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        Poll::Ready(None)
    }
}

/// The body that a client sends or receives, as one type.
pub fn payload<B>(body: B) -> Payload
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: fmt::Display,
{
    Payload::new(body.map_err(|error| Failure(error.to_string())))
}
