//! What bounds the time of a call: nothing, or a future that is ready when its time is up.

use core::future::Future;
use core::pin::Pin;
use core::task::Context;

use pin_project_lite::pin_project;

use crate::group::GroupRef;
use crate::group::flight_ref::FlightRef;
use crate::group::follower::Follower;
use crate::table::slot::FlightId;

/// What bounds the time of a call: [`NoDeadline`] or [`Deadline`].
///
/// It is public so that it can bound public functions, and is not exported.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not bound the time of a call",
    label = "expected `NoDeadline`, or a `Deadline` of a future that returns `()`"
)]
pub trait Limit<G: GroupRef> {
    /// By what a follower that must not lead any more finds out whether it still could.
    type Flight;

    /// Returns by what the flight of a follower is found again.
    fn flight(follower: &Follower<G>) -> Self::Flight;

    /// Whether the call's time is up; if it is not, the task is woken when it is.
    fn is_over(self: Pin<&mut Self>, context: &mut Context<'_>) -> bool;

    /// Whether the flight has neither ended nor is ending. If it has not, a follower that looks
    /// at it may come to lead; if it has, there is a value or there will be.
    fn is_in_table(flight: &Self::Flight) -> bool;
}

/// The call waits as long as it takes.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
pub struct NoDeadline;

pin_project! {
    /// The call gives up when the future `X` is ready. Such a call cannot be spawned: put a timeout
    /// around the handle instead.
    #[derive(Clone, Copy, Debug)]
    pub struct Deadline<X> {
        #[pin]
        expiry: X,
    }
}

impl<X> Deadline<X> {
    pub(crate) fn new(expiry: X) -> Self {
        Self { expiry }
    }
}

impl<G: GroupRef> Limit<G> for NoDeadline {
    type Flight = ();

    #[inline]
    fn flight(_: &Follower<G>) {}

    #[inline]
    fn is_over(self: Pin<&mut Self>, _: &mut Context<'_>) -> bool {
        false
    }

    #[inline]
    fn is_in_table((): &()) -> bool {
        true
    }
}

impl<G: GroupRef + Clone, X: Future<Output = ()>> Limit<G> for Deadline<X> {
    type Flight = (G, FlightId);

    fn flight(follower: &Follower<G>) -> Self::Flight {
        let FlightRef { group, id } = follower.flight().clone();
        (group, id)
    }

    fn is_over(self: Pin<&mut Self>, context: &mut Context<'_>) -> bool {
        self.project().expiry.poll(context).is_ready()
    }

    fn is_in_table((group, id): &Self::Flight) -> bool {
        let (group, id) = (group.group(), *id);
        FlightRef { group, id }.is_in_table()
    }
}
