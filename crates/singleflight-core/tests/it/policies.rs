//! Panics, where they can be caught and where they cannot.

#[cfg(feature = "std")]
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(feature = "std")]
use std::rc::Rc;
#[cfg(feature = "std")]
use std::sync::Arc;

#[cfg(feature = "std")]
use crate::hand::{Runs, arrive};
use singleflight_core::{Builder, CallError, Group, PanicPolicy};

use crate::task::Task;

fn panics<T>(run: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(_) => panic!("it should panic"),
        Err(payload) => payload
            .downcast_ref::<&str>()
            .map_or_else(String::new, ToString::to_string),
    }
}

/// With `std` the followers learn of the panic; without, the leader unwinds, which drops it.
#[test]
fn a_panic_settles_or_hands_over() {
    for policy in [PanicPolicy::Share, PanicPolicy::HandOver] {
        let group: Group<u64, u64> = Builder::new().panic_policy(policy).build();
        let mut leader = Task::new(group.run(1, async || {
            let mut polled = false;
            std::future::poll_fn(|_| {
                assert!(!std::mem::replace(&mut polled, true), "boom");
                std::task::Poll::<()>::Pending
            })
            .await;
            unreachable!("it panics")
        }));
        leader.waits();
        let mut follower = Task::new(group.run_outcome(1, async || 8));
        follower.waits();
        assert_eq!(panics(move || leader.poll()), "boom");
        assert_eq!(follower.wakes(), 1);
        let outcome = follower.ends();
        if cfg!(feature = "std") && policy == PanicPolicy::Share {
            match outcome {
                Err(CallError::LeaderPanicked(panicked)) => assert_eq!(panicked.message(), "boom"),
                other => panic!("the panic is shared: {other:?}"),
            }
        } else {
            assert_eq!(outcome.map(|outcome| outcome.value), Ok(8));
        }
        assert_eq!(group.in_flight(), 0);
    }
}

/// The value's `Clone` runs in the task; its panic is told there, and the others have theirs.
#[cfg(feature = "std")]
#[test]
fn a_clone_that_panics_in_a_spawned_call_is_its_answer() {
    struct Once(Rc<Cell<bool>>);

    impl Clone for Once {
        fn clone(&self) -> Self {
            assert!(!self.0.replace(false), "cloning");
            Self(Rc::clone(&self.0))
        }
    }

    let group: Rc<Group<u64, Once>> = Rc::default();
    let arrival = arrive(&group, 1, Runs::ToItsEnd);
    let panics = Rc::new(Cell::new(true));
    let value = Once(Rc::clone(&panics));
    let (task, handle) = arrival.into_detached_task(|| std::future::ready(value));
    let mut follower = Task::new(group.run_outcome(1, || -> std::future::Pending<Once> {
        unreachable!("it follows")
    }));
    follower.waits();
    Task::new(task).ends();
    let answer = Task::new(handle.outcome()).ends();
    let Err(CallError::LeaderPanicked(panicked)) = answer.map(drop) else {
        panic!("its clone panicked");
    };
    assert_eq!(panicked.message(), "cloning");
    assert!(follower.ends().is_ok());
    assert_eq!(group.in_flight(), 0);
}

/// Whoever leads on, a spawned call whose work panicked has its own panic for an answer.
#[cfg(feature = "std")]
#[test]
fn a_spawned_call_that_handed_its_panic_over_is_told_of_it() {
    let group: Arc<Group<u64, u64>> =
        Arc::new(Builder::new().panic_policy(PanicPolicy::HandOver).build());
    let arrival = arrive(&group, 1, Runs::ToItsEnd);
    assert_eq!(group.panic_policy(), PanicPolicy::HandOver);
    let boom = || -> std::future::Ready<u64> { panic!("boom") };
    let (task, handle) = arrival.into_detached_task(boom);
    let mut follower = Task::new(group.run(1, async || 8));
    follower.waits();
    Task::new(task).ends();
    assert_eq!(follower.ends(), Ok(8));
    let answer = Task::new(handle.outcome()).ends();
    let Err(CallError::LeaderPanicked(panicked)) = answer else {
        panic!("its work panicked: {answer:?}");
    };
    assert_eq!(panicked.message(), "boom");
    let shown = format!("{panicked:?}");
    assert_eq!(shown, "LeaderPanicked { message: \"boom\" }");
}

