//! A tiny executor: a few tasks in an array, each with a flag that its waker sets.
//!
//! A task is polled only if its flag is set. So a wake that gets lost leaves its task
//! unfinished with nobody ready, which [`Executor::finish`] reports; polling everybody in
//! turn would hide it.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Waker};

/// How many tasks there is room for.
const PLACES: usize = 8;

/// How many polls must be enough: tasks that wake themselves for ever are a failure too.
const MOST_POLLS: usize = 10_000;

/// The tasks, and what they borrow for `'a`.
pub(crate) struct Executor<'a> {
    places: [Option<Task<'a>>; PLACES],
}

struct Task<'a> {
    name: &'static str,
    future: Pin<Box<dyn Future<Output = ()> + 'a>>,
    ready: Arc<Ready>,
    waker: Waker,
}

/// Whether a task asks to be polled.
struct Ready(AtomicBool);

impl<'a> Executor<'a> {
    pub(crate) fn new() -> Self {
        Self {
            places: [const { None }; PLACES],
        }
    }

    /// Takes a task in. It is first polled by the next [`settle`](Self::settle).
    pub(crate) fn spawn(&mut self, name: &'static str, future: impl Future<Output = ()> + 'a) {
        let place = self
            .places
            .iter_mut()
            .find(|place| place.is_none())
            .expect("a step has no more tasks than there are places");
        let ready = Arc::new(Ready(AtomicBool::new(true)));
        *place = Some(Task {
            name,
            future: Box::pin(future),
            waker: Waker::from(Arc::clone(&ready)),
            ready,
        });
    }

    /// Drops the tasks of that name, wherever they are: what a time limit or an abort does.
    pub(crate) fn cancel(&mut self, name: &str) {
        for place in &mut self.places {
            if place.as_ref().is_some_and(|task| task.name == name) {
                *place = None;
            }
        }
    }

    /// Polls whoever is ready until nobody is.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        for _ in 0..MOST_POLLS {
            let ready = |place: &&mut Option<Task<'a>>| place.as_ref().is_some_and(Task::is_ready);
            let Some(place) = self.places.iter_mut().find(ready) else {
                return Ok(());
            };
            if place.as_mut().is_some_and(Task::poll) {
                *place = None;
            }
        }
        Err(format!("the tasks did not settle in {MOST_POLLS} polls"))
    }

    /// Polls until nobody is ready, and insists that every task has ended.
    pub(crate) fn finish(&mut self) -> Result<(), String> {
        self.settle()?;
        match self.places.iter().flatten().next() {
            Some(task) => Err(format!("task \"{}\" waits, and nobody woke it", task.name)),
            None => Ok(()),
        }
    }
}

impl Task<'_> {
    fn is_ready(&self) -> bool {
        self.ready.0.load(Ordering::Relaxed)
    }

    /// Polls once; says whether the task has ended.
    ///
    /// The flag is cleared first, so that a wake from inside the poll counts.
    fn poll(&mut self) -> bool {
        // Pairs with the store in `wake_by_ref`: what was done before the wake is seen.
        self.ready.0.swap(false, Ordering::Acquire);
        let mut context = Context::from_waker(&self.waker);
        self.future.as_mut().poll(&mut context).is_ready()
    }
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// Pairs with the swap in `Task::poll`. Polls nothing: wakers run under a lock of
    /// event-listener's.
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}
