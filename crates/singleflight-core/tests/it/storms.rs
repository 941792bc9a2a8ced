//! P11: many callers that fail, expire or let go together cost each of them a few polls.

use std::cell::Cell;
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};

use singleflight_core::{CallError, Group, Joined};

use crate::hand::{Runs, try_arrive};
use crate::task::pause;

const CALLERS: usize = 300;

type Numbers = Group<u64, u64>;

/// Tasks that are polled when they were woken, in the order in which they were.
struct Executor {
    tasks: Vec<Option<Task>>,
    queue: Sender<usize>,
    woken: Receiver<usize>,
    polls: usize,
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    number: Arc<Number>,
}

/// A task's number, which is queued once until it is polled.
struct Number {
    at: usize,
    is_queued: AtomicBool,
    queue: Sender<usize>,
}

impl Wake for Number {
    fn wake(self: Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::SeqCst) {
            // If the executor is gone, nobody polls any more.
            let _gone = self.queue.send(self.at);
        }
    }
}

impl Default for Executor {
    fn default() -> Self {
        let (queue, woken) = channel();
        Self {
            tasks: Vec::new(),
            queue,
            woken,
            polls: 0,
        }
    }
}

impl Executor {
    fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        let number = Arc::new(Number {
            at: self.tasks.len(),
            is_queued: AtomicBool::new(false),
            queue: self.queue.clone(),
        });
        Arc::clone(&number).wake();
        let future = Box::pin(task);
        self.tasks.push(Some(Task { future, number }));
    }

    /// Polls until every task sleeps. Returns how many polls it took.
    fn run(&mut self) -> usize {
        let before = self.polls;
        while let Ok(at) = self.woken.try_recv() {
            let Some(task) = &mut self.tasks[at] else {
                continue;
            };
            self.polls += 1;
            task.number.is_queued.store(false, Ordering::SeqCst);
            let waker = Waker::from(Arc::clone(&task.number));
            let polled = task.future.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_ready() {
                self.tasks[at] = None;
            }
        }
        self.polls - before
    }
}

fn most(polls: usize, each: usize) {
    assert!(
        polls <= each * CALLERS,
        "{polls} polls for {CALLERS} callers"
    );
}

/// By default the third failure in a row is the last: the others are told of it.
///
/// Holds P11.
#[test]
fn callers_that_all_fail_cost_a_few_polls_each() {
    let group: Rc<Numbers> = Rc::default();
    let (works, told) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let mut executor = Executor::default();
    for _ in 0..CALLERS {
        let group = Rc::clone(&group);
        let (works, told) = (Rc::clone(&works), Rc::clone(&told));
        executor.spawn(async move {
            let work = async || {
                works.set(works.get() + 1);
                pause_woken().await;
                Err("no route")
            };
            match group.try_run(1, work).await {
                Ok(failed) => assert_eq!(failed, Err("no route")),
                Err(error) => {
                    assert_eq!(error, CallError::TooManyFailures { failures: 3 });
                    told.set(told.get() + 1);
                }
            }
        });
    }
    most(executor.run(), 6);
    assert_eq!((works.get(), told.get()), (3, CALLERS - 3));
    assert_eq!(group.in_flight(), 0);
}

/// As [`pause`], for an executor that polls what was woken.
async fn pause_woken() {
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        Poll::Ready(())
    })
    .await;
    pause().await;
}

/// The deadlines of all followers of a hung work come at once.
///
/// Holds P11.
#[test]
fn callers_that_expire_together_start_no_work() {
    #[derive(Clone, Default)]
    struct Clock(Rc<(Cell<bool>, std::cell::RefCell<Vec<Waker>>)>);

    impl Clock {
        fn expiry(&self) -> impl Future<Output = ()> + use<> {
            let clock = self.clone();
            std::future::poll_fn(move |context| {
                if clock.0.0.get() {
                    return Poll::Ready(());
                }
                clock.0.1.borrow_mut().push(context.waker().clone());
                Poll::Pending
            })
        }

        fn strike(&self) {
            self.0.0.set(true);
            self.0.1.take().into_iter().for_each(Waker::wake);
        }
    }

    let group: Rc<Numbers> = Rc::default();
    let works = Rc::new(Cell::new(0));
    let clock = Clock::default();
    let mut executor = Executor::default();
    for _ in 0..CALLERS {
        let (group, works) = (Rc::clone(&group), Rc::clone(&works));
        let expiry = clock.expiry();
        executor.spawn(async move {
            let work = || {
                works.set(works.get() + 1);
                pending()
            };
            let call = group.call(1).give_up_on(expiry).run(work);
            assert_eq!(call.await.err(), Some(CallError::TimedOut));
        });
    }
    executor.run();
    clock.strike();
    most(executor.run(), 3);
    assert_eq!((works.get(), group.in_flight()), (1, 0));
}

/// Each handle that goes concerns its own task, whether that follows for itself or for its handle.
///
/// Holds P11.
#[test]
fn handles_that_are_dropped_one_by_one_wake_their_own_tasks() {
    for runs in [Runs::ToItsEnd, Runs::WhileWanted] {
        let group: Arc<Numbers> = Arc::default();
        let Ok(Joined::Leader(leader)) = group.join(1) else {
            panic!("the first call leads");
        };
        let mut executor = Executor::default();
        let handles: Vec<_> = (0..CALLERS)
            .map(|_| {
                let arrival = try_arrive(&group, 1, runs);
                let (task, handle) = arrival
                    .expect("nothing is refused")
                    .into_detached_task(pending);
                executor.spawn(task);
                handle
            })
            .collect();
        executor.run();
        let mut polls = 0;
        for handle in handles {
            drop(handle);
            polls += executor.run();
        }
        most(polls, 2);
        assert_eq!(group.followers(1), Some(0));
        assert_eq!(leader.complete(7).followers, 0);
        executor.run();
        assert!(executor.tasks.iter().all(Option::is_none), "all have ended");
    }
}
