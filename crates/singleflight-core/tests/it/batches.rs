//! Batches in an order that is written down: how they wait, take over and are woken.

use std::cell::RefCell;
use std::future::ready;

use singleflight_core::{Group, Joined, Leader};

use crate::task::Task;

type Numbers = Group<u64, u64>;

fn lead(group: &Numbers, key: u64) -> Leader<&Numbers> {
    match group.join(key) {
        Ok(Joined::Leader(leader)) => leader,
        other => panic!("it leads: {other:?}"),
    }
}

/// A work that notes what it is given, and gives each key ten times its number.
fn noting(
    loads: &RefCell<Vec<Vec<u64>>>,
) -> impl FnMut(Vec<u64>) -> std::future::Ready<Vec<(u64, u64)>> {
    |keys| {
        loads.borrow_mut().push(keys.clone());
        ready(keys.into_iter().map(|key| (key, 10 * key)).collect())
    }
}

/// A timeout around a batch is polled after it: one that is over by then drops the batch, and no
/// work has started in vain.
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
        batch.waits();
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
    batch.waits();
    drop(second);
    batch.waits();
    assert_eq!(*loads.borrow(), [[2, 1]]);
    assert_eq!(landing.complete(3).followers, 1);
    let values: Vec<_> = batch.ends().into_values().collect();
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
