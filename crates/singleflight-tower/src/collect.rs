//! Reading a body for all who wait: within a limit of size and of time, and only while somebody waits.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{io, mem};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, response};
use http_body::{Body, Frame};

use crate::answer::{Answer, Verdict};
use crate::body::{Piece, SharedBody};
use crate::flight_key::FlightKey;
use crate::hub::BoxFuture;
use crate::inner::BoxError;
use crate::role::Role;
use crate::rules::announced;

/// An answer whose body is being read.
pub(crate) struct Collecting<R> {
    head: Response<()>,
    announced: Option<u64>,
    vary: Vec<HeaderName>,
    pieces: Vec<Piece>,
    read: u64,
    /// What is not read yet. Nothing, once the body is at its end.
    rest: Option<Pin<Box<R>>>,
    expiry: BoxFuture<()>,
}

impl<R: Body<Data = Bytes, Error: Into<BoxError>>> Collecting<R> {
    pub(crate) fn new(
        role: &mut Role,
        head: response::Parts,
        body: R,
        vary: Vec<HeaderName>,
    ) -> Self {
        let hub = role.hub.clone();
        let settings = hub.settings();
        let is_head = role.key.as_ref().is_some_and(FlightKey::is_head);
        Self {
            announced: announced(&head, is_head),
            head: Response::from_parts(head, ()),
            vary,
            pieces: Vec::new(),
            read: 0,
            rest: Some(Box::pin(body)),
            expiry: role.step(|| (settings.timer)(settings.collect_within)),
        }
    }

    /// Reads the body and lands the flight. Returns what the leader's own caller receives.
    pub(crate) fn poll(
        &mut self,
        role: &mut Role,
        context: &mut Context<'_>,
    ) -> Poll<Response<SharedBody<R>>> {
        ready!(self.read(role, context));
        let (head, pieces) = (mem::take(&mut self.head), mem::take(&mut self.pieces));
        let (rest, pieces) = (self.rest.take(), Arc::<[Piece]>::from(pieces));
        if rest.is_none() {
            let is_broken = matches!(pieces.last(), Some(Piece::Failed(_)));
            let mut response = Response::new(Arc::clone(&pieces));
            *response.status_mut() = head.status();
            *response.headers_mut() = head.headers().clone();
            let answer = Answer {
                response,
                vary: mem::take(&mut self.vary),
                leader: role.key.clone().expect("a leader has a key"),
            };
            let failed = is_broken || head.status().is_server_error();
            role.land(Verdict::Shared(Arc::new(answer)), failed);
        } else {
            role.land_unshared();
        }
        let response = head.map(|()| SharedBody::read(pieces, rest));
        Poll::Ready(role.finish(response))
    }

    /// Reads to the end, unless the body is too large, takes too long, or nobody else waits for it.
    fn read(&mut self, role: &mut Role, context: &mut Context<'_>) -> Poll<()> {
        let limit = role.hub.settings().body_limit as u64;
        while let Some(body) = &mut self.rest {
            let left = role.step(|| body.size_hint().lower());
            let known = self.read.saturating_add(left);
            if known > limit || self.announced > Some(limit) || role.is_alone() {
                break;
            }
            let polled = role.step(|| match self.expiry.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => body.as_mut().poll_frame(context).map(Some),
            });
            let Some(frame) = ready!(polled) else {
                break;
            };
            let last = match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => {
                    self.read += data.len() as u64;
                    self.pieces.push(Piece::Data(data));
                    continue;
                }
                // Nothing comes after trailers.
                Some(Ok(Err(frame))) => self.clean_end(frame.into_trailers().ok()),
                Some(Err(error)) => Some(Piece::Failed(Arc::from(error.into()))),
                None => self.clean_end(None),
            };
            self.pieces.extend(last);
            // P1: the work is gone before its flight is.
            self.rest = None;
        }
        Poll::Ready(())
    }

    /// A body that ends before as many bytes as were announced has failed, whatever it says.
    fn clean_end(&self, trailers: Option<HeaderMap>) -> Option<Piece> {
        let read = self.read;
        match self.announced {
            Some(announced) if announced != read => {
                let what = format!("the head announced {announced} bytes, the body had {read}");
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, what);
                Some(Piece::Failed(Arc::new(error)))
            }
            _ => trailers.map(Piece::Trailers),
        }
    }
}
