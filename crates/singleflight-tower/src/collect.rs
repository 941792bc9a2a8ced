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
use crate::flight_key::FlightKey;
use crate::hub::{BoxFuture, Way};
use crate::inner::BoxError;
use crate::role::Role;
use crate::rules::announced;

/// An answer whose body is being read.
pub(crate) struct Collecting<R> {
    body: Pin<Box<R>>,
    head: response::Parts,
    vary: Vec<HeaderName>,
    key: FlightKey,
    expiry: BoxFuture<()>,
    pieces: Vec<Piece>,
    read: u64,
}

impl<R: Body<Data = Bytes, Error: Into<BoxError>>> Collecting<R> {
    pub(crate) fn new(role: &Role, head: response::Parts, body: R, vary: Vec<HeaderName>) -> Self {
        let settings = role.hub.settings();
        Self {
            body: Box::pin(body),
            head,
            vary,
            key: role.key.clone().expect("a leader has a key"),
            expiry: (settings.timer)(settings.collect_within),
            pieces: Vec::new(),
            read: 0,
        }
    }

    /// Reads on. Returns whether the body, or its failure, is there for all: if not, it is too large,
    /// takes too long, or nobody else waits for it any more.
    pub(crate) fn poll(&mut self, role: &mut Role, context: &mut Context<'_>) -> Poll<bool> {
        let limit = role.hub.settings().body_limit as u64;
        let announced = announced(&self.head, self.key.is_head());
        let last = loop {
            let least = self.read.saturating_add(self.body.size_hint().lower());
            if least > limit || announced > Some(limit) || role.is_alone() {
                return Poll::Ready(false);
            }
            let (body, expiry) = (self.body.as_mut(), self.expiry.as_mut());
            let polled = role.step(|| match expiry.poll(context) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => body.poll_frame(context).map(Some),
            });
            let Some(frame) = ready!(polled) else {
                return Poll::Ready(false);
            };
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => {
                    self.read += data.len() as u64;
                    self.pieces.push(Piece::Data(data));
                }
                // Nothing comes after trailers.
                Some(Ok(Err(frame))) => {
                    break self.clean_end(announced, frame.into_trailers().ok());
                }
                Some(Err(error)) => break Some(Piece::Failed(Arc::from(error.into()))),
                None => break self.clean_end(announced, None),
            }
        };
        self.pieces.extend(last);
        Poll::Ready(true)
    }

    /// A body that ends before as many bytes as were announced has failed, whatever it says.
    fn clean_end(&self, announced: Option<u64>, trailers: Option<HeaderMap>) -> Option<Piece> {
        let read = self.read;
        match announced {
            Some(announced) if announced != read => {
                let what = format!("the head announced {announced} bytes, the body had {read}");
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, what);
                Some(Piece::Failed(Arc::new(error)))
            }
            _ => trailers.map(Piece::Trailers),
        }
    }

    /// Lands the flight. Returns what the leader's own caller receives.
    pub(crate) fn end(self, is_for_all: bool, role: &mut Role) -> Response<SharedBody<R>> {
        // P1: a work that is over is gone before its flight is.
        let rest = Some(self.body).filter(|_| !is_for_all);
        let (head, pieces) = (self.head, Arc::<[Piece]>::from(self.pieces));
        if is_for_all {
            let mut response = Response::new(Arc::clone(&pieces));
            *response.status_mut() = head.status;
            *response.headers_mut() = head.headers.clone();
            let failed =
                head.status.is_server_error() || matches!(pieces.last(), Some(Piece::Failed(_)));
            let answer = Answer {
                response,
                vary: self.vary,
                leader: self.key,
            };
            role.land(Verdict::Shared(Arc::new(answer)), failed);
        } else {
            role.land_unshared();
        }
        let response = Response::from_parts(head, SharedBody::read(pieces, rest));
        role.hub.finish(response, Way::Led)
    }
}
