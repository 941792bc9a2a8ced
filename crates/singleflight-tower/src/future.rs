//! The call of one request, from its first poll to its response.
//!
//! | state | the request | goes on |
//! |---|---|---|
//! | `New` | was not polled yet | leads: `Leads`; follows: `Waiting`; goes alone: `Ready` |
//! | `Waiting` | follows a flight | landed: ended, or `Ready` if that is not for it; handed over: `Leads`; late: ended, or as `New` once more |
//! | `Leads` | is to do the work of its flight | here: `Ready`; in a task, which begins as `Ready`: `Task` |
//! | `Ready` | waits until the service is ready | `Calling` |
//! | `Calling` | waits for the head of its answer | ended, or `Reading` if others wait for it too |
//! | `Reading` | reads the body for all | ended |
//! | `Task` | waits for what the task has for it | ended |
//! | `Ended` | has its answer | |
//!
//! A request that nobody joins, or that goes alone, allocates no future.

use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_channel::oneshot;
use http::{Request, Response};
use pin_project_lite::pin_project;
use singleflight_core::{CallError, FlightId, Group, Joined, Turn};
use tower_service::Service;

use crate::answer::Verdict;
use crate::body::SharedBody;
use crate::collect::Collecting;
use crate::error::Shared;
use crate::hub::{BoxFuture, Hub, Way};
use crate::inner::HttpInner;
use crate::role::Role;

pin_project! {
    /// The response of a request that may be coalesced. Nothing is registered before it is polled.
    #[must_use = "futures do nothing unless polled"]
    pub struct HttpCoalescing<S: HttpInner<B>, B> {
        // Fields are dropped in this order: the work is gone before its flight is handed over (P1).
        #[pin]
        state: State<S, B>,
        role: Role,
        // Until the service is called.
        call: Option<Call<S, B>>,
    }
}

pin_project! {
    #[project = Stage]
    enum State<S: HttpInner<B>, B> {
        New,
        Waiting {
            flight: FlightId,
            turn: BoxFuture<Result<Turn<Hub>, CallError>>,
            expiry: BoxFuture<()>,
        },
        Leads,
        Ready,
        Calling { #[pin] work: S::Future },
        Reading { collecting: Box<Collecting<S::Body>> },
        Task { answer: oneshot::Receiver<Answered<S, B>> },
        Ended,
    }
}

/// The service that a request is for, and the request.
type Call<S, B> = (S, Request<B>);

/// What a caller receives.
type Answered<S, B> = Result<
    Response<SharedBody<<S as HttpInner<B>>::Body>>,
    Shared<<S as Service<Request<B>>>::Error>,
>;

/// The state that follows, or the end.
type Step<S, B> = ControlFlow<Answered<S, B>, State<S, B>>;

impl<S: HttpInner<B>, B: Send + 'static> HttpCoalescing<S, B> {
    pub(crate) const fn new(role: Role, inner: S, request: Request<B>) -> Self {
        Self {
            state: State::New,
            role,
            call: Some((inner, request)),
        }
    }

    /// Does the work in a task, as long as its caller or a follower wants it.
    async fn lead_for(self, mut caller: oneshot::Sender<Answered<S, B>>) {
        let mut work = pin!(self);
        let mut left_alone = None;
        let answer = poll_fn(|context| {
            if caller.poll_canceled(context).is_ready() {
                let leader = work.role.leader.as_ref().expect("a task leads");
                let left_alone = left_alone.get_or_insert_with(|| Box::pin(leader.left_alone()));
                if left_alone.as_mut().poll(context).is_ready() {
                    return Poll::Ready(None);
                }
            }
            work.as_mut().poll(context).map(Some)
        });
        if let Some(answer) = answer.await {
            drop(caller.send(answer));
        }
    }
}

impl<S: HttpInner<B>, B: Send + 'static> Future for HttpCoalescing<S, B> {
    type Output = Answered<S, B>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut state, role, call) = (this.state, this.role, this.call);
        loop {
            let step = match state.as_mut().project() {
                Stage::New => begin(role),
                Stage::Waiting {
                    flight,
                    turn,
                    expiry,
                } => match turn.as_mut().poll(context) {
                    Poll::Ready(Ok(Turn::Landed(outcome))) => take(role, outcome.value),
                    Poll::Ready(Ok(Turn::Lead(leader))) => {
                        role.leader = Some(leader);
                        role.go(Way::Led);
                        state.set(State::Leads);
                        // P3: a caller whose time is up is dropped before it starts a work.
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Poll::Ready(Err(error)) => refuse(role, &error),
                    Poll::Pending => {
                        ready!(expiry.as_mut().poll(context));
                        elapsed(role, *flight)
                    }
                },
                Stage::Leads => start(role, call),
                Stage::Ready => {
                    let (inner, _) = call.as_mut().expect("it is not called yet");
                    match ready!(role.step(|| inner.poll_ready(context))) {
                        Ok(()) => ask(role, call),
                        Err(error) => conclude(role, Err(error)),
                    }
                }
                Stage::Calling { work } => {
                    let result = ready!(role.step(|| work.poll(context)));
                    // P1: the work is gone before its flight is.
                    role.step(|| state.set(State::Ended));
                    conclude(role, result)
                }
                Stage::Reading { collecting } => Break(Ok(ready!(collecting.poll(role, context)))),
                Stage::Task { answer } => {
                    // Without an answer the task was dropped, or the work panicked in it.
                    let lost = |_| Ok(role.hub.refuse(&CallError::TaskLost));
                    Break(ready!(Pin::new(answer).poll(context)).unwrap_or_else(lost))
                }
                Stage::Ended => panic!("a call was polled after it had ended"),
            };
            match step {
                Continue(next) => state.set(next),
                Break(answer) => {
                    state.set(State::Ended);
                    #[cfg(feature = "metrics")]
                    drop(mem::take(&mut role.timing));
                    return Poll::Ready(answer);
                }
            }
        }
    }
}

