//! The work of a flight: wait until the service is ready, call it, and look at the head of its answer.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use singleflight_core::Leader;
use tower_service::Service;

use crate::answer::Verdict;
use crate::body::SharedBody;
use crate::builder::Failed;
use crate::collect::Collecting;
use crate::error::Shared;
use crate::flight_key::FlightKey;
use crate::hub::{Call, Hub, Way};
use crate::inner::HttpInner;
use crate::interest::{Interest, Unwanted};

/// What a caller receives.
pub(crate) type Answered<S, B> = Result<
    Response<SharedBody<<S as HttpInner<B>>::Body>>,
    Shared<<S as Service<Request<B>>>::Error>,
>;

/// A flight that is led.
pub(crate) struct Led {
    pub(crate) hub: Hub,
    pub(crate) key: FlightKey,
    pub(crate) leader: Leader<Hub>,
}

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
    /// Polls a part of the work, as long as anybody wants it. A panic in it is the flight's.
    pub(crate) async fn step<T, A>(
        &mut self,
        interest: &mut Interest<A>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<T, Unwanted> {
        poll_fn(|context| {
            if interest.is_over(&self.leader, context) {
                return Poll::Ready(Err(Unwanted));
            }
            self.leader.step(|| poll(context)).map(Ok)
        })
        .await
    }

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

    /// Lands the flight without an answer: those who wait ask for themselves.
    pub(crate) fn land_unshared(self) {
        // In this order: those who come now find either the memory or the flight.
        self.hub.0.memory.remember(&self.key);
        self.land(Verdict::Alone, false);
    }

    /// Lands the flight. With what has `failed`, another one tries first if the layer says so.
    pub(crate) fn land(self, verdict: Verdict, failed: bool) {
        let keeps = failed && matches!(self.hub.0.settings.failed, Failed::Retry);
        drop(self.leader.lead_blocking_if(|| verdict, |_| !keeps));
    }
}
