//! What runs while a work, a value or a key goes may call the group: it is answered, and never
//! waits for itself. Needs `std`, as noticing that does.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use singleflight_core::{Builder, CallError, Group, Joined, PanicPolicy, Turn};

use crate::hand::{Runs, arrive, try_arrive};
use crate::task::Task;

type Shared = Rc<Group<u64, u64>>;

/// A work that calls for its own key as it is dropped, and tells what it was answered.
struct Calls {
    group: Shared,
    told: Rc<RefCell<Vec<Option<CallError>>>>,
    end: End,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Returns,
    Panics,
    Waits,
}

impl Future for Calls {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u64> {
        match self.end {
            End::Returns => Poll::Ready(7),
            End::Panics => panic!("the work"),
            End::Waits => Poll::Pending,
        }
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        let refused = match self.group.join(1) {
            // A blocking call would now wait for the flight whose work is dropped here.
            Ok(Joined::Follower(follower)) => {
                drop(follower);
                None
            }
            Ok(Joined::Leader(leader)) => {
                drop(leader);
                Some(CallError::LeaderLost)
            }
            Err(error) => Some(error),
        };
        self.told.borrow_mut().push(refused);
    }
}

/// Holds P8.
#[test]
fn a_work_that_goes_is_refused_its_own_key() {
    for end in [End::Returns, End::Panics, End::Waits] {
        for policy in [PanicPolicy::Share, PanicPolicy::HandOver] {
            let group: Shared = Rc::new(Builder::new().panic_policy(policy).build());
            let told = Rc::default();
            let work = || Calls {
                group: Rc::clone(&group),
                told: Rc::clone(&told),
                end,
            };
            let arrive = |runs| {
                let arrival = try_arrive(&group, 1, runs);
                arrival
                    .expect("nothing is refused")
                    .into_detached_task(work)
            };
            let mut calls: Vec<Task<'_, ()>> = Vec::new();
            calls.push(Task::new(async {
                assert_eq!(group.run(1, work).await, Ok(7));
            }));
            calls.push(Task::new(async {
                let call = group.call(1).give_up_on(pending()).run(work);
                assert!(call.await.is_ok());
            }));
            for mut call in calls {
                let _panics = catch_unwind(AssertUnwindSafe(|| call.poll()));
                drop(call);
            }
            for runs in [Runs::ToItsEnd, Runs::WhileWanted] {
                let (task, handle) = arrive(runs);
                let mut task = Task::new(task);
                assert_eq!(task.poll().is_pending(), matches!(end, End::Waits));
                // Of an unwanted call this cancels the work, at the next poll.
                drop(handle);
                if matches!(end, End::Waits) {
                    assert_eq!(task.poll().is_pending(), runs == Runs::ToItsEnd);
                }
                drop(task);
            }
            let told = told.take();
            assert_eq!(
                told,
                vec![Some(CallError::Reentrant); 4],
                "{end:?} {policy:?}"
            );
            assert_eq!(group.in_flight(), 0);
        }
    }
}

/// A call whose time is up drops its work in the same way.
#[test]
fn a_work_whose_time_is_up_is_refused_its_own_key() {
    let group = Shared::default();
    let told = Rc::default();
    let work = || Calls {
        group: Rc::clone(&group),
        told: Rc::clone(&told),
        end: End::Waits,
    };
    let is_over = Cell::new(false);
    let expiry = std::future::poll_fn(|_| {
        if is_over.get() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    let mut call = Task::new(group.call(1).give_up_on(expiry).run(work));
    call.waits();
    is_over.set(true);
    assert_eq!(call.ends().err(), Some(CallError::TimedOut));
    assert_eq!(told.take(), [Some(CallError::Reentrant)]);
    assert_eq!(group.in_flight(), 0);
}

/// On a thread, the captures of a closure go with it.
#[test]
fn a_closure_that_goes_is_refused_its_own_key() {
    for panics in [false, true] {
        let group = Shared::default();
        let told = Rc::default();
        let Ok(Joined::Leader(leader)) = group.join(1) else {
            panic!("the first call leads");
        };
        let captured = Calls {
            group: Rc::clone(&group),
            told: Rc::clone(&told),
            end: End::Returns,
        };
        let work = move || {
            assert!(!panics, "the work");
            drop(captured);
            7
        };
        let led = catch_unwind(AssertUnwindSafe(|| leader.lead_blocking(work).value));
        assert_eq!(led.is_err(), panics);
        assert_eq!(told.take(), [Some(CallError::Reentrant)]);
        assert_eq!(group.in_flight(), 0);
    }
}

/// The handle goes, the work sees it, a caller comes, the work panics: the caller runs its own.
#[test]
fn nobody_shares_the_panic_of_a_work_that_nobody_wants() {
    let group: Arc<Group<u64, u64>> = Arc::default();
    let arrival = arrive(&group, 1, Runs::WhileWanted);
    let follower = RefCell::new(None);
    let handle = Rc::new(Cell::new(None));
    let (run, waits) = arrival.into_job(
        |call| futures_lite::future::block_on(call),
        |wanted| {
            drop(handle.take());
            assert!(!wanted.is_wanted());
            // On a thread of its own: here it would be a call from inside the work.
            let join = || Group::join_owned(Arc::clone(&group), 1);
            let late = std::thread::scope(|scope| scope.spawn(join).join());
            follower.replace(Some(late.expect("it comes in time")));
            panic!("too late");
        },
    );
    handle.set(Some(waits));
    run();
    let Some(Ok(Joined::Follower(late))) = follower.take() else {
        panic!("the flight was led");
    };
    match Task::new(late.wait()).ends() {
        Ok(Turn::Lead(leader)) => assert_eq!(leader.complete(5).value, 5),
        other => panic!("it leads on: {other:?}"),
    }
    assert_eq!(group.in_flight(), 0);
}

/// A leader that is lost between two failures is not counted, and does not end the row.
#[test]
fn a_lost_leader_does_not_end_a_row_of_failures() {
    let group: Group<u64, u64> = Builder::new().max_failures(3).build();
    let mut tasks: Vec<_> = (0..6)
        .map(|number| {
            let work = move || {
                let mut waits = number == 2;
                std::future::poll_fn(move |_| {
                    if std::mem::take(&mut waits) {
                        Poll::Pending
                    } else {
                        Poll::Ready(Err(number))
                    }
                })
            };
            Task::new(group.try_run(1, work))
        })
        .collect();
    let blocker = group.join(1).expect("nothing is refused");
    tasks.iter_mut().for_each(Task::waits);
    drop(blocker);
    let mut tasks = tasks.into_iter();
    let mut next = || tasks.next().expect("there are six");
    assert_eq!(next().ends(), Ok(Err(0)));
    assert_eq!(next().ends(), Ok(Err(1)));
    let mut lost = next();
    lost.waits();
    drop(lost);
    assert_eq!(next().ends(), Ok(Err(3)), "the third in a row");
    let told = Err(CallError::TooManyFailures { failures: 3 });
    assert_eq!(next().ends(), told);
    assert_eq!(next().ends(), told);
    assert_eq!(group.in_flight(), 0);
}
