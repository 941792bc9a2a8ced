//! The work of a batch, from the keys that it is given to what it has loaded.

use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::table::reentrancy::Works;

/// What a batch's work has loaded: a value for each of these keys, or why there is none.
pub(crate) type Loaded<K, V, E> = Result<Vec<(K, V)>, E>;

pin_project! {
    /// A work that is to be made, polled and dropped inside of all flights that it is for.
    ///
    /// Not an `async` block, which drops the work's future as it ends, and if that panics leaks
    /// what the work has returned.
    pub(crate) struct Loading<'a, K, F, T, L> {
        // Until they are given to the work.
        keys: Option<Vec<K>>,
        work: &'a mut F,
        #[pin]
        future: Option<T>,
        loaded: &'a mut L,
        works: &'a mut Works,
    }

    impl<K, F, T, L> PinnedDrop for Loading<'_, K, F, T, L> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // It has not ended: it has panicked, or is dropped with its batch.
            if this.future.is_some() || this.keys.is_some() {
                let _inside = this.works.enter();
                *this.keys = None;
                this.future.set(None);
            }
        }
    }
}

impl<'a, K, F, T, L> Loading<'a, K, F, T, L> {
    pub(crate) fn new(
        keys: Vec<K>,
        work: &'a mut F,
        loaded: &'a mut L,
        works: &'a mut Works,
    ) -> Self {
        Self {
            keys: Some(keys),
            work,
            future: None,
            loaded,
            works,
        }
    }
}

impl<K, F, T, L, R> Future for Loading<'_, K, F, T, L>
where
    F: FnMut(Vec<K>) -> T,
    T: Future,
    L: FnMut(T::Output) -> R,
{
    type Output = R;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let mut this = self.project();
        let _inside = this.works.enter();
        if let Some(keys) = this.keys.take() {
            this.future.set(Some((this.work)(keys)));
        }
        let future = this.future.as_mut().as_pin_mut();
        let future = future.expect("a work is not polled after it has ended");
        let loaded = (this.loaded)(ready!(future.poll(context)));
        this.future.set(None);
        Poll::Ready(loaded)
    }
}
