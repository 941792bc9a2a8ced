//! Calls from inside the work, in the places where they are easily missed. Needs `std`, as
//! noticing them does.

use std::cell::{Cell, RefCell};
use std::future::{Future, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use singleflight_core::{CallError, Group, Joined, Outcome, SeededHashBuilder};

use crate::hand::{Runs, arrive, lead};
use crate::task::{Task, pause};

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

/// A circle is refused where it closes, however deep that is, and however long it is.
#[test]
fn works_nest_as_deep_as_the_thread_does() {
    fn nest(group: &Group<u64, u64>, depth: u64) -> u64 {
        let Ok(Joined::Leader(leader)) = group.join(depth) else {
            panic!("nobody has come to {depth} before");
        };
        let work = || {
            let all_refused = |group: &Group<u64, u64>| {
                (depth..=200).all(|outer| group.join(outer).err() == Some(CallError::Reentrant))
            };
            assert!(all_refused(group), "on the way down to {depth}");
            let inner = if depth == 0 {
                0
            } else {
                nest(group, depth - 1)
            };
            assert!(all_refused(group), "on the way up to {depth}");
            inner + 1
        };
        leader.lead_blocking(work).value
    }
    let group = Group::new();
    assert_eq!(nest(&group, 200), 201);
    assert_eq!(group.in_flight(), 0);
}

/// Works for the keys up to `last`, each inside of the one before. The last one waits once.
fn chain(group: &Group<u64, u64>, key: u64, last: u64) -> Call<'_> {
    Box::pin(group.run_outcome(key, async move || {
        if key == last {
            pause().await;
            return last;
        }
        chain(group, key + 1, last)
            .await
            .expect("nothing is refused")
            .value
    }))
}

/// Nothing is circular about a work that calls for the head of a chain and, beside it, for a key
/// that stands deep in that chain.
#[test]
fn a_call_beside_a_deep_chain_is_not_inside_of_it() {
    const LAST: u64 = 70;
    for key in 1..=LAST {
        let group: Group<u64, u64> = Group::new();
        let mut outer = Task::new(group.run(0, async || {
            let mut chain = Task::new(chain(&group, 1, LAST));
            chain.waits();
            let mut beside = Task::new(group.run_outcome(key, async || unreachable!("it is led")));
            if let Poll::Ready(answer) = beside.poll() {
                panic!("key {key} is led by a chain that is left: {answer:?}");
            }
            pause().await;
            let chained = chain.ends().expect("nothing is refused");
            assert_eq!(chained.value, LAST);
            beside.ends().expect("it lands").value
        }));
        outer.waits();
        assert_eq!(outer.ends(), Ok(LAST));
        assert_eq!(group.in_flight(), 0);
    }
}

/// Does something inside of works that nest so deep, for the keys from 1 to `depth`.
fn at_depth(group: &Group<u64, u64>, depth: u64, act: &mut dyn FnMut()) {
    if depth == 0 {
        return act();
    }
    let Ok(Joined::Leader(leader)) = group.join(depth) else {
        panic!("nobody has come to {depth} before");
    };
    let outcome = leader.lead_blocking(|| {
        at_depth(group, depth - 1, act);
        depth
    });
    assert_eq!(outcome.value, depth);
}

/// The depths around which works find no place on the stack any more.
const DEPTHS: [u64; 6] = [1, 62, 63, 64, 65, 70];

/// So it is wherever the chain began.
#[test]
fn a_call_beside_a_chain_is_not_inside_of_it_at_any_depth() {
    for depth in DEPTHS {
        let group: Group<u64, u64> = Group::new();
        at_depth(&group, depth, &mut || {
            let mut chain = Task::new(chain(&group, 101, 104));
            chain.waits();
            for key in 101..=104 {
                let beside = group.join(key);
                assert!(
                    matches!(beside, Ok(Joined::Follower(_))),
                    "{key} at {depth}"
                );
            }
            assert!(chain.ends().is_ok());
        });
    }
}

