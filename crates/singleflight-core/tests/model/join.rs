//! What a runtime gives to wait for a task that returns something.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use singleflight_core::{CallError, CallResult};

/// Waits for the task.
pub(crate) struct JoinHandle<O>(Rc<Joint<O>>);

/// The task's end of it.
struct Returns<O>(Rc<Joint<O>>);

struct Joint<O> {
    answer: RefCell<Option<CallResult<O>>>,
    waker: RefCell<Option<Waker>>,
}

/// Makes a task that tells its handle what it returns, or that it was dropped.
pub(crate) fn joined<O>(
    task: impl Future<Output = CallResult<O>>,
) -> (impl Future<Output = ()>, JoinHandle<O>) {
    let joint = Rc::new(Joint {
        answer: RefCell::new(None),
        waker: RefCell::new(None),
    });
    let returns = Returns(Rc::clone(&joint));
    let task = async move {
        let answer = task.await;
        returns.0.answer.replace(Some(answer));
    };
    (task, JoinHandle(joint))
}

impl<O> Drop for Returns<O> {
    fn drop(&mut self) {
        self.0
            .answer
            .borrow_mut()
            .get_or_insert(Err(CallError::TaskLost));
        let waker = self.0.waker.take();
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<O> Future for JoinHandle<O> {
    type Output = CallResult<O>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CallResult<O>> {
        if let Some(answer) = self.0.answer.take() {
            return Poll::Ready(answer);
        }
        self.0.waker.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl<O> Drop for JoinHandle<O> {
    fn drop(&mut self) {
        self.0.waker.take();
    }
}
