//! The works: they run as they were told to, and write down when.

use std::fmt;
use std::future::Future;
use std::hint::spin_loop;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::thread;

use crate::answer::panic_as_planted;
use crate::clock::Stamp;
use crate::history::{Completion, Execution, Question};
use crate::log::Log;
use crate::value::{Fault, Made, OwnFault, Value};

/// How often a work lets others run that ends only when it is not wanted any more.
pub(crate) const ENDLESS: u32 = u32::MAX;

/// What a work is told to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How often it lets others run.
    pub(crate) yields: u32,
    /// For how many steps it computes.
    pub(crate) spins: u32,
    pub(crate) result: Completion,
}

/// A call made from inside a work.
pub(crate) enum Nested {
    Blocking(Box<dyn FnOnce() + Send>),
    Async(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// What a work returns, which may be told to fail: [`Made`], or for calls that keep their faults a
/// [`Result`] of it.
pub trait Returns: Sized {
    /// What a work has made.
    fn value(value: Value) -> Self;

    /// What it has failed with.
    fn fault(value: Value) -> Self;
}

impl Returns for Made {
    fn value(value: Value) -> Self {
        Ok(value)
    }

    fn fault(value: Value) -> Self {
        Err(Fault(value))
    }
}

impl Returns for Result<Made, OwnFault> {
    fn value(value: Value) -> Self {
        Ok(Ok(value))
    }

    fn fault(value: Value) -> Self {
        Err(OwnFault(value))
    }
}

/// The work of one call. It is run on the thread, or made into a future.
pub struct Work {
    log: Arc<Log>,
    key: u64,
    call: Stamp,
    plan: Plan,
    nested: Option<Nested>,
    /// It is over when its future is dropped, not when that is ready.
    lasts_until_dropped: bool,
    /// Set when it begins.
    pub(crate) begun: Option<Arc<AtomicBool>>,
}

impl Work {
    pub(crate) fn new(
        log: &Arc<Log>,
        (key, call): (u64, Stamp),
        plan: Plan,
        nested: Option<Nested>,
        lasts_until_dropped: bool,
    ) -> Self {
        Self {
            log: Arc::clone(log),
            key,
            call,
            plan,
            nested,
            lasts_until_dropped,
            begun: None,
        }
    }

    /// Runs it on this thread.
    ///
    /// # Panics
    ///
    /// If it was told to.
    #[expect(clippy::missing_errors_doc, reason = "it fails as it was told to")]
    pub fn run(self) -> Made {
        self.run_as(|| true)
    }

    /// As [`run`](Self::run), for a call that keeps its fault.
    ///
    /// # Panics
    ///
    /// If it was told to.
    #[expect(clippy::missing_errors_doc, reason = "it fails as it was told to")]
    pub fn try_run(self) -> Result<Made, OwnFault> {
        self.run_as(|| true)
    }

    /// Runs it on this thread, and ends early when it is not wanted any more.
    ///
    /// # Panics
    ///
    /// If it was told to.
    #[expect(clippy::missing_errors_doc, reason = "it fails as it was told to")]
    pub fn run_while(self, wanted: impl Fn() -> bool) -> Made {
        self.run_as(wanted)
    }

    fn run_as<R: Returns>(mut self, wanted: impl Fn() -> bool) -> R {
        let mut running = self.begin();
        for _ in 0..self.plan.yields {
            if !wanted() {
                break;
            }
            compute(self.plan.spins);
            thread::yield_now();
        }
        compute(self.plan.spins);
        if let Some(Nested::Blocking(call)) = self.nested.take() {
            call();
        }
        running.conclude(self.plan.result)
    }

    /// Runs it on this thread; at its end it asks whether its flight was forgotten.
    ///
    /// # Panics
    ///
    /// If it was told to.
    #[expect(clippy::missing_errors_doc, reason = "it fails as it was told to")]
    pub fn run_fenced(self, is_forgotten: impl FnOnce() -> bool) -> Made {
        let mut running = self.begin();
        for _ in 0..self.plan.yields {
            compute(self.plan.spins);
            thread::yield_now();
        }
        running.ask(is_forgotten);
        running.conclude(self.plan.result)
    }

    /// Makes its future. It begins when that is first polled.
    pub fn future(self) -> Working<'static> {
        self.future_as(None)
    }

    /// As [`future`](Self::future), for a call that keeps its fault.
    pub fn try_future(self) -> Working<'static, Result<Made, OwnFault>> {
        self.future_as(None)
    }

