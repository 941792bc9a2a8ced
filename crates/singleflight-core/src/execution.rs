//! One execution in a task: the work's future, and the leader whose flight it is for.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::group::Handle;
use crate::leader::Leader;
use crate::policy::{Payload, catch};
use crate::work::poll_work;

pin_project! {
    /// A work that is being executed.
    pub(crate) struct Execution<G, T>
    where
        G: Handle,
    {
        // P1: fields are dropped in this order, so an execution is over before its flight is
        // handed over.
        #[pin]
        future: Option<T>,
        leader: Leader<G>,
    }

    impl<G, T> PinnedDrop for Execution<G, T>
    where
        G: Handle,
    {
        /// A work that is dropped before its end is dropped as it was run: from inside, so that
        /// a call for its own key ends instead of waiting for itself.
        fn drop(this: Pin<&mut Self>) {
            if this.leader.leads() {
                this.stop();
            }
        }
    }
}

impl<G: Handle, T> Execution<G, T> {
    #[inline]
    pub(crate) fn new(leader: Leader<G>) -> Self {
        Self {
            future: None,
            leader,
        }
    }

    #[cold]
    fn stop(self: Pin<&mut Self>) {
        let mut this = self.project();
        if this.future.is_some() {
            let _running = this.leader.enter();
            this.future.set(None);
        }
    }

    /// Drops the work, and hands the flight over: to callers who came meanwhile, if there are.
    pub(crate) fn cancel(mut self: Pin<&mut Self>) {
        // A panic on the way out concerns nobody any more.
        let _panic = catch(|| self.as_mut().stop());
        self.project().leader.abandon();
    }

    pub(crate) fn leader(self: Pin<&mut Self>) -> &mut Leader<G> {
        self.project().leader
    }
}

impl<G: Handle, T: Future> Execution<G, T> {
    /// Makes the work's future if that is still to be done, and polls it. When it is ready, or has
    /// panicked, it is gone.
    #[inline]
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        make: Option<impl FnOnce(&Leader<G>) -> T>,
        context: &mut Context<'_>,
    ) -> Poll<Result<T::Output, Payload>> {
        let this = self.project();
        let leader = &*this.leader;
        let make = make.map(|make| || make(leader));
        poll_work(make, this.future, || leader.enter(), context)
    }
}
