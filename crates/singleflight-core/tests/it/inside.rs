//! Calls from inside the work, in the places where they are easily missed. Needs `std`, as
//! noticing them does.

use std::cell::{Cell, RefCell};
use std::future::{Future, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use singleflight_core::{CallError, Group, Joined, Outcome, SeededHashBuilder, Until};

use crate::task::Task;

/// An iterator that the work returns is part of the work, and so is its panic.
#[test]
fn a_lazy_answer_of_a_batch_is_part_of_its_work() {
    let group: Group<u64, u64> = Group::new();
    let mut polled = false;
    let mut batch = Task::new(group.run_many([1, 2], |keys: Vec<u64>| {
        let first = !std::mem::replace(&mut polled, true);
        async move {
            if first {
                let mut waited = false;
                std::future::poll_fn(|_| {
                    if std::mem::replace(&mut waited, true) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
            }
            keys.into_iter().map(|key| {
                assert!(key == 0, "while loading");
                (key, key)
            })
        }
    }));
    batch.waits();
    let runs = Cell::new(0);
    let mut follower = Task::new(group.run_outcome(1, || {
        runs.set(runs.get() + 1);
        ready(9)
    }));
    follower.waits();
    let polled = catch_unwind(AssertUnwindSafe(|| batch.poll()));
    assert!(polled.is_err());
    assert!(matches!(follower.ends(), Err(CallError::LeaderPanicked(_))));
    assert_eq!(runs.get(), 0);

    // A call for one of its keys, too, is a call from inside.
    let nested = Task::new(group.run_many([1], |keys: Vec<u64>| {
        let group = &group;
        ready(keys.into_iter().map(move |key| {
            assert_eq!(group.join(key).err(), Some(CallError::Reentrant));
            (key, key)
        }))
    }));
    assert_eq!(nested.ends().len(), 1);
}

/// A thread remembers 63 works around it; at every 64th it begins anew.
#[test]
fn works_nest_as_deep_as_the_thread_does() {
    fn nest(group: &Group<u64, u64>, depth: u64) -> u64 {
        let Ok(Joined::Leader(leader)) = group.join(depth) else {
            panic!("nobody has come to {depth} before");
        };
        let work = || {
            let around = 201 - depth;
            for outer in depth..depth + around % 64 {
                assert_eq!(group.join(outer).err(), Some(CallError::Reentrant));
            }
            if depth == 0 {
                1
            } else {
                nest(group, depth - 1) + 1
            }
        };
        leader.lead_blocking(work).value
    }
    let group = Group::new();
    assert_eq!(nest(&group, 200), 201);
    assert_eq!(group.in_flight(), 0);
}

/// Nor is a work whose flight was forgotten inside of that which came after.
#[test]
fn flights_of_one_key_are_told_apart() {
    let group: Group<u64, u64> = Group::new();
    let Ok(Joined::Leader(old)) = group.join(1) else {
        panic!("nobody has come before");
    };
    assert!(group.forget(1));
    let Ok(Joined::Leader(new)) = group.join(1) else {
        panic!("the flight was forgotten");
    };
    let outcome = old.lead_blocking(|| {
        assert!(matches!(group.join(1), Ok(Joined::Follower(_))));
        2
    });
    assert_eq!(outcome.value, 2);
    drop(new);
}

/// A work of one group is not inside of a flight of another that looks the same.
#[test]
fn groups_are_told_apart() {
    let group = || -> Group<u64, u64, _> { Group::with_hasher(SeededHashBuilder::new(1)) };
    let (one, other) = (group(), group());
    let (Ok(Joined::Leader(leader)), Ok(Joined::Leader(elsewhere))) = (one.join(1), other.join(1))
    else {
        panic!("nobody has come before");
    };
    let outcome = leader.lead_blocking(|| {
        assert!(matches!(one.join(1), Err(CallError::Reentrant)));
        assert!(matches!(other.join(1), Ok(Joined::Follower(_))));
        2
    });
    assert_eq!(outcome.value, 2);
    drop(elsewhere);
}

type Call<'a> = Pin<Box<dyn Future<Output = Result<Outcome<u64>, CallError>> + 'a>>;

/// A wait looks at every poll, so it finds out where it is polled.
#[test]
fn a_follower_that_has_slept_elsewhere_is_refused_inside_its_work() {
    let group: Group<u64, u64> = Group::new();
    let moved: RefCell<Option<Call<'_>>> = RefCell::new(None);
    let mut leader = Task::new(group.run(1, || {
        let mut inner = None;
        let moved = &moved;
        std::future::poll_fn(move |context| {
            if inner.is_none() {
                inner = moved.take();
            }
            match &mut inner {
                None => Poll::Pending,
                Some(follower) => follower
                    .as_mut()
                    .poll(context)
                    .map(|outcome| u64::from(outcome.err() == Some(CallError::Reentrant))),
            }
        })
    }));
    leader.waits();
    let mut follower: Call<'_> = Box::pin(group.run_outcome(1, async || 5));
    let polled = follower
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    moved.replace(Some(follower));
    assert_eq!(leader.ends(), 1);
}

/// A call that is spawned from inside the work does not wait there; its handle must not.
#[test]
fn a_call_may_be_spawned_from_inside_its_own_work() {
    let group: Arc<Group<u64, u64>> = Arc::default();
    let spawned = RefCell::new(None);
    let outer = Task::new(group.run(1, async || {
        let arrival =
            Group::arrive(Arc::clone(&group), 1, Until::Done).expect("it does not wait here");
        let (task, handle) = arrival.into_task(async || 2);
        spawned.replace(Some(task));
        let outcome = handle.outcome().await;
        assert_eq!(outcome.err(), Some(CallError::Reentrant));
        1
    }));
    assert_eq!(outer.ends(), 1);
    let task = spawned.take().expect("it was spawned");
    Task::new(task).ends();
    assert_eq!(group.in_flight(), 0);
}
