//! The calls that wait. There is no executor: whenever the page calls in, those that were woken
//! are polled.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::cell::{LazyCell, RefCell};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use futures_util::future::{AbortHandle, abortable};
use futures_util::stream::{FuturesUnordered, Stream};

use crate::single::Single;

/// A call; gives its number at its end.
type Call = Pin<Box<dyn Future<Output = u32>>>;

struct Calls {
    /// Polls only those that were woken, so a wake that gets lost is not hidden.
    waiting: FuturesUnordered<Call>,
    handles: BTreeMap<u32, AbortHandle>,
    last: u32,
}

static CALLS: Single<LazyCell<RefCell<Calls>>> = Single::new(LazyCell::new(|| {
    RefCell::new(Calls {
        waiting: FuturesUnordered::new(),
        handles: BTreeMap::new(),
        last: 0,
    })
}));

/// Takes a call in, which receives its number. [`run`] polls it first.
pub(crate) fn start<F: Future<Output = ()> + 'static>(call: impl FnOnce(u32) -> F) -> u32 {
    let mut calls = CALLS.borrow_mut();
    calls.last += 1;
    let number = calls.last;
    let (call, handle) = abortable(call(number));
    calls.handles.insert(number, handle);
    calls.waiting.push(Box::pin(async move {
        let _aborted = call.await;
        number
    }));
    number
}

/// Drops what the call was doing, when it is next polled.
pub(crate) fn give_up(number: u32) {
    if let Some(handle) = CALLS.borrow().handles.get(&number) {
        handle.abort();
    }
}

/// Polls whoever was woken until nobody is.
pub(crate) fn run() {
    let mut calls = CALLS.borrow_mut();
    // Nobody is to be told that somebody was woken: the next call from the page looks.
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(ended)) = Pin::new(&mut calls.waiting).poll_next(&mut context) {
        calls.handles.remove(&ended);
    }
}