/// Where nobody but its own handle waits, a panic is told to nobody else: the leader is lost.
#[cfg(feature = "std")]
#[test]
fn a_panic_that_only_its_own_handle_is_told_of_is_a_lost_leader() {
    let group: Arc<Group<u64, u64>> =
        Arc::new(Builder::new().panic_policy(PanicPolicy::HandOver).build());
    for runs in [Runs::ToItsEnd, Runs::WhileWanted] {
        let arrival = arrive(&group, 1, runs);
        let boom = || -> std::future::Ready<u64> { panic!("boom") };
        let (task, handle) = arrival.into_detached_task(boom);
        Task::new(task).ends();
        assert!(Task::new(handle).ends().is_err());
        assert_eq!(group.in_flight(), 0);
    }
    let stats = group.stats();
    assert_eq!((stats.panicked, stats.abandoned), (0, 2), "{stats:?}");
}

/// The closure that makes the future may panic, and so may the future's drop.
///
/// Holds P4.
#[test]
fn panics_at_the_edges_of_the_work_are_the_works_panics() {
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on the way out");
        }
    }

    let group: Group<u64, u64> = Group::new();
    let message = panics(|| {
        Task::new(group.run(1, || -> std::future::Ready<u64> { panic!("at once") })).ends()
    });
    assert_eq!(message, "at once");
    assert_eq!(group.in_flight(), 0);

    let message = panics(|| {
        let bomb = Bomb;
        Task::new(group.run(1, || async move {
            let _bomb = bomb;
            7
        }))
        .ends()
    });
    assert_eq!(message, "on the way out");
    assert_eq!(group.in_flight(), 0);
    assert_eq!(Task::new(group.run(1, async || 9)).ends(), Ok(9));
}

/// The flight has landed by then: a clone that panics costs its own caller the value.
#[test]
fn a_clone_that_panics_harms_its_own_caller_only() {
    #[derive(Debug)]
    struct Fragile(u64);

    impl Clone for Fragile {
        fn clone(&self) -> Self {
            panic!("it broke");
        }
    }

    let group: Group<u64, Fragile> = Group::new();
    let mut leader = Task::new(group.run(1, async || {
        let mut polled = false;
        std::future::poll_fn(|_| {
            if std::mem::replace(&mut polled, true) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
        Fragile(7)
    }));
    leader.waits();
    let mut first = Task::new(group.run(1, async || unreachable!("it follows")));
    let mut last = Task::new(group.run(1, async || unreachable!("it follows")));
    first.waits();
    last.waits();
    assert_eq!(
        panics(move || leader.ends().map(|value| value.0)),
        "it broke"
    );
    assert_eq!(group.in_flight(), 0);
    assert_eq!(
        panics(move || first.ends().map(|value| value.0)),
        "it broke"
    );
    let last = last.ends().map(|value| value.0);
    assert_eq!(last, Ok(7), "the last one takes the value itself");
}

/// Equality is the one piece of caller's code under a lock; if it panics, nothing has changed.
///
/// Holds P8.
#[test]
fn an_eq_that_panics_harms_its_own_caller_only() {
    #[derive(Debug)]
    struct Picky(u64);

    impl PartialEq for Picky {
        fn eq(&self, other: &Self) -> bool {
            assert!(self.0 != 0 && other.0 != 0, "not comparable");
            true
        }
    }

    impl Eq for Picky {}

    impl std::hash::Hash for Picky {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            1_u64.hash(state);
        }
    }

    let group: Group<Picky, u64> = Group::new();
    let leader = group.join(Picky(1)).expect("nothing is refused");
    assert_eq!(panics(|| drop(group.join(Picky(0)))), "not comparable");
    assert_eq!(group.in_flight(), 1);
    assert_eq!(group.followers(Picky(2)), Some(0));
    drop(leader);
    assert_eq!(group.in_flight(), 0);
}
