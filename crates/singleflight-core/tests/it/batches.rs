//! Batches in an order that is written down: how they wait, take over and are woken.

use std::cell::RefCell;
use std::future::{Future, Ready, ready};
use std::hash::BuildHasher;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use singleflight_core::Group;

use crate::hand::{lead, panics};
use crate::hashers::Colliding;
use crate::task::Task;

type Numbers = Group<u64, u64>;

/// A work that gives each key ten times its number.
fn tenfold(keys: Vec<u64>) -> Ready<Vec<(u64, u64)>> {
    ready(keys.into_iter().map(|key| (key, 10 * key)).collect())
}

/// The same, which notes what it is given.
fn noting(loads: &RefCell<Vec<Vec<u64>>>) -> impl FnMut(Vec<u64>) -> Ready<Vec<(u64, u64)>> {
    |keys| {
        loads.borrow_mut().push(keys.clone());
        tenfold(keys)
    }
}

/// Each key is given once, however often it is named, and found whatever the order in which its
/// value comes: among few, among many, and where all hashes are alike.
#[test]
fn a_batch_tells_its_keys_apart() {
    fn tells_apart<S: BuildHasher>(group: &Group<u64, u64, S>, count: u64) {
        let named = (0..count).chain((0..count).rev()).chain([0; 3]);
        let answers = Task::new(group.run_many(named, |keys: Vec<u64>| {
            let all: Vec<_> = (0..count).collect();
            assert_eq!(keys, all);
            let (even, odd): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key % 2 == 0);
            let not_asked_for = [count, u64::MAX];
            let returned = odd.into_iter().rev().chain(not_asked_for).chain(even);
            ready(returned.map(|key| (key, key)))
        }));
        let values: Vec<_> = answers.ends().into_all().expect("every key has a value");
        let expected: Vec<_> = (0..count).map(|key| (key, key)).collect();
        assert_eq!(values, expected);
        assert_eq!(group.in_flight(), 0);
    }
    for count in [1, 2, 15, 16, 17, 18, 200] {
        tells_apart(&Numbers::new(), count);
        tells_apart(&Group::with_hasher(Colliding), count);
    }
}

/// A timeout around a batch is polled after it: one that is over by then drops the batch, and no
/// work has started in vain.
///
/// Holds P3.
#[test]
fn a_batch_that_takes_over_starts_at_its_next_poll() {
    let (group, loads) = (Numbers::new(), RefCell::new(Vec::new()));
    for is_in_time in [true, false] {
        loads.borrow_mut().clear();
        let lost = lead(&group, 1);
        let mut batch = Task::new(group.run_many([1], noting(&loads)));
        batch.waits();
        drop(lost);
        assert_eq!(batch.wakes(), 1);
        assert!(batch.poll_once().is_pending());
        assert_eq!(loads.borrow().len(), 0, "it has claimed, and no more");
        assert_eq!(batch.wakes(), 2, "it wakes itself");
        if is_in_time {
            assert_eq!(batch.ends().len(), 1);
            assert_eq!(*loads.borrow(), [[1]]);
        } else {
            drop(batch);
            assert_eq!(loads.borrow().len(), 0);
        }
        assert_eq!(group.in_flight(), 0);
    }
}

/// What is handed over until the work starts goes to it as well.
#[test]
fn a_batch_takes_over_until_its_work_starts() {
    let (group, loads) = (Numbers::new(), RefCell::new(Vec::new()));
    let lost = [1, 2].map(|key| lead(&group, key));
    let landing = lead(&group, 3);
    let mut batch = Task::new(group.run_many([3, 2, 1], noting(&loads)));
    batch.waits();
    let [first, second] = lost;
    drop(first);
    assert!(batch.poll_once().is_pending());
    drop(second);
    batch.waits();
    assert_eq!(*loads.borrow(), [[2, 1]]);
    assert_eq!(landing.complete(3).followers, 1);
    let values: Vec<_> = batch.ends().into_all().expect("every key has a value");
    assert_eq!(values, [(3, 3), (2, 20), (1, 10)]);
}

/// Nothing is taken over as a batch comes: what it leads it loads at once.
#[test]
fn a_batch_that_comes_first_starts_at_once() {
    let (group, loads) = (Numbers::new(), RefCell::new(Vec::new()));
    let _led = lead(&group, 2);
    let mut batch = Task::new(group.run_many([1, 2], noting(&loads)));
    batch.waits();
    assert_eq!((loads.borrow().len(), batch.wakes()), (1, 0));
}

/// However many keys land before the batch is polled, its task is woken once.
#[test]
fn keys_that_land_together_wake_their_batch_once() {
    let group = Numbers::new();
    let leaders: Vec<_> = (0..100).map(|key| (key, lead(&group, key))).collect();
    let mut batch = Task::new(group.run_many(0..100, tenfold));
    batch.waits();
    // The last ones first, and not all at once.
    let mut wakes = 0;
    for (key, leader) in leaders.into_iter().rev() {
        if key == 50 {
            assert_eq!(batch.wakes(), 1);
            batch.waits();
            wakes = batch.wakes();
        }
        assert_eq!(leader.complete(key).followers, 1);
    }
    assert_eq!((wakes, batch.wakes()), (1, 2));
    let values: Vec<_> = batch.ends().into_all().expect("every key has a value");
    let expected: Vec<_> = (0..100).map(|key| (key, key)).collect();
    assert_eq!(values, expected, "in the order in which they were named");
}

