//! Reading a body for all who wait: within a limit of size and of time, and only while somebody waits.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, response};
use http_body::Body;

use crate::answer::{Answer, Verdict};
use crate::body::SharedBody;
use crate::content::{Content, End};
use crate::hub::Way;
use crate::inner::BoxError;
use crate::interest::{Interest, Unwanted};
use crate::led::Led;
use crate::rules::announced;

/// An answer whose body is to be read. Dropped, it drops the body first and hands over then.
pub(crate) struct Collecting<R> {
    pub(crate) body: Pin<Box<R>>,
    pub(crate) led: Led,
    pub(crate) head: response::Parts,
    pub(crate) vary: Vec<HeaderName>,
}

impl<R: Body<Data = Bytes, Error: Into<BoxError>>> Collecting<R> {
    /// Reads the body and lands the flight. Returns what the leader's own caller receives.
    pub(crate) async fn collect<A>(
        mut self: Box<Self>,
        interest: &mut Interest<A>,
    ) -> Result<Response<SharedBody<R>>, Unwanted> {
        let (mut frames, mut read) = (Vec::new(), 0);
        let settings = &self.led.hub.0.settings;
        let limit = settings.body_limit as u64;
        let mut expiry = (settings.timer)(settings.collect_within);
        let end = loop {
            let body = &mut self.body;
            let next = self.led.step(interest, |context| {
                if expiry.as_mut().poll(context).is_ready() {
                    return Poll::Ready(None);
                }
                body.as_mut().poll_frame(context).map(Some)
            });
            match next.await?.map(Option::transpose) {
                None => return Ok((*self).keep(frames, false)),
                Some(Err(error)) => break End::Failed(Arc::from(error.into())),
                Some(Ok(None)) => break self.clean_end(read, None),
                Some(Ok(Some(frame))) => match frame.into_data() {
                    Ok(data) => {
                        read += data.len() as u64;
                        frames.push(data);
                        // Nobody else is there any more: nobody need wait for the rest.
                        let is_alone = self.led.leader.close_if_alone();
                        if is_alone || read > limit {
                            return Ok((*self).keep(frames, is_alone));
                        }
                    }
                    // Nothing comes after trailers.
                    Err(frame) => break self.clean_end(read, frame.into_trailers().ok()),
                },
            }
        };
        Ok((*self).share(Content { frames, end }))
    }

    /// A body that ends before as many bytes as were announced has failed, whatever it says.
    fn clean_end(&self, read: u64, trailers: Option<HeaderMap>) -> End {
        match announced(&self.head, self.led.key.is_head()) {
            Some(announced) if announced != read => {
                let what = format!("the head announced {announced} bytes, the body had {read}");
                End::Failed(Arc::new(io::Error::new(io::ErrorKind::UnexpectedEof, what)))
            }
            _ => End::Clean(trailers),
        }
    }

    /// The leader keeps its answer. Those who wait ask for themselves, if anybody does.
    fn keep(self, frames: Vec<Bytes>, is_alone: bool) -> Response<SharedBody<R>> {
        let hub = self.led.hub.clone();
        if !is_alone {
            self.led.land_unshared();
        }
        let response = Response::from_parts(self.head, SharedBody::kept(frames, self.body));
        hub.finish(response, Way::Led)
    }

    fn share(self, content: Content) -> Response<SharedBody<R>> {
        let Self {
            body, led, head, ..
        } = self;
        // P1: the work is over before its flight is.
        drop(body);
        let failed = head.status.is_server_error() || matches!(content.end, End::Failed(_));
        let (hub, content) = (led.hub.clone(), Arc::new(content));
        let answer = Arc::new(Answer {
            status: head.status,
            headers: head.headers.clone(),
            vary: self.vary,
            leader: led.key.clone(),
            content: Arc::clone(&content),
        });
        led.land(Verdict::Shared(answer), failed);
        let response = Response::from_parts(head, SharedBody::read(content));
        hub.finish(response, Way::Led)
    }
}
