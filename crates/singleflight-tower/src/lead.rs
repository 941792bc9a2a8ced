//! The work of a flight: wait until the service is ready, call it, and look at the head of its answer.

use std::future::Future;
use std::pin::pin;

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::answer::Verdict;
use crate::body::SharedBody;
use crate::collect::Collecting;
use crate::error::Shared;
use crate::hub::{Call, Way};
use crate::inner::HttpInner;
use crate::interest::{Interest, Unwanted};
use crate::led::Led;

/// What a caller receives.
pub(crate) type Answered<S, B> = Result<
    Response<SharedBody<<S as HttpInner<B>>::Body>>,
    Shared<<S as Service<Request<B>>>::Error>,
>;

/// What follows the head of an answer.
pub(crate) enum Next<S: HttpInner<B>, B> {
    Done(Answered<S, B>),
    /// Others wait, and will have it once its body was read.
    Collect(Box<Collecting<S::Body>>),
}

/// Does the work of a flight and lands it.
///
/// Dropped or unwanted, it drops the work first and hands the flight over then.
pub(crate) async fn lead<S: HttpInner<B>, B>(
    call: Call<S, B>,
    mut led: Led,
    interest: &mut Interest<Answered<S, B>>,
) -> Result<Answered<S, B>, Unwanted> {
    let (mut inner, mut request) = (call.inner, call.request);
    let ready = led
        .step(interest, |context| inner.poll_ready(context))
        .await?;
    let result = match ready {
        Ok(()) => {
            led.hub.0.mark.put(request.extensions_mut());
            let mut work = pin!(led.leader.step(|| inner.call(request)));
            led.step(interest, |context| work.as_mut().poll(context))
                .await?
        }
        Err(error) => Err(error),
    };
    match led.conclude::<S, B>(result) {
        Next::Done(answer) => Ok(answer),
        Next::Collect(collecting) => collecting.collect(interest).await.map(Ok),
    }
}

impl Led {
    /// Decides by the head of an answer what becomes of the flight. The work is gone by now (P1).
    pub(crate) fn conclude<S: HttpInner<B>, B>(
        mut self,
        result: Result<Response<S::Body>, S::Error>,
    ) -> Next<S, B> {
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                let error = Shared::new(error);
                self.land(Verdict::Failed(error.clone().into_arc()), true);
                return Next::Done(Err(error));
            }
        };
        let is_alone = self.leader.close_if_alone();
        let (head, body) = response.into_parts();
        if !is_alone {
            let (hub, size, is_head) = (&self.hub, body.size_hint(), self.key.is_head());
            if let Some(vary) = self.leader.step(|| hub.shared_by(&head, &size, is_head)) {
                return Next::Collect(Box::new(Collecting {
                    body: Box::pin(body),
                    led: self,
                    head,
                    vary,
                }));
            }
        }
        let hub = self.hub.clone();
        if !is_alone {
            self.land_unshared();
        }
        let response = Response::from_parts(head, SharedBody::own(body));
        Next::Done(Ok(hub.finish(response, Way::Led)))
    }
}
