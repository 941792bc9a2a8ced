//! Batches whose time is up: what is there they have, and the rest they leave.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::rc::Rc;
use std::task::Poll;

use singleflight_core::{Answers, CallError, Group};

use crate::hand::lead;
use crate::task::{Task, pause};

type Numbers = Group<u64, u64>;

/// A deadline that comes when the test says so.
#[derive(Default)]
struct Deadline(Rc<Cell<bool>>);

impl Deadline {
    fn wait(&self) -> impl Future<Output = ()> + use<> {
        let has_come = Rc::clone(&self.0);
        poll_fn(move |_| {
            if has_come.get() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }

    fn come(&self) {
        self.0.set(true);
    }
}

const LATE: Result<u64, CallError> = Err(CallError::TimedOut);

fn list(answers: Answers<u64, u64>) -> Vec<(u64, Result<u64, CallError>)> {
    answers.into_iter().collect()
}

#[test]
fn a_batch_that_comes_too_late_registers_nothing() {
    let group = Numbers::new();
    let _leader = lead(&group, 2);
    let batch = group.call_many([1, 2, 1]).give_up_on(ready(()));
    let answers =
        Task::new(batch.run(async |_| -> Vec<(u64, u64)> { unreachable!("its time is up") }));
    assert_eq!(list(answers.ends()), [(1, LATE), (2, LATE)]);
    assert_eq!((group.stats().led, group.followers(2)), (1, Some(0)));
    let nothing = group.call_many([]).give_up_on(ready(()));
    assert!(
        Task::new(nothing.run(async |_| Vec::new()))
            .ends()
            .is_empty()
    );
}

/// Its work is dropped, what it leads handed over, and what it waits for left.
#[test]
fn a_batch_that_gives_up_hands_over_and_leaves() {
    let group = Numbers::new();
    let elsewhere = lead(&group, 3);
    let (deadline, dropped) = (Deadline::default(), Rc::new(()));
    let batch = group.call_many([1, 2, 3]).give_up_on(deadline.wait());
    let mut batch = Task::new(batch.run(|_| {
        let held = Rc::clone(&dropped);
        async move {
            let loaded = pending::<Vec<_>>().await;
            drop(held);
            loaded
        }
    }));
    batch.waits();
    let mut follower = Task::new(group.run(1, async || 8));
    follower.waits();
    assert_eq!(
        (Rc::strong_count(&dropped), group.followers(3)),
        (2, Some(1))
    );
    deadline.come();
    assert_eq!(list(batch.ends()), [(1, LATE), (2, LATE), (3, LATE)]);
    assert_eq!(
        (Rc::strong_count(&dropped), group.followers(3)),
        (1, Some(0))
    );
    assert_eq!(follower.ends(), Ok(8));
    assert_eq!(elsewhere.complete(30).followers, 0);
    assert_eq!(group.in_flight(), 0);
}

/// A deadline is no failure, as no cancellation is.
#[test]
fn a_batch_that_gives_up_has_not_failed() {
    let group: Numbers = Group::builder().max_failures(1).build();
    let deadline = Deadline::default();
    let batch = group.call_many([1]).give_up_on(deadline.wait());
    let mut batch = Task::new(batch.run(|_| pending::<Vec<_>>()));
    batch.waits();
    let mut follower = Task::new(group.run(1, async || 8));
    follower.waits();
    deadline.come();
    assert_eq!(list(batch.ends()), [(1, LATE)]);
    assert_eq!(follower.ends(), Ok(8));
}

/// What its work has loaded, and what has landed elsewhere, in the same poll, too.
#[test]
fn a_late_batch_has_what_is_there() {
    let group = Numbers::new();
    let [landed, missed, lost] = [1, 2, 3].map(|key| lead(&group, key));
    let deadline = Deadline::default();
    let loads = RefCell::new(Vec::new());
    let batch = group.call_many(1..=5).give_up_on(deadline.wait());
    let mut batch = Task::new(batch.run(async |keys: Vec<u64>| {
        loads.borrow_mut().push(keys.clone());
        pause().await;
        keys.into_iter().skip(1).map(|key| (key, 10 * key))
    }));
    batch.waits();
    assert_eq!(landed.complete(7).followers, 1);
    drop(lost);
    deadline.come();
    let expected = [
        (1, Ok(7)),
        (2, LATE),
        (3, LATE),
        (4, Err(CallError::NotReturned)),
        (5, Ok(50)),
    ];
    assert_eq!(list(batch.ends()), expected);
    assert_eq!(*loads.borrow(), [[4, 5]], "it takes nothing over any more");
    assert_eq!(group.stats().handed_over, 0);
    assert_eq!(missed.complete(20).followers, 0);
    assert_eq!(group.in_flight(), 0);
}

/// Between the claim and the work: the work does not start, and the flight is handed over.
#[test]
fn a_batch_that_is_late_after_its_claim_starts_no_work() {
    let group = Numbers::new();
    let lost = lead(&group, 1);
    let deadline = Deadline::default();
    let batch = group.call_many([1]).give_up_on(deadline.wait());
    let mut batch =
        Task::new(batch.run(async |_| -> Vec<(u64, u64)> { unreachable!("its time is up") }));
    batch.waits();
    let mut follower = Task::new(group.run(1, async || 8));
    follower.waits();
    drop(lost);
    assert!(batch.poll_once().is_pending());
    assert_eq!(group.stats().handed_over, 1, "it has claimed");
    deadline.come();
    assert_eq!(list(batch.ends()), [(1, LATE)]);
    assert_eq!(follower.ends(), Ok(8));
    assert_eq!(group.in_flight(), 0);
}

/// An error that is there wins over the deadline as a value does.
#[test]
fn a_late_batch_has_its_own_error() {
    let group = Numbers::new();
    let deadline = Deadline::default();
    let call = || group.call_many([1]).give_up_on(deadline.wait());
    let mut fails = Task::new(call().try_run(async |_| {
        pause().await;
        Err::<Vec<_>, _>("no route")
    }));
    fails.waits();
    deadline.come();
    assert_eq!(fails.ends().err(), Some("no route"));
    let late = Task::new(
        call().try_run(async |_| -> Result<Vec<_>, ()> { unreachable!("its time is up") }),
    );
    assert_eq!(late.ends().map(list), Ok(vec![(1, LATE)]));
    assert_eq!(group.in_flight(), 0);
}

/// In time it is a batch as any other, and its deadline and its fence combine.
#[test]
fn a_batch_in_time_is_not_disturbed_by_its_options() {
    let group = Numbers::new();
    let fence = group.fence();
    let call = || group.call_many([1, 2]).give_up_on(pending()).fence(&fence);
    let answers = Task::new(call().run(async |keys: Vec<u64>| {
        assert!(!fence.is_forgotten());
        keys.into_iter().map(|key| (key, 10 * key))
    }));
    assert_eq!(list(answers.ends()), [(1, Ok(10)), (2, Ok(20))]);
    let shown = format!("{:?}", call());
    assert!(shown.starts_with("CallMany { group: Group {"), "{shown}");
}

/// A timer as threads have it: their front end parks on the same future.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
#[test]
fn a_thread_gives_a_batch_up() {
    use std::time::{Duration, Instant};

    let group = Numbers::new();
    let _hung = lead(&group, 1);
    let end = Instant::now() + Duration::from_millis(5);
    let expiry = poll_fn(|context| {
        if Instant::now() < end {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    });
    let batch = group.call_many([1, 2]).give_up_on(expiry);
    let batch = batch.run(async |keys: Vec<u64>| keys.into_iter().map(|key| (key, 10 * key)));
    let answers = futures_lite::future::block_on(batch);
    assert_eq!(list(answers), [(1, LATE), (2, Ok(20))]);
}