/// P3: a poll that nobody has asked for changes nothing, and wakes go to where the batch was
/// polled last.
///
/// Holds P3.
#[test]
fn a_batch_that_is_polled_in_vain_is_woken_where_it_was_polled_last() {
    let group = Numbers::new();
    let leaders: Vec<_> = (1..=3).map(|key| lead(&group, key)).collect();
    let mut first = Task::new(group.run_many(1..=3, tenfold));
    first.waits();
    first.waits();
    let mut second = Task::new(first.into_future());
    second.waits();
    second.waits();
    let mut leaders = leaders.into_iter();
    let mut land = |value| {
        leaders
            .next()
            .map(|leader| leader.complete(value).followers)
    };
    assert_eq!((land(7), second.wakes()), (Some(1), 1));
    second.waits();
    let mut third = Task::new(second.into_future());
    third.waits();
    assert_eq!((land(8), land(9), third.wakes()), (Some(1), Some(1), 1));
    let values: Vec<_> = third.ends().into_all().expect("every key has a value");
    assert_eq!(values, [(1, 7), (2, 8), (3, 9)]);
}

/// A follower that looks in vain, because another has taken the flight over, is woken again.
///
/// Holds P3.
#[test]
fn a_batch_waits_on_for_flights_that_others_have_taken_over() {
    let (group, loads) = (Numbers::new(), RefCell::new(Vec::new()));
    let lost: Vec<_> = (1..=3).map(|key| lead(&group, key)).collect();
    let mut batch = Task::new(group.run_many(1..=3, noting(&loads)));
    batch.waits();
    drop(lost);
    let taken: Vec<_> = (1..=3).map(|key| lead(&group, key)).collect();
    batch.waits();
    assert_eq!(batch.wakes(), 1);
    for (key, leader) in (1..=3).zip(taken) {
        assert_eq!(leader.complete(key).followers, 1);
    }
    assert_eq!(batch.wakes(), 2);
    let values: Vec<_> = batch.ends().into_all().expect("every key has a value");
    assert_eq!(values, [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(loads.borrow().len(), 0);
}

/// The keys are drawn before any is claimed: their iterator may take its time, or call.
#[test]
fn a_batch_draws_its_keys_before_it_claims_any() {
    let group: Group<u64, u64> = Group::new();
    let keys = [7, 8].into_iter().inspect(|_| {
        assert_eq!(group.in_flight(), 0);
        assert_eq!(lead(&group, 7).complete(1).value, 1);
    });
    let load = |keys: Vec<u64>| ready(keys.into_iter().map(|key| (key, key)));
    assert_eq!(Task::new(group.run_many(keys, load)).ends().len(), 2);
}

/// What a work has returned is dropped if its future panics as that is dropped: an `async`
/// block that awaits it would leak it.
#[test]
fn a_batch_leaks_nothing_when_its_works_future_panics_late() {
    struct PanicsLate<T>(T);
    impl<T: Clone> Future for PanicsLate<T> {
        type Output = T;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
            Poll::Ready(self.0.clone())
        }
    }
    impl<T> Drop for PanicsLate<T> {
        fn drop(&mut self) {
            panic!("late");
        }
    }

    let value = Rc::new(());
    let group: Group<u64, Rc<()>> = Group::new();
    let load = |_: Vec<u64>| PanicsLate(vec![(1, Rc::clone(&value))]);
    assert!(panics(|| Task::new(group.run_many([1], load)).poll()));
    assert_eq!(Rc::strong_count(&value), 1);

    let load = |_: Vec<u64>| PanicsLate(Ok::<_, ()>(vec![(1, Rc::clone(&value))]));
    assert!(panics(|| Task::new(group.try_run_many([1], load)).poll()));
    assert_eq!(Rc::strong_count(&value), 1);
}

/// A key that owns something and whose flight is joined is needed by nobody else.
#[test]
fn a_batch_clones_only_the_keys_that_it_leads() {
    #[derive(Debug, Eq, Hash, PartialEq)]
    struct Key(Box<u64>);

    thread_local!(static CLONED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) });

    impl Clone for Key {
        fn clone(&self) -> Self {
            CLONED.with_borrow_mut(|cloned| cloned.push(*self.0));
            Self(self.0.clone())
        }
    }

    let key = |number| Key(Box::new(number));
    let group: Group<Key, u64> = Group::new();
    let leader = lead(&group, key(1));
    let load = |keys: Vec<Key>| ready(keys.into_iter().map(|key| (key, 7)).collect::<Vec<_>>());
    let mut batch = Task::new(group.run_many([key(1)], load));
    batch.waits();
    assert!(CLONED.take().is_empty());
    assert_eq!(leader.complete(7).followers, 1);
    assert!(batch.ends().into_all::<Vec<_>>().is_ok());
    let batch = Task::new(group.run_many([key(2)], load)).ends();
    assert!(batch.into_all::<Vec<_>>().is_ok());
    assert!(CLONED.take().contains(&2));
}
