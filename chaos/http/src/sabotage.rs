//! The layer in front of the origin, as it is or with a planted bug.
//!
//! The crate itself has no switches for bugs. They are planted by what stands around it: a key that
//! forgets something, or a pair of services that hide from the layer what it should have seen, and bring
//! it back behind it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use fastrand::Rng;
use http::header::{ACCEPT, CACHE_CONTROL, SET_COOKIE, VARY};
use http::{HeaderName, Method, Request, Response};
use http_body::{Body, Frame};
use singleflight_tower::{Failed, HttpCoalesce, HttpKey, Identity};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceExt as _};

use crate::origin::{Failure, LIMIT, Origin, Payload, Stack, payload};

/// Which headers are part of the key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Mode {
    /// Every one.
    AllHeaders,
    /// `Accept`.
    UriAndAccept,
}

/// A bug to plant.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[non_exhaustive]
pub enum Bug {
    /// The host is no part of the key.
    HostDropped,
    /// Who asks is no part of the key, and does not go alone.
    IdentityDropped,
    /// `HEAD` and `GET` have one key.
    HeadMeetsGet,
    /// An answer with `Set-Cookie` is shared.
    SetCookieShared,
    /// An answer that is `private` or `no-store` is shared.
    PrivateShared,
    /// What an answer varies on is not looked at.
    VaryIgnored,
    /// A body that breaks off ends well.
    CutCleanly,
}

/// Puts the layer in front of an origin.
pub fn stack(rng: &mut Rng, mode: Mode, origin: Origin, bug: Option<Bug>) -> (Stack, HttpCoalesce) {
    let key = match (bug, mode) {
        (Some(Bug::HostDropped), _) => HttpKey::by(|head| {
            let headers = head.headers.iter();
            let dropped = ["host", "x-forwarded-host", "x-request-id"];
            let mut kept: Vec<_> = headers
                .filter(|(name, _)| !dropped.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            kept.sort_by(|one, other| one.0.as_str().cmp(other.0.as_str()));
            Some((head.uri.path_and_query().cloned(), kept))
        }),
        (_, Mode::AllHeaders) => HttpKey::all_headers(),
        (_, Mode::UriAndAccept) => HttpKey::uri_and([ACCEPT]),
    };
    let mut builder = HttpCoalesce::builder(key, tokio::time::sleep)
        .body_limit(LIMIT)
        .collect_within(Duration::from_millis(rng.u64(2..20)))
        .remember_unshareable(Duration::from_millis(rng.u64(..2)), 16);
    if rng.bool() {
        builder = builder.detached(|task| drop(tokio::spawn(task)));
    }
    if rng.u8(..4) == 0 {
        builder = builder.failed(Failed::Retry);
    }
    if bug == Some(Bug::IdentityDropped) {
        builder = builder.identity(Identity::SharedAcrossUsers);
    }
    let layer = builder.build();

    let inner = origin
        .map_request(move |request: Request<Payload>| restored(request, bug))
        .map_response(move |response| hidden(response, bug));
    let service = layer
        .layer(inner)
        .map_response(move |response| shown(response.map(payload), bug))
        .map_err(|error| Failure(error.to_string()))
        .map_request(move |request| disguised(request, bug));
    (BoxCloneSyncService::new(service), layer)
}

#[derive(Clone)]
struct WasHead;

/// What the layer is shown of a request.
fn disguised(mut request: Request<Payload>, bug: Option<Bug>) -> Request<Payload> {
    if bug == Some(Bug::HeadMeetsGet) && request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
        request.extensions_mut().insert(WasHead);
    }
    request
}

fn restored(mut request: Request<Payload>, _: Option<Bug>) -> Request<Payload> {
    if request.extensions().get::<WasHead>().is_some() {
        *request.method_mut() = Method::HEAD;
    }
    request
}

/// The header that a bug hides from the layer, and the name by which it goes through.
fn hides(bug: Option<Bug>) -> Option<(HeaderName, HeaderName)> {
    let hidden = HeaderName::from_static("x-hidden");
    match bug? {
        Bug::SetCookieShared => Some((SET_COOKIE, hidden)),
        Bug::PrivateShared => Some((CACHE_CONTROL, hidden)),
        Bug::VaryIgnored => Some((VARY, hidden)),
        _ => None,
    }
}

/// What the layer is shown of an answer.
fn hidden(mut response: Response<Payload>, bug: Option<Bug>) -> Response<Payload> {
    if let Some((name, hidden)) = hides(bug) {
        if let Some(value) = response.headers_mut().remove(name) {
            response.headers_mut().insert(hidden, value);
        }
    }
    if bug == Some(Bug::CutCleanly) {
        response.headers_mut().remove("content-length");
        return response.map(|body| payload(Cut(body)));
    }
    response
}

fn shown(mut response: Response<Payload>, bug: Option<Bug>) -> Response<Payload> {
    if let Some((name, hidden)) = hides(bug) {
        if let Some(value) = response.headers_mut().remove(hidden) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A body whose failures are its end.
struct Cut(Payload);

impl Body for Cut {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let frame = Pin::new(&mut self.0).poll_frame(context);
        frame.map(|frame| frame.and_then(Result::ok).map(Ok))
    }
}
