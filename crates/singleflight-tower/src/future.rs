//! The call of one request, from its first poll to its response.
//!
//! | state | holds | goes on |
//! |---|---|---|
//! | `New` | the call, and its key if it has one | first poll: to `Ready` or `Rest` |
//! | `Ready` | the leader, and the call | the service is ready: to `Leading` |
//! | `Leading` | the work, and the leader | the head is there: ended, or to `Rest` |
//! | `Rest` | a box of what is not the way of a lone request: alone, following, collecting, a task | ready: ended |
//! | `Ended` | nothing | |
//!
//! A request that nobody joins goes through `New`, `Ready`, `Leading`, and allocates no future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use singleflight_core::{CallError, Joined};

use crate::body::SharedBody;
use crate::error::Shared;
use crate::flight_key::FlightKey;
use crate::hub::{BoxFuture, Call, Way};
use crate::inner::HttpInner;
use crate::interest::Interest;
use crate::lead::{Answered, Next};
use crate::led::Led;
use crate::wait::{alone, follow, start};

pin_project! {
    /// The response of a request that may be coalesced. Nothing is registered before it is polled.
    #[must_use = "futures do nothing unless polled"]
    pub struct HttpCoalescing<S, B>
    where
        S: HttpInner<B>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = Stage]
    #[project_replace = Taken]
    enum State<S, B>
    where
        S: HttpInner<B>,
    {
        New { call: Call<S, B>, key: Option<FlightKey> },
        // Fields are dropped in this order: the work is gone before its flight is handed over (P1).
        Ready { call: Call<S, B>, led: Led },
        Leading { #[pin] work: S::Future, led: Led },
        Rest { rest: BoxFuture<Answered<S, B>> },
        Ended,
    }
}

impl<S: HttpInner<B>, B> HttpCoalescing<S, B> {
    pub(crate) const fn new(call: Call<S, B>, key: Option<FlightKey>) -> Self {
        Self {
            state: State::New { call, key },
        }
    }
}

impl<S: HttpInner<B>, B: Send + 'static> Future for HttpCoalescing<S, B> {
    type Output = Result<Response<SharedBody<S::Body>>, Shared<S::Error>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            // A state is left only when it is done, and what it holds is taken then.
            let result = match state.as_mut().project() {
                Stage::New { .. } => None,
                Stage::Ready { call, led } => {
                    let is_ready = ready!(led.leader.step(|| call.inner.poll_ready(context)));
                    is_ready.map_err(Err).err()
                }
                Stage::Leading { work, led } => {
                    Some(ready!(led.leader.step(|| work.poll(context))))
                }
                Stage::Rest { rest } => {
                    let answer = ready!(rest.as_mut().poll(context));
                    state.set(State::Ended);
                    return Poll::Ready(answer);
                }
                Stage::Ended => panic!("a call was polled after it had ended"),
            };
            let step = match (state.as_mut().project_replace(State::Ended), result) {
                (Taken::New { call, key }, _) => begin(call, key),
                (Taken::Ready { call, mut led }, None) => {
                    let (mut inner, mut request) = (call.inner, call.request);
                    call.hub.0.mark.put(request.extensions_mut());
                    let work = led.leader.step(|| inner.call(request));
                    Step::Go(State::Leading { work, led })
                }
                (Taken::Ready { led, .. } | Taken::Leading { led, .. }, Some(result)) => {
                    end(led.conclude(result))
                }
                _ => unreachable!("the other states do not come here"),
            };
            match step {
                Step::Go(next) => state.set(next),
                Step::End(answer) => return Poll::Ready(answer),
            }
        }
    }
}

enum Step<S: HttpInner<B>, B> {
    Go(State<S, B>),
    End(Answered<S, B>),
}

/// Joins the flight of a request, or lets it go alone.
fn begin<S: HttpInner<B>, B: Send + 'static>(
    call: Call<S, B>,
    key: Option<FlightKey>,
) -> Step<S, B> {
    let Some(key) = key.filter(|key| !call.hub.0.memory.knows(key)) else {
        return rest(alone(call, Way::Bypassed));
    };
    match call.hub.join(&key) {
        Ok(Joined::Leader(leader)) if call.hub.0.settings.spawner.is_none() => {
            let hub = call.hub.clone();
            let led = Led { hub, key, leader };
            Step::Go(State::Ready { call, led })
        }
        Ok(Joined::Leader(leader)) => rest(start(call, key, leader)),
        Ok(Joined::Follower(follower)) => rest(follow(call, key, follower)),
        Err(CallError::Reentrant) => rest(alone(call, Way::Bypassed)),
        Err(refusal) => Step::End(Ok(call.hub.refuse(&refusal))),
    }
}

fn end<S: HttpInner<B>, B: Send + 'static>(next: Next<S, B>) -> Step<S, B> {
    match next {
        Next::Done(answer) => Step::End(answer),
        Next::Collect(collecting) => rest(async move {
            match collecting.collect(&mut Interest::<()>::Caller).await {
                Ok(response) => Ok(response),
                Err(_unwanted) => unreachable!("a caller wants its own work"),
            }
        }),
    }
}

fn rest<S, B, F>(rest: F) -> Step<S, B>
where
    S: HttpInner<B>,
    F: Future<Output = Answered<S, B>> + Send + 'static,
{
    Step::Go(State::Rest {
        rest: Box::pin(rest),
    })
}

impl<S: HttpInner<B>, B> fmt::Debug for HttpCoalescing<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_ended = matches!(self.state, State::Ended);
        f.debug_struct("HttpCoalescing")
            .field("is_ended", &is_ended)
            .finish_non_exhaustive()
    }
}
