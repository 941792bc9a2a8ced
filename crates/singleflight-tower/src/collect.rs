//! Reading a body for all who wait: within a limit of size and of time, and only while somebody waits.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, response};
use http_body::{Body, Frame};

use crate::answer::{Answer, Verdict};
use crate::body::{Piece, SharedBody};
use crate::hub::{BoxFuture, Way};
use crate::inner::BoxError;
use crate::role::Role;
use crate::rules::announced;

/// An answer whose body is being read.
pub(crate) struct Collecting<R> {
    body: Pin<Box<R>>,
    head: response::Parts,
    vary: Vec<HeaderName>,
    pieces: Vec<Piece>,
    read: u64,
    expiry: BoxFuture<()>,
}

/// How reading ended.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum End {
    /// With the body, or with its failure.
    Whole,
    /// The body is too large, or takes too long.
    OverLimit,
    /// Nobody else is there any more.
    Alone,
}

impl<R: Body<Data = Bytes, Error: Into<BoxError>>> Collecting<R> {
    pub(crate) fn new(role: &Role, head: response::Parts, body: R, vary: Vec<HeaderName>) -> Self {
        let settings = role.hub.settings();
        Self {
            body: Box::pin(body),
            head,
            vary,
            pieces: Vec::new(),
            read: 0,
            expiry: (settings.timer)(settings.collect_within),
        }
    }

    pub(crate) fn poll(&mut self, role: &mut Role, context: &mut Context<'_>) -> Poll<End> {
        let limit = role.hub.settings().body_limit as u64;
        let last = loop {
            let (body, expiry) = (self.body.as_mut(), self.expiry.as_mut());
            let polled = role.step(|| match expiry.poll(context) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => body.poll_frame(context).map(Some),
            });
            let Some(frame) = ready!(polled) else {
                return Poll::Ready(End::OverLimit);
            };
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => {
                    self.read += data.len() as u64;
                    self.pieces.push(Piece::Data(data));
                    // Nobody need wait for the rest.
                    if role.is_alone() {
                        return Poll::Ready(End::Alone);
                    }
                    if self.read > limit {
                        return Poll::Ready(End::OverLimit);
                    }
                }
                // Nothing comes after trailers.
                Some(Ok(Err(frame))) => break self.clean_end(role, frame.into_trailers().ok()),
                Some(Err(error)) => break Some(Piece::Failed(Arc::from(error.into()))),
                None => break self.clean_end(role, None),
            }
        };
        self.pieces.extend(last);
        Poll::Ready(End::Whole)
    }

    /// A body that ends before as many bytes as were announced has failed, whatever it says.
    fn clean_end(&self, role: &Role, trailers: Option<HeaderMap>) -> Option<Piece> {
        let read = self.read;
        match announced(&self.head, role.is_head()) {
            Some(announced) if announced != read => {
                let what = format!("the head announced {announced} bytes, the body had {read}");
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, what);
                Some(Piece::Failed(Arc::new(error)))
            }
            _ => trailers.map(Piece::Trailers),
        }
    }

    /// Lands the flight. Returns what the leader's own caller receives.
    pub(crate) fn end(self, end: End, role: &mut Role) -> Response<SharedBody<R>> {
        // P1: a work that is over is gone before its flight is.
        let rest = Some(self.body).filter(|_| end != End::Whole);
        let head = self.head;
        let failed =
            head.status.is_server_error() || matches!(self.pieces.last(), Some(Piece::Failed(_)));
        let pieces: Arc<[Piece]> = self.pieces.into();
        match end {
            End::Whole => {
                let mut response = Response::new(Arc::clone(&pieces));
                *response.status_mut() = head.status;
                *response.headers_mut() = head.headers.clone();
                let answer = Answer {
                    response,
                    vary: self.vary,
                    leader: role.key.clone().expect("a leader has a key"),
                };
                role.land(Verdict::Shared(Arc::new(answer)), failed);
            }
            // The leader keeps its answer. Those who wait ask for themselves, if anybody does.
            End::OverLimit => role.land_unshared(),
            End::Alone => {}
        }
        let response = Response::from_parts(head, SharedBody::read(pieces, rest));
        role.hub.finish(response, Way::Led)
    }
}
