//! Reading a body for all who wait: within a limit of size and of time, and only while somebody waits.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{io, mem};

use bytes::{Bytes, BytesMut};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, Response, response};
use http_body::{Body, Frame};

use crate::answer::{Answer, Verdict};
use crate::body::{Piece, SharedBody};
use crate::flight_key::FlightKey;
use crate::hub::BoxFuture;
use crate::inner::BoxError;
use crate::role::Role;
use crate::rules::{announced, end_to_end};

/// How many frames are read by one poll: then the timer has its turn, and other tasks.
const AT_ONCE: usize = 32;

/// Frames of fewer bytes are copied together: one by itself may cost more than it has, and holds the whole
/// buffer that it is a part of.
const SMALL: usize = 1024;

/// An answer whose body is being read.
pub(crate) struct Collecting<R> {
    head: Response<()>,
    announced: Option<u64>,
    vary: Vec<HeaderName>,
    pieces: Vec<Piece>,
    /// What was copied together, behind the pieces.
    small: BytesMut,
    read: u64,
    /// What is not read yet. Nothing, once the body is at its end.
    rest: Option<Pin<Box<R>>>,
    /// Whether the trailers are for the leader's client alone.
    has_cookie: bool,
    expiry: BoxFuture<()>,
    left_alone: BoxFuture<()>,
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
            small: BytesMut::new(),
            read: 0,
            rest: Some(Box::pin(body)),
            has_cookie: false,
            left_alone: left_alone(role),
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
        self.flush();
        let (head, pieces) = (mem::take(&mut self.head), mem::take(&mut self.pieces));
        let (rest, pieces) = (self.rest.take(), Arc::<[Piece]>::from(pieces));
        if rest.is_none() && !self.has_cookie {
            let is_broken = matches!(pieces.last(), Some(Piece::Failed(_)));
            let mut response = Response::new(Arc::clone(&pieces));
            *response.status_mut() = head.status();
            *response.headers_mut() = end_to_end(head.headers());
            let answer = Answer {
                response,
                vary: mem::take(&mut self.vary),
                leader: role.key.clone().expect("a leader has a key"),
            };
            role.land(Verdict::Shared(Arc::new(answer)), is_broken);
        } else {
            role.land_unshared();
        }
        let response = head.map(|()| SharedBody::read(pieces, rest));
        Poll::Ready(role.finish(response))
    }

    /// Reads to the end, unless the body is too large, takes too long, or nobody else waits for it.
    fn read(&mut self, role: &mut Role, context: &mut Context<'_>) -> Poll<()> {
        let limit = role.hub.settings().body_limit as u64;
        for _ in 0..AT_ONCE {
            let Some(body) = &mut self.rest else {
                return Poll::Ready(());
            };
            let left = role.step(|| body.size_hint().lower());
            let known = self.read.saturating_add(left);
            if known > limit || self.announced > Some(limit) || role.is_alone() {
                return Poll::Ready(());
            }
            let polled = role.step(|| match self.expiry.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => body.as_mut().poll_frame(context).map(Some),
            });
            let frame = match polled {
                Poll::Ready(Some(frame)) => frame,
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {
                    // It is looked at again, whether somebody has come meanwhile.
                    ready!(self.left_alone.as_mut().poll(context));
                    self.left_alone = left_alone(role);
                    continue;
                }
            };
            let last = match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => {
                    self.read += data.len() as u64;
                    self.push(data);
                    continue;
                }
                // Nothing comes after trailers.
                Some(Ok(Err(frame))) => {
                    let trailers = frame.into_trailers().ok();
                    let cookie = trailers.as_ref().and_then(|all| all.get(SET_COOKIE));
                    self.has_cookie = cookie.is_some();
                    self.clean_end(trailers)
                }
                Some(Err(error)) => {
                    let error = role.step(|| error.into());
                    Some(Piece::Failed(Arc::from(error)))
                }
                None => self.clean_end(None),
            };
            self.flush();
            self.pieces.extend(last);
            // P1: the work is gone before its flight is.
            role.step(|| self.rest = None);
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn push(&mut self, data: Bytes) {
        if data.len() < SMALL {
            self.small.extend_from_slice(&data);
        } else {
            self.flush();
            self.pieces.push(Piece::Data(data));
        }
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            let small = mem::take(&mut self.small);
            self.pieces.push(Piece::Data(small.freeze()));
        }
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

/// Comes when nobody waits for the answer but its leader.
fn left_alone(role: &Role) -> BoxFuture<()> {
    let leader = role.leader.as_ref().expect("a body is read by a leader");
    Box::pin(leader.left_alone())
}
