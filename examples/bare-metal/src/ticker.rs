//! Timers, counted down by the board's timer interrupt.
//!
//! The interrupt is on only while a timer runs.

use core::cell::RefCell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use critical_section::Mutex;

use crate::board;

/// How many timers can run at once.
const PLACES: usize = 16;

static TIMERS: Mutex<RefCell<[Option<Timer>; PLACES]>> =
    Mutex::new(RefCell::new([const { None }; PLACES]));

struct Timer {
    /// Ticks to go; none once it is due.
    left: u32,
    then: Then,
}

/// What happens when a timer is due.
enum Then {
    /// Nobody has asked yet.
    Nothing,
    Wake(Waker),
    Call(fn()),
}

/// A timer of a task; ready when it is due, gone when it is dropped.
#[derive(Debug)]
#[must_use = "a timer is awaited"]
pub struct After {
    place: usize,
}

/// Starts a timer that is due after so many ticks.
pub fn after(ticks: u32) -> After {
    let place = start(ticks, Then::Nothing);
    After { place }
}

/// Lets the interrupt's handler call `handler` after so many ticks.
pub fn call_after(ticks: u32, handler: fn()) {
    start(ticks, Then::Call(handler));
}

fn start(ticks: u32, then: Then) -> usize {
    with(|timers| {
        let is_first = timers.iter().all(Option::is_none);
        let free = timers.iter().position(Option::is_none);
        let place = free.expect("a program has no more timers than there are places");
        timers[place] = Some(Timer { left: ticks, then });
        if is_first {
            board::start_ticks();
        }
        place
    })
}

fn free(timers: &mut [Option<Timer>; PLACES], place: usize) {
    timers[place] = None;
    if timers.iter().all(Option::is_none) {
        board::stop_ticks();
    }
}

fn with<R>(inside: impl FnOnce(&mut [Option<Timer>; PLACES]) -> R) -> R {
    critical_section::with(|section| inside(&mut TIMERS.borrow_ref_mut(section)))
}

/// Counts every timer down. Called by the handler of the board's timer interrupt.
pub(crate) fn on_tick() {
    for place in 0..PLACES {
        // What is due happens outside the critical section, and interrupts may come.
        match with(|timers| count_down(timers, place)) {
            Then::Nothing => {}
            Then::Wake(waker) => waker.wake(),
            Then::Call(handler) => handler(),
        }
    }
}

fn count_down(timers: &mut [Option<Timer>; PLACES], place: usize) -> Then {
    let Some(timer) = timers[place].as_mut().filter(|timer| timer.left > 0) else {
        return Then::Nothing;
    };
    timer.left -= 1;
    if timer.left > 0 {
        return Then::Nothing;
    }
    let then = core::mem::replace(&mut timer.then, Then::Nothing);
    if matches!(then, Then::Call(_)) {
        free(timers, place);
    }
    then
}

impl Future for After {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        with(|timers| match &mut timers[self.place] {
            Some(timer) if timer.left > 0 => {
                timer.then = Then::Wake(context.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        })
    }
}

impl Drop for After {
    fn drop(&mut self) {
        with(|timers| free(timers, self.place));
    }
}
