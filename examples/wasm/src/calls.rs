//! The calls that wait. There is no executor: whenever the page calls in, those that were woken
//! are polled.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::cell::{LazyCell, RefCell};
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
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

/// Says whether a call was woken since it was asked last.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls the calls that were woken until none is: also those that have woken themselves, as one does
/// that has taken a lost leader's place.
pub(crate) fn run() {
    let mut calls = CALLS.borrow_mut();
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    while woken.0.swap(false, Ordering::Relaxed) {
        while let Poll::Ready(Some(ended)) = Pin::new(&mut calls.waiting).poll_next(&mut context) {
            calls.handles.remove(&ended);
        }
    }
}
