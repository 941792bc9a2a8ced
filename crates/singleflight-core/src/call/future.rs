//! One async call, from its first poll to its answer, in one flat future.
//!
//! | state | holds | goes on |
//! |---|---|---|
//! | `New` | how to join, and the work | first poll: to `Leading` or `Waiting` |
//! | `Waiting` | the follower's wait, and the work | landed: to `Ended`; its turn: to `Claimed` |
//! | `Claimed` | the leader, and the work | the poll after: to `Leading` |
//! | `Leading` | the work's execution | ready or panicked: the flight ends |
//! | `Ended` | nothing | |
//!
//! P3: a follower that takes over starts its work one poll after it has claimed the flight. A
//! timeout around the call polls the call first and looks at its clock afterwards: so a caller
//! whose time is up is dropped before it starts a work that nobody waits for. At its first poll,
//! whose time has only begun, it starts at once if its leader is lost as it joins: a call that was
//! polled once and sleeps holds up others only by a work that it has begun. A limit of the call's
//! own is looked at before the flight is claimed, and before a new call leads.
//!
//! It is written by hand because an `async` block keeps what it has captured beside what it
//! awaits: nested, they held the work three times over.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::deadline::Limit;
use super::execution::Execution;
use crate::error::CallError;
use crate::group::GroupRef;
use crate::group::follower::{Follower, Turn};
use crate::group::join::Joined;
use crate::group::leader::Leader;
use crate::outcome::Outcome;
use crate::platform::sync::seeded;
use crate::policy::Payload;