/// Joins the flight of a request, or lets it go alone.
fn begin<S: HttpInner<B>, B>(role: &mut Role) -> Step<S, B> {
    let Some(key) = role.key.clone() else {
        role.go(Way::Bypassed);
        return Continue(State::Ready);
    };
    match Group::join_owned(role.hub.clone(), key) {
        Ok(Joined::Leader(leader)) => {
            role.leader = Some(leader);
            role.go(Way::Led);
            Continue(State::Leads)
        }
        Ok(Joined::Follower(follower)) => {
            role.go(Way::Followed);
            let settings = role.hub.settings();
            Continue(State::Waiting {
                flight: follower.flight_id(),
                turn: Box::pin(follower.wait()),
                expiry: (settings.timer)(settings.wait_at_most),
            })
        }
        Err(refusal) => refuse(role, &refusal),
    }
}

/// Ends the waiting of a request, or lets it wait once more.
fn elapsed<S: HttpInner<B>, B>(role: &mut Role, flight: FlightId) -> Step<S, B> {
    if mem::take(&mut role.may_lead_anew) {
        // By identity: one of those who have waited leads, and the others join it.
        role.hub.close_to_newcomers(flight);
        return begin(role);
    }
    Break(Ok(role.hub.refuse(&CallError::TimedOut)))
}

/// Takes a follower's share, if it is for its request.
fn take<S: HttpInner<B>, B>(role: &mut Role, verdict: Verdict) -> Step<S, B> {
    match verdict {
        Verdict::Shared(answer) if role.may_have(&answer) => {
            let response = answer.response.clone();
            let response = response.map(|pieces| SharedBody::read(pieces, None));
            return Break(Ok(role.finish(response)));
        }
        Verdict::Failed(error) if error.is::<S::Error>() => {
            let error = Arc::downcast(error).expect("it is one");
            return Break(Err(Shared(error)));
        }
        Verdict::Shared(_) | Verdict::Failed(_) | Verdict::Alone => {}
    }
    role.go(Way::WaitedInVain);
    Continue(State::Ready)
}

/// Lets a request that can neither lead nor follow go alone, or answers it.
fn refuse<S: HttpInner<B>, B>(role: &mut Role, error: &CallError) -> Step<S, B> {
    if matches!(error, CallError::Reentrant) {
        role.key = None;
        return begin(role);
    }
    Break(Ok(role.hub.refuse(error)))
}

/// Leads a flight: here, or in a task where the layer has a spawner.
fn start<S: HttpInner<B>, B: Send + 'static>(
    role: &mut Role,
    call: &mut Option<Call<S, B>>,
) -> Step<S, B> {
    let hub = role.hub.clone();
    let Some(spawn) = &hub.settings().spawner else {
        return Continue(State::Ready);
    };
    let (caller, answer) = oneshot::channel();
    let alone = Role::new(hub.clone(), None);
    let work = HttpCoalescing {
        state: State::Ready,
        role: mem::replace(role, alone),
        call: call.take(),
    };
    spawn(Box::pin(work.lead_for(caller)));
    Continue(State::Task { answer })
}

/// Calls the service.
fn ask<S: HttpInner<B>, B>(role: &mut Role, call: &mut Option<Call<S, B>>) -> Step<S, B> {
    let (mut inner, mut request) = call.take().expect("it is called once");
    if role.key.is_some() {
        let requests = &role.hub.settings().requests;
        requests.mark.put(request.extensions_mut());
    }
    let work = role.step(move || inner.call(request));
    Continue(State::Calling { work })
}

/// Decides by the head of an answer what becomes of it. The work is gone by now (P1).
fn conclude<S: HttpInner<B>, B>(
    role: &mut Role,
    result: Result<Response<S::Body>, S::Error>,
) -> Step<S, B> {
    let response = match result {
        Ok(response) => response,
        Err(error) => {
            let error = Arc::new(error);
            role.land(Verdict::Failed(Arc::clone(&error) as _), true);
            return Break(Err(Shared(error)));
        }
    };
    let (head, body) = response.into_parts();
    if !role.is_alone() {
        if head.status.is_server_error() && role.retries() {
            // Nobody else receives it, so it may be of any kind.
            role.land(Verdict::Alone, true);
        } else if let Some(vary) = role.shared_by(&head) {
            let collecting = Box::new(Collecting::new(role, head, body, vary));
            return Continue(State::Reading { collecting });
        }
    }
    let response = role.finish(Response::from_parts(head, SharedBody::own(body)));
    role.land_unshared();
    Break(Ok(response))
}

impl<S: HttpInner<B>, B> fmt::Debug for HttpCoalescing<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_ended = matches!(self.state, State::Ended);
        f.debug_struct("HttpCoalescing")
            .field("is_ended", &is_ended)
            .finish_non_exhaustive()
    }
}
