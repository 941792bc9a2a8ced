//! One async call, from its first poll to its answer, in one flat future.
//!
//! | state | holds | goes on |
//! |---|---|---|
//! | `New` | how to join, and the work | first poll: to `Leading` or `Waiting` |
//! | `Waiting` | the follower's wait, and the work | landed: to `Ended`; its turn: to `Leading` |
//! | `Leading` | the work's future, and the leader | ready or panicked: the flight ends |
//! | `Ended` | nothing | |
//!
//! It is written by hand because an `async` block keeps what it has captured beside what it
//! awaits: nested, they held the work three times over.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::error::CallError;
use crate::follower::{Follower, Turn};
use crate::group::Handle;
use crate::join::Joined;
use crate::leader::Leader;
use crate::outcome::Outcome;
use crate::work::poll_work;

pin_project! {
    #[project = Stage]
    #[project_replace = Taken]
    enum State<G, J, F, T, W>
    where
        G: Handle,
    {
        New { join: J, work: F },
        Waiting { #[pin] wait: W, work: F },
        // P1: fields are dropped in this order, so an execution is over before its flight
        // is handed over.
        Leading { #[pin] future: Option<T>, leader: Leader<G> },
        Ended,
    }
}

pin_project! {
    /// A call. `J` joins, `F` makes the work's future `T`, `C` makes a follower's wait `W`,
    /// `P` says which values are shared, `E` makes the answer of an outcome.
    pub(crate) struct Calling<G, J, F, T, C, W, P, E>
    where
        G: Handle,
    {
        #[pin]
        state: State<G, J, F, T, W>,
        wait: C,
        shares: P,
        answer: E,
    }
}

/// Makes a call. It does nothing until it is polled (P9).
#[inline]
pub(crate) fn calling<G, F, T, P, E, A>(
    join: impl FnOnce() -> Result<Joined<G>, CallError>,
    work: F,
    shares: P,
    answer: E,
) -> impl Future<Output = A>
where
    G: Handle,
    G::Value: Clone,
    F: FnOnce(&Leader<G>) -> T,
    T: Future<Output = G::Value>,
    P: Fn(&G::Value) -> bool,
    E: Fn(Result<Outcome<G::Value>, CallError>) -> A,
{
    Calling {
        state: State::New { join, work },
        wait: Follower::wait,
        shares,
        answer,
    }
}

/// Makes the rest of a call that leads already.
fn lead<G, F, T, P>(
    leader: Leader<G>,
    work: F,
    shares: P,
) -> impl Future<Output = Outcome<G::Value>>
where
    G: Handle,
    G::Value: Clone,
    F: FnOnce() -> T,
    T: Future<Output = G::Value>,
    P: Fn(&G::Value) -> bool,
{
    calling(
        || Ok(Joined::Leader(leader)),
        |_: &_| work(),
        shares,
        |outcome: Result<_, CallError>| outcome.unwrap_or_else(|error| error.raise()),
    )
}

impl<G, J, F, T, C, W, P, E, A> Future for Calling<G, J, F, T, C, W, P, E>
where
    G: Handle,
    G::Value: Clone,
    J: FnOnce() -> Result<Joined<G>, CallError>,
    F: FnOnce(&Leader<G>) -> T,
    T: Future<Output = G::Value>,
    C: Fn(Follower<G>) -> W,
    W: Future<Output = Result<Turn<G>, CallError>>,
    P: Fn(&G::Value) -> bool,
    E: Fn(Result<Outcome<G::Value>, CallError>) -> A,
{
    type Output = A;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<A> {
        let this = self.project();
        let mut state = this.state;
        let mut make = None;
        loop {
            let (leader, work) = match state.as_mut().project() {
                Stage::Leading { future, leader } => {
                    let (leads, shares) = (&*leader, &*this.shares);
                    let make = make.map(|work: F| || work(leads));
                    let result = ready!(poll_work(make, future, || leads.enter(), context));
                    return Poll::Ready((this.answer)(Ok(leader.conclude(result, shares))));
                }
                Stage::New { .. } => {
                    let Taken::New { join, work } = state.as_mut().project_replace(State::Ended)
                    else {
                        unreachable!("it was new a line ago");
                    };
                    match join() {
                        Ok(Joined::Leader(leader)) => (leader, work),
                        Ok(Joined::Follower(follower)) => {
                            let wait = (this.wait)(follower);
                            state.set(State::Waiting { wait, work });
                            continue;
                        }
                        Err(error) => return Poll::Ready((this.answer)(Err(error))),
                    }
                }
                Stage::Waiting { wait, .. } => {
                    let turn = ready!(wait.poll(context));
                    let Taken::Waiting { work, .. } = state.as_mut().project_replace(State::Ended)
                    else {
                        unreachable!("it was waiting a line ago");
                    };
                    match turn {
                        Ok(Turn::Lead(leader)) => (leader, work),
                        Ok(Turn::Landed(outcome)) => {
                            return Poll::Ready((this.answer)(Ok(outcome)));
                        }
                        Err(error) => return Poll::Ready((this.answer)(Err(error))),
                    }
                }
                Stage::Ended => panic!("a call was polled after it had ended"),
            };
            make = Some(work);
            state.set(State::Leading {
                future: None,
                leader,
            });
        }
    }
}

pin_project! {
    /// A call that gives up.
    struct Limited<C, X> {
        #[pin]
        call: Option<C>,
        #[pin]
        expiry: X,
    }
}

/// Makes a call give up when `expiry` is ready: it is dropped, which leaves the flight or
/// hands it over.
pub(crate) fn limited<V>(
    call: impl Future<Output = Result<Outcome<V>, CallError>>,
    expiry: impl Future<Output = ()>,
) -> impl Future<Output = Result<Outcome<V>, CallError>> {
    Limited {
        call: Some(call),
        expiry,
    }
}

impl<V, C, X> Future for Limited<C, X>
where
    C: Future<Output = Result<Outcome<V>, CallError>>,
    X: Future<Output = ()>,
{
    type Output = C::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<C::Output> {
        let mut this = self.project();
        let call = this.call.as_mut().as_pin_mut();
        let call = call.expect("a call is not polled after it has ended");
        if let Poll::Ready(outcome) = call.poll(context) {
            return Poll::Ready(outcome);
        }
        ready!(this.expiry.poll(context));
        this.call.set(None);
        Poll::Ready(Err(CallError::TimedOut))
    }
}

impl<G: Handle> Leader<G> {
    /// Runs `work` in the caller's task and lands the flight with what it returns.
    ///
    /// # Panics
    ///
    /// A panic in making, polling or dropping the work's future goes on unchanged; the
    /// followers are told or the flight is handed over, as the group's
    /// [`PanicPolicy`](crate::PanicPolicy) has it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the work, then hands the flight over.
    pub fn lead<F, T>(self, work: F) -> impl Future<Output = Outcome<G::Value>>
    where
        F: FnOnce() -> T,
        T: Future<Output = G::Value>,
        G::Value: Clone,
    {
        lead(self, work, |_: &_| true)
    }
}

impl<G, T, E> Leader<G>
where
    G: Handle<Value = Result<T, E>>,
    T: Clone,
    E: Clone,
{
    /// Runs `work` in the caller's task; lands the flight with an `Ok`, keeps an `Err` for
    /// its caller and hands the flight over.
    ///
    /// # Panics
    ///
    /// As [`lead`](Self::lead).
    ///
    /// # Cancel safety
    ///
    /// As [`lead`](Self::lead).
    pub fn try_lead<F, R>(self, work: F) -> impl Future<Output = Outcome<Result<T, E>>>
    where
        F: FnOnce() -> R,
        R: Future<Output = Result<T, E>>,
    {
        lead(self, work, Result::is_ok)
    }
}
