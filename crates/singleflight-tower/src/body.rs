//! The body of a response: its own, or one that was read for all.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::content::{Content, End};
use crate::error::BodyFailed;
use crate::inner::BoxError;

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
        /// Read in part, then kept: first what was read, then the rest.
        Kept { read: vec::IntoIter<Bytes>, body: Pin<Box<R>> },
        /// Read to its end. `next` is the frame to come; behind the last come trailers or the error.
        Read { content: Arc<Content>, next: usize },
    }
}

impl<R> SharedBody<R> {
    pub(crate) const fn own(body: R) -> Self {
        Self {
            form: Form::Own { body },
        }
    }

    pub(crate) fn kept(read: Vec<Bytes>, body: Pin<Box<R>>) -> Self {
        let read = read.into_iter();
        Self {
            form: Form::Kept { read, body },
        }
    }

    pub(crate) const fn read(content: Arc<Content>) -> Self {
        Self {
            form: Form::Read { content, next: 0 },
        }
    }
}

impl<R: Body<Data = Bytes, Error: Into<BoxError>>> Body for SharedBody<R> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().form.project() {
            Projected::Own { body } => body.poll_frame(context).map_err(Into::into),
            Projected::Kept { read, body } => match read.next() {
                Some(frame) => Poll::Ready(Some(Ok(Frame::data(frame)))),
                None => body.as_mut().poll_frame(context).map_err(Into::into),
            },
            Projected::Read { content, next } => {
                let at = *next;
                *next = at.saturating_add(1);
                let last = content.frames.len();
                let frame = match (&content.end, content.frames.get(at)) {
                    (_, Some(frame)) => Some(Ok(Frame::data(frame.clone()))),
                    (End::Clean(Some(trailers)), None) if at == last => {
                        Some(Ok(Frame::trailers(trailers.clone())))
                    }
                    (End::Failed(error), None) if at == last => {
                        Some(Err(BodyFailed(Arc::clone(error)).into()))
                    }
                    _ => None,
                };
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.form {
            Form::Own { body } => body.is_end_stream(),
            Form::Kept { read, body } => read.as_slice().is_empty() && body.is_end_stream(),
            Form::Read { content, next } => {
                *next >= content.frames.len() && matches!(content.end, End::Clean(None))
            }
        }
    }

    /// Exact only where a clean end follows, without trailers: a server that knows the size of a body
    /// sends no more, and asks for no more.
    fn size_hint(&self) -> SizeHint {
        let sum = |frames: &[Bytes]| frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
        match &self.form {
            Form::Own { body } => body.size_hint(),
            Form::Kept { read, body } => {
                let (before, rest) = (sum(read.as_slice()), body.size_hint());
                let mut hint = SizeHint::new();
                hint.set_lower(before.saturating_add(rest.lower()));
                if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(before)) {
                    hint.set_upper(upper);
                }
                hint
            }
            Form::Read { content, next } => match content.end {
                End::Clean(None) => {
                    SizeHint::with_exact(sum(content.frames.get(*next..).unwrap_or_default()))
                }
                End::Clean(Some(_)) | End::Failed(_) => SizeHint::new(),
            },
        }
    }
}

impl<R> fmt::Debug for SharedBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match &self.form {
            Form::Own { .. } => "Own",
            Form::Kept { .. } => "Kept",
            Form::Read { .. } => "Read",
        };
        f.debug_tuple("SharedBody")
            .field(&format_args!("{form}"))
            .finish()
    }
}
