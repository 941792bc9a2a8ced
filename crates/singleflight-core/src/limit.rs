//! What bounds the time of a call: nothing, or a future that is ready when its time is up.

use core::future::Future;
use core::pin::Pin;
use core::task::Context;

use pin_project_lite::pin_project;

use crate::follower::Follower;
use crate::group::Handle;
use crate::slot::Id;

/// What bounds the time of a call.
pub(crate) trait Limit<G: Handle> {
    /// By what a follower that must not lead any more finds out whether it still could.
    type Place;

    fn place(follower: &Follower<G>) -> Self::Place;

    /// Whether the call's time is up; if it is not, the task is woken when it is.
    fn is_over(self: Pin<&mut Self>, context: &mut Context<'_>) -> bool;

    /// Whether the flight has neither ended nor is ending. If it has not, a follower that looks
    /// at it may come to lead; if it has, there is a value or there will be.
    fn is_in_table(place: &Self::Place) -> bool;
}

/// No limit.
pub(crate) struct Unlimited;

pin_project! {
    /// Until the future is ready.
    pub(crate) struct Expiry<X> {
        #[pin]
        pub(crate) future: X,
    }
}

impl<G: Handle> Limit<G> for Unlimited {
    type Place = ();

    #[inline]
    fn place(_: &Follower<G>) {}

    #[inline]
    fn is_over(self: Pin<&mut Self>, _: &mut Context<'_>) -> bool {
        false
    }

    #[inline]
    fn is_in_table((): &()) -> bool {
        true
    }
}

impl<G: Handle + Clone, X: Future<Output = ()>> Limit<G> for Expiry<X> {
    type Place = (G, u64, Id);

    fn place(follower: &Follower<G>) -> Self::Place {
        let (group, hash, id) = follower.post();
        (group.clone(), hash, id)
    }

    fn is_over(self: Pin<&mut Self>, context: &mut Context<'_>) -> bool {
        self.project().future.poll(context).is_ready()
    }

    fn is_in_table((group, hash, id): &Self::Place) -> bool {
        group.has(*hash, *id)
    }
}