pin_project! {
    #[project = Stage]
    #[project_replace = Taken]
    enum State<G, J, F, T, W, L>
    where
        G: GroupRef,
    {
        New { join: J, work: F },
        Waiting { #[pin] wait: W, work: F, flight: L },
        Claimed { leader: Leader<G>, work: F },
        Leading { #[pin] execution: Execution<G, T> },
        Ended,
    }
}

pin_project! {
    /// A call. `J` joins, `F` makes the work's future `T`, `C` makes a follower's wait `W`, `P` ends
    /// the flight as the work did, `E` makes the answer of any other end, `X` limits its time.
    pub(crate) struct Calling<G, J, F, T, C, W, P, E, X>
    where
        G: GroupRef,
        X: Limit<G>,
    {
        #[pin]
        state: State<G, J, F, T, W, X::Flight>,
        wait: C,
        conclude: P,
        answer: E,
        #[pin]
        limit: X,
    }
}

/// Makes a call. It does nothing until it is polled (P9). One that gives up when its limit is
/// reached leaves the flight or hands it over.
#[inline]
pub(crate) fn calling<G, F, T, P, E, A, X>(
    join: impl FnOnce() -> Result<Joined<G>, CallError>,
    work: F,
    conclude: P,
    answer: E,
    limit: X,
) -> impl Future<Output = A>
where
    G: GroupRef,
    G::Value: Clone,
    F: FnOnce(&Leader<G>) -> T,
    T: Future,
    P: Fn(&mut Leader<G>, Result<T::Output, Payload>) -> A,
    E: Fn(Result<Outcome<G::Value>, CallError>) -> A,
    X: Limit<G>,
{
    Calling {
        state: State::New { join, work },
        wait: Follower::wait,
        conclude,
        answer,
        limit,
    }
}

impl<G, J, F, T, C, W, P, E, A, X> Future for Calling<G, J, F, T, C, W, P, E, X>
where
    G: GroupRef,
    G::Value: Clone,
    J: FnOnce() -> Result<Joined<G>, CallError>,
    F: FnOnce(&Leader<G>) -> T,
    T: Future,
    C: Fn(Follower<G>) -> W,
    W: Future<Output = Result<Turn<G>, CallError>>,
    P: Fn(&mut Leader<G>, Result<T::Output, Payload>) -> A,
    E: Fn(Result<Outcome<G::Value>, CallError>) -> A,
    X: Limit<G>,
{
    type Output = A;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<A> {
        let this = self.project();
        let (mut state, mut limit) = (this.state, this.limit);
        let (leader, work) = match state.as_mut().project() {
            Stage::Leading { mut execution } => {
                // A value that is there wins, so the work is polled before the clock is looked at.
                if let Poll::Ready(result) = execution.as_mut().poll(None::<F>, context) {
                    return Poll::Ready((this.conclude)(execution.leader(), result));
                }
                if !limit.is_over(context) {
                    return Poll::Pending;
                }
                state.set(State::Ended);
                return Poll::Ready((this.answer)(Err(CallError::TimedOut)));
            }
            Stage::Waiting { .. } => {
                let is_over = limit.as_mut().is_over(context);
                return poll_waiting::<_, _, _, _, _, X, _>(state, is_over, context)
                    .map(&*this.answer);
            }
            Stage::Ended => panic!("a call was polled after it had ended"),
            Stage::New { .. } | Stage::Claimed { .. } if limit.as_mut().is_over(context) => {
                state.set(State::Ended);
                return Poll::Ready((this.answer)(Err(CallError::TimedOut)));
            }
            Stage::New { .. } => {
                let Taken::New { join, work } = state.as_mut().project_replace(State::Ended) else {
                    unreachable!("it was new a line ago");
                };
                match join() {
                    Ok(Joined::Leader(leader)) => (leader, work),
                    Ok(Joined::Follower(follower)) => {
                        let flight = X::flight(&follower);
                        let wait = (this.wait)(follower);
                        state.set(State::Waiting { wait, work, flight });
                        let Stage::Waiting { wait, .. } = state.as_mut().project() else {
                            unreachable!("it waits since a line ago");
                        };
                        let turn = ready!(wait.poll(context));
                        let Taken::Waiting { work, .. } =
                            state.as_mut().project_replace(State::Ended)
                        else {
                            unreachable!("it was waiting a line ago");
                        };
                        match turn {
                            Ok(Turn::Lead(leader)) if seeded("pause-as-it-joins") => {
                                state.set(State::Claimed { leader, work });
                                return Poll::Pending;
                            }
                            // The leader was lost meanwhile. The time of this call has only begun.
                            Ok(Turn::Lead(leader)) => (leader, work),
                            Ok(Turn::Landed(outcome)) => {
                                return Poll::Ready((this.answer)(Ok(outcome)));
                            }
                            Err(error) => return Poll::Ready((this.answer)(Err(error))),
                        }
                    }
                    Err(error) => return Poll::Ready((this.answer)(Err(error))),
                }
            }
            Stage::Claimed { .. } => {
                let Taken::Claimed { leader, work } = state.as_mut().project_replace(State::Ended)
                else {
                    unreachable!("it had claimed a line ago");
                };
                (leader, work)
            }
        };
        state.set(State::Leading {
            execution: Execution::new(leader),
        });
        let Stage::Leading { mut execution } = state.project() else {
            unreachable!("it leads since a line ago");
        };
        let polled = execution.as_mut().poll(Some(work), context);
        polled.map(|result| (this.conclude)(execution.leader(), result))
    }
}

/// Polls a follower's wait.
#[inline]
fn poll_waiting<G, J, F, T, W, X, L>(
    mut state: Pin<&mut State<G, J, F, T, W, L>>,
    is_over: bool,
    context: &mut Context<'_>,
) -> Poll<Result<Outcome<G::Value>, CallError>>
where
    G: GroupRef,
    W: Future<Output = Result<Turn<G>, CallError>>,
    X: Limit<G, Flight = L>,
{
    let Stage::Waiting { wait, flight, .. } = state.as_mut().project() else {
        unreachable!("it waits");
    };
    // A flight that has left the table cannot be claimed any more.
    let polled = if is_over && X::is_in_table(flight) {
        Poll::Pending
    } else {
        wait.poll(context)
    };
    let turn = match polled {
        Poll::Ready(turn) => turn,
        Poll::Pending if is_over => Err(CallError::TimedOut),
        Poll::Pending => return Poll::Pending,
    };
    match turn {
        Ok(Turn::Lead(leader)) => {
            let Taken::Waiting { work, .. } = state.as_mut().project_replace(State::Ended) else {
                unreachable!("it was waiting a line ago");
            };
            if !seeded("silent-claim") {
                context.waker().wake_by_ref();
            }
            state.set(State::Claimed { leader, work });
            Poll::Pending
        }
        Ok(Turn::Landed(outcome)) => {
            state.set(State::Ended);
            Poll::Ready(Ok(outcome))
        }
        Err(error) => {
            state.set(State::Ended);
            Poll::Ready(Err(error))
        }
    }
}
