//! The body of a response: its own, or one that was read for all.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::error::BodyFailed;
use crate::inner::BoxError;

/// A part of a body that was read. Behind trailers and behind a failure comes nothing.
pub(crate) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    Failed(Arc<dyn Error + Send + Sync>),
}

pin_project! {
    /// The body of a coalesced response: the inner service's own, untouched; or frames that were read
    /// once and are shared, with the trailers.
    ///
    /// A body that broke off is an error for each who reads it, behind what had been read: never a
    /// short body with a clean end.
    pub struct SharedBody<R> {
        #[pin]
        form: Form<R>,
    }
}

pin_project! {
    #[project = Projected]
    enum Form<R> {
        /// Untouched.
        Own { #[pin] body: R },
        /// What was read, `next` the piece to come, and the rest if it was not read to its end.
        Read { pieces: Arc<[Piece]>, next: usize, rest: Option<Pin<Box<R>>> },
    }
}

impl<R> SharedBody<R> {
    pub(crate) const fn own(body: R) -> Self {
        let form = Form::Own { body };
        Self { form }
    }

    pub(crate) const fn read(pieces: Arc<[Piece]>, rest: Option<Pin<Box<R>>>) -> Self {
        let next = 0;
        let form = Form::Read { pieces, next, rest };
        Self { form }
    }
}

impl<R: Body<Data = Bytes, Error: Into<BoxError>>> Body for SharedBody<R> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let (pieces, next, rest) = match self.project().form.project() {
            Projected::Own { body } => return body.poll_frame(context).map_err(Into::into),
            Projected::Read { pieces, next, rest } => (pieces, next, rest),
        };
        if let Some(piece) = pieces.get(*next) {
            *next += 1;
            return Poll::Ready(Some(match piece {
                Piece::Data(data) => Ok(Frame::data(data.clone())),
                Piece::Trailers(trailers) => Ok(Frame::trailers(trailers.clone())),
                Piece::Failed(error) => Err(BodyFailed(Arc::clone(error)).into()),
            }));
        }
        let Some(rest) = rest else {
            return Poll::Ready(None);
        };
        // The rest may be long: what was read ahead of it is let go.
        *pieces = Arc::default();
        rest.as_mut().poll_frame(context).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        match &self.form {
            Form::Own { body } => body.is_end_stream(),
            Form::Read { pieces, next, rest } => {
                *next >= pieces.len() && rest.as_ref().is_none_or(Body::is_end_stream)
            }
        }
    }

    /// Says something only where the end is known, and clean, and without trailers: a server that knows
    /// the size of a body sends no more, and asks for no more.
    fn size_hint(&self) -> SizeHint {
        let (pieces, rest) = match &self.form {
            Form::Own { body } => return body.size_hint(),
            Form::Read { pieces, next, rest } => (pieces.get(*next..).unwrap_or_default(), rest),
        };
        let length = |piece: &Piece| match piece {
            Piece::Data(data) => Some(data.len() as u64),
            Piece::Trailers(_) | Piece::Failed(_) => None,
        };
        let read = pieces.iter().map(length).sum::<Option<u64>>();
        let rest = rest
            .as_ref()
            .map_or(Some(0), |rest| rest.size_hint().exact());
        let size = read
            .zip(rest)
            .and_then(|(read, rest)| read.checked_add(rest));
        size.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl<R> fmt::Debug for SharedBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_own = matches!(self.form, Form::Own { .. });
        f.debug_struct("SharedBody")
            .field("is_own", &is_own)
            .finish_non_exhaustive()
    }
}