    /// Makes its future, which at its end asks whether its flight was forgotten.
    pub fn future_fenced<'a>(self, is_forgotten: impl FnOnce() -> bool + Send + 'a) -> Working<'a> {
        self.future_as(Some(Box::new(is_forgotten)))
    }

    fn future_as<R>(self, is_forgotten: Option<IsForgotten<'_>>) -> Working<'_, R> {
        Working {
            work: self,
            is_forgotten,
            running: None,
            returns: PhantomData,
        }
    }

    /// Says whether a call may share what was made.
    pub fn shares(made: &Made) -> bool {
        made.as_ref().map_or(true, |value| !value.is_private())
    }

    fn begin(&self) -> Running {
        if let Some(begun) = &self.begun {
            begun.store(true, Ordering::Relaxed);
        }
        Running::begin(&self.log, self.call, [self.key])
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("key", &self.key)
            .field("call", &self.call)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

fn compute(steps: u32) {
    for _ in 0..steps {
        spin_loop();
    }
}

/// Asks whether a work's flight was forgotten.
type IsForgotten<'a> = Box<dyn FnOnce() -> bool + Send + 'a>;

/// A work as a future.
#[must_use = "futures do nothing unless polled"]
pub struct Working<'a, R = Made> {
    work: Work,
    is_forgotten: Option<IsForgotten<'a>>,
    /// Last: what the work waits for is gone before the work is.
    running: Option<Running>,
    returns: PhantomData<fn() -> R>,
}

impl<R: Returns> Future for Working<'_, R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let this = &mut *self;
        let running = this.running.get_or_insert_with(|| this.work.begin());
        compute(this.work.plan.spins);
        if this.work.plan.yields > 0 {
            if this.work.plan.yields != ENDLESS {
                this.work.plan.yields -= 1;
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        if let Some(Nested::Async(call)) = &mut this.work.nested {
            ready!(call.as_mut().poll(context));
            this.work.nested = None;
        }
        if let Some(is_forgotten) = this.is_forgotten.take() {
            running.ask(is_forgotten);
        }
        let result = this.work.plan.result;
        if this.work.lasts_until_dropped {
            return Poll::Ready(running.conclude(result));
        }
        let mut running = this.running.take().expect("it has begun");
        Poll::Ready(running.conclude(result))
    }
}

impl<R> fmt::Debug for Working<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Working").field(&self.work).finish()
    }
}

/// A work that has begun. Dropping it is the work's end.
pub(crate) struct Running {
    log: Arc<Log>,
    call: Stamp,
    begin: Stamp,
    /// What becomes of each key if it is dropped now.
    results: Vec<(u64, Completion)>,
}

impl Running {
    pub(crate) fn begin(log: &Arc<Log>, call: Stamp, keys: impl IntoIterator<Item = u64>) -> Self {
        log.work_begins();
        Self {
            log: Arc::clone(log),
            call,
            results: keys
                .into_iter()
                .map(|key| (key, Completion::Dropped))
                .collect(),
            // Last: it has begun when all is ready to write that down.
            begin: log.stamp(),
        }
    }

    pub(crate) fn value(&self, key: u64) -> Value {
        Value::new(&self.log.round.values, key, self.begin)
    }

    /// Says how it is going to end, for every key.
    pub(crate) fn settle(&mut self, result: impl Fn(u64) -> Completion) {
        for (key, of_key) in &mut self.results {
            *of_key = result(*key);
        }
    }

    pub(crate) fn panic(&self) -> ! {
        panic_as_planted(self.begin)
    }

    fn conclude<R: Returns>(&mut self, result: Completion) -> R {
        self.settle(|_| result);
        let key = self.results[0].0;
        match result {
            Completion::Fault => R::fault(self.value(key)),
            Completion::Private => R::value(self.value(key).into_private()),
            Completion::Panic => self.panic(),
            _ => R::value(self.value(key)),
        }
    }

    fn ask(&self, is_forgotten: impl FnOnce() -> bool) {
        let begin = self.log.stamp();
        let is_forgotten = is_forgotten();
        self.log.asked(Question {
            key: self.results[0].0,
            call: self.call,
            execution: self.begin,
            begin,
            end: self.log.stamp(),
            is_forgotten,
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let end = self.log.stamp();
        let executions = self.results.iter().map(|(key, result)| Execution {
            key: *key,
            call: self.call,
            begin: self.begin,
            end,
            result: *result,
        });
        self.log.work_ends(executions);
    }
}