/// A waker is code of another task, which is inside of no work of the thread that calls it, and of
/// those that it begins.
#[test]
fn a_waker_is_inside_of_its_own_works_only_at_any_depth() {
    thread_local! {
        static ON_WAKE: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
    }

    struct Acts;

    impl Wake for Acts {
        fn wake(self: Arc<Self>) {
            let mut act = ON_WAKE.take().expect("it is woken once");
            act();
        }
    }

    for depth in DEPTHS {
        let group: Arc<Group<u64, u64>> = Arc::default();
        let was_woken = Rc::new(Cell::new(false));
        at_depth(&group, depth, &mut || {
            let leader = lead(&group, 200);
            let mut follower = Box::pin(group.run(200, async || 0));
            let waker = Waker::from(Arc::new(Acts));
            assert!(
                follower
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            let (group, was_woken) = (Arc::clone(&group), Rc::clone(&was_woken));
            ON_WAKE.set(Some(Box::new(move || {
                let waits = |key| matches!(group.join(key), Ok(Joined::Follower(_)));
                assert!((1..=depth).all(waits), "at {depth}");
                let outcome = lead(&group, 201).lead_blocking(|| {
                    assert_eq!(
                        group.join(201).err(),
                        Some(CallError::Reentrant),
                        "at {depth}"
                    );
                    assert!((1..=depth).all(waits), "at {depth}");
                    1
                });
                was_woken.set(outcome.value == 1);
            })));
            assert_eq!(leader.complete(1).followers, 1);
        });
        assert!(was_woken.get());
        assert_eq!(group.in_flight(), 0);
    }
}

/// However deep the works were that a work has called, it is still inside of itself.
#[test]
fn a_work_is_inside_of_itself_after_a_deep_chain() {
    let group: Group<u64, u64> = Group::new();
    let outer = Task::new(group.run(0, async || {
        let mut chain = Task::new(chain(&group, 1, 70));
        chain.waits();
        assert_eq!(group.join(0).err(), Some(CallError::Reentrant));
        chain.ends().expect("nothing is refused").value
    }));
    assert_eq!(outer.ends(), Ok(70));
}

/// While a thread is being torn down its works are told apart no more, and run all the same.
#[test]
fn works_nest_while_their_thread_ends() {
    struct Last;

    impl Drop for Last {
        fn drop(&mut self) {
            nests();
        }
    }

    fn nests() {
        let group: Group<u64, u64> = Group::new();
        let outcome = Task::new(chain(&group, 1, 70)).poll();
        assert!(outcome.is_pending(), "the last one waits");
        let load = |keys: Vec<u64>| {
            let (group, all) = (&group, keys.clone());
            let calls = all.into_iter().map(move |key| {
                drop(group.join(key));
                (key, key)
            });
            ready(calls)
        };
        assert_eq!(Task::new(group.run_many(0..9, load)).ends().len(), 9);
        assert_eq!(group.in_flight(), 0);
    }

    std::thread_local!(static LAST: Last = const { Last });
    let thread = std::thread::spawn(|| {
        // What comes first goes last: the lists of works are gone by then.
        LAST.with(|_| ());
        nests();
    });
    assert!(thread.join().is_ok());
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
    assert_eq!([&one, &other].map(|group| group.stats().refused), [1, 0]);
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
    assert_eq!(leader.ends(), Ok(1));
}

/// A call that is spawned from inside the work does not wait there; its handle must not.
#[test]
fn a_call_may_be_spawned_from_inside_its_own_work() {
    let group: Arc<Group<u64, u64>> = Arc::default();
    let spawned = RefCell::new(None);
    let outer = Task::new(group.run(1, async || {
        let arrival = arrive(&group, 1, Runs::ToItsEnd);
        let (task, handle) = arrival.into_detached_task(async || 2);
        spawned.replace(Some(task));
        let outcome = handle.outcome().await;
        assert_eq!(outcome.err(), Some(CallError::Reentrant));
        1
    }));
    assert_eq!(outer.ends(), Ok(1));
    let task = spawned.take().expect("it was spawned");
    Task::new(task).ends();
    assert_eq!(group.in_flight(), 0);
}

/// So does a batch, though it looks only at what was woken: whenever it is polled inside of other
/// works than the last time, it looks at all that it waits for.
#[test]
fn a_batch_that_has_slept_elsewhere_is_refused_inside_its_work() {
    let group: Group<u64, u64> = Group::new();
    let other: Group<u64, u64> = Group::new();
    let refused = RefCell::new(None);
    let load = |keys: Vec<u64>| ready(keys.into_iter().map(|key| (key, key)));
    let leader = group.join(2);
    // What waits for key 1 is polled nowhere, in the work of a key that it does not wait for, in
    // that of another group, and in that which it waits for.
    let batch = RefCell::new(None);
    let poll_batch = || {
        let mut batch = batch.borrow_mut();
        let batch: &mut Task<'_, _> = batch.as_mut().expect("it was made");
        if let Poll::Ready(answers) = batch.poll() {
            refused.replace(Some(answers));
        }
    };
    let mut first = Task::new(group.run(1, || {
        std::future::poll_fn(|_| {
            if batch.borrow().is_some() {
                poll_batch();
            }
            Poll::<u64>::Pending
        })
    }));
    first.waits();
    batch.replace(Some(Task::new(group.run_many([1, 2], load))));
    poll_batch();
    let polls = || {
        ready({
            poll_batch();
            3
        })
    };
    assert_eq!(Task::new(group.run(3, polls)).ends(), Ok(3));
    assert_eq!(Task::new(other.run(1, polls)).ends(), Ok(3));
    poll_batch();
    assert!(refused.borrow().is_none());
    first.waits();
    drop(leader);
    // Key 1 is refused; key 2 is taken over, and loaded one poll later.
    poll_batch();
    let answers = refused.take().expect("both keys have an answer");
    assert_eq!(
        answers.get(&1).and_then(Result::err),
        Some(&CallError::Reentrant)
    );
    assert!(answers.get(&2).is_some_and(|answer| answer.is_ok()));
    drop(first);
    assert_eq!(group.in_flight(), 0);
}

/// However deep that work stands: it is the only one that was not around the time before.
#[test]
fn a_batch_that_has_slept_elsewhere_is_refused_inside_its_work_at_any_depth() {
    for depth in DEPTHS {
        let group: Group<u64, u64> = Group::new();
        let load = |keys: Vec<u64>| ready(keys.into_iter().map(|key| (key, key)));
        let mut leader = Some(lead(&group, 200));
        let mut batch = Task::new(group.run_many([200], load));
        batch.waits();
        let mut polled = Poll::Pending;
        at_depth(&group, depth, &mut || {
            batch.waits();
            let leader = leader.take().expect("it is done once");
            let outcome = leader.lead_blocking(|| {
                polled = batch.poll();
                0
            });
            assert_eq!(outcome.followers, 0, "the batch has left");
        });
        let Poll::Ready(answers) = polled else {
            panic!("it waits for itself at {depth}");
        };
        let refusal = answers.get(&200).and_then(Result::err);
        assert_eq!(refusal, Some(&CallError::Reentrant));
    }
}
