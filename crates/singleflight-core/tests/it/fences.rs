//! Fences: to which flight they are bound, and what they say of it.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use singleflight_core::{Answers, Builder, Fence, Group, GroupRef};

use crate::hand::{Runs, lead};
use crate::task::{Task, pause};

type Numbers = Group<u64, u64>;

/// What a work that waits once is told by its fence before and after.
async fn ask<G>(fence: &Fence<G>, told: &RefCell<Vec<bool>>) -> u64
where
    G: GroupRef,
{
    told.borrow_mut().push(fence.is_forgotten());
    pause().await;
    told.borrow_mut().push(fence.is_forgotten());
    7
}

/// Nothing guards what is stored under it.
#[test]
fn a_fence_that_is_bound_to_nothing_says_forgotten() {
    let group = Numbers::new();
    let fence = group.fence();
    assert!(fence.is_forgotten());
    let _leader = lead(&group, 1);
    let call = group.call(1).fence(&fence);
    let mut follower = Task::new(call.run(async || unreachable!("it follows")));
    follower.waits();
    assert!(fence.is_forgotten(), "a follower does not bind it");
}

#[test]
fn a_fence_is_bound_while_its_call_leads() {
    for forgets in [false, true] {
        let group = Numbers::new();
        let (fence, told) = (group.fence(), RefCell::default());
        let clone = fence.clone();
        let call = group.call(1).fence(&fence);
        let mut leader = Task::new(call.run(async || ask(&clone, &told).await));
        assert!(
            fence.is_forgotten(),
            "nothing is bound before the first poll"
        );
        leader.waits();
        assert_eq!(fence.is_forgotten(), clone.is_forgotten());
        if forgets {
            assert!(group.forget(1));
        }
        assert_eq!(leader.ends(), Ok(7));
        assert_eq!(*told.borrow(), [false, forgets]);
        assert!(fence.is_forgotten(), "the flight has ended");
    }
}

#[test]
fn a_fence_of_another_group_is_bound_to_nothing() {
    let (group, other) = (Numbers::new(), Numbers::new());
    let (fence, told) = (other.fence(), RefCell::default());
    // The same key is in flight there, and does not count.
    let _leader = lead(&other, 1);
    let call = group.call(1).fence(&fence);
    let mut leader = Task::new(call.run(async || ask(&fence, &told).await));
    leader.waits();
    assert_eq!(leader.ends(), Ok(7));
    assert_eq!(*told.borrow(), [true, true]);
    let told = RefCell::default();
    let batch = group.call_many([1]).fence(&fence);
    let mut batch = Task::new(batch.run(async |_| [(1, ask(&fence, &told).await)]));
    batch.waits();
    assert_eq!(batch.ends().into_all(), Ok(vec![(1, 7)]));
    assert_eq!(*told.borrow(), [true, true]);
}

/// Whoever leads on binds its own. The flight is the same, so the lost leader's says the same.
#[test]
fn a_hand_over_binds_the_successors_fence() {
    let group = Numbers::new();
    let (fence, heirs) = (group.fence(), group.fence());
    let call = |fence| group.call(1).fence(fence);
    let told = RefCell::default();
    let mut lost = Task::new(call(&fence).run(async || ask(&fence, &told).await));
    lost.waits();
    let mut leads = Task::new(call(&heirs).run(async || ask(&heirs, &told).await));
    leads.waits();
    assert!(!fence.is_forgotten() && heirs.is_forgotten());
    drop(lost);
    leads.waits();
    assert!(!fence.is_forgotten() && !heirs.is_forgotten());
    assert!(group.forget(1));
    assert!(fence.is_forgotten() && heirs.is_forgotten());
    assert_eq!(leads.ends(), Ok(7));
    assert_eq!(*told.borrow(), [false, false, true]);
}

/// One fence for each call: the last that leads has it.
#[test]
fn a_fence_of_two_calls_is_of_the_last_that_leads() {
    let group = Numbers::new();
    let fence = group.fence();
    let work = async || {
        pause().await;
        7
    };
    let call = |key| Task::new(group.call(key).fence(&fence).run(work));
    let (mut first, mut second) = (call(1), call(2));
    first.waits();
    second.waits();
    assert!(group.forget(1) && !fence.is_forgotten());
    assert!(group.forget(2) && fence.is_forgotten());
}

#[test]
fn a_flight_that_is_closed_or_too_old_is_forgotten_for_its_fence() {
    static NOW: AtomicU64 = AtomicU64::new(1);
    let now = || NOW.load(Ordering::SeqCst);
    let group: Numbers = Builder::new().max_age(10, now).build();
    let fence = group.fence();
    let mut call = Task::new(group.call(1).fence(&fence).run(async || {
        pause().await;
        7
    }));
    call.waits();
    assert!(!fence.is_forgotten());
    NOW.store(12, Ordering::SeqCst);
    assert!(fence.is_forgotten());
    assert_eq!(call.ends(), Ok(7));
    let leader = lead(&group, 1);
    let fence = leader.fence();
    assert!(!fence.is_forgotten());
    leader.close_to_newcomers();
    assert!(fence.is_forgotten());
}

/// A spawned work may outlive its caller, so its fence owns the group.
#[test]
fn a_spawned_work_has_a_fence() {
    for runs in [Runs::ToItsEnd, Runs::WhileWanted] {
        for follows in [false, true] {
            let group: Arc<Numbers> = Arc::default();
            let leader = follows.then(|| lead(&group, 1));
            let fence = Fence::new(Arc::clone(&group));
            let call = Group::call_owned(Arc::clone(&group), 1).fence(&fence);
            let call = match runs {
                Runs::ToItsEnd => call.spawnable(),
                Runs::WhileWanted => call.spawnable().while_wanted(),
            };
            let arrived = call.arrive().expect("nothing is refused");
            let told = RefCell::default();
            let (task, handle) = arrived.into_detached_task(async || ask(&fence, &told).await);
            let mut task = Task::new(task);
            task.waits();
            if leader.is_some() {
                assert!(fence.is_forgotten(), "it follows");
                drop(leader);
                task.waits();
            }
            assert!(!fence.is_forgotten());
            assert!(group.forget(1));
            task.ends();
            assert_eq!(Task::new(handle).ends(), Ok(7));
            assert_eq!(*told.borrow(), [false, true], "{runs:?} {follows}");
        }
    }
}

/// On a thread: by a blocking verb, and as a job.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
#[test]
fn a_threads_work_has_a_fence() {
    let group: Arc<Numbers> = Arc::default();
    let fence = Fence::new(Arc::clone(&group));
    let work = || {
        assert!(!fence.is_forgotten());
        assert!(group.forget(1));
        u64::from(fence.is_forgotten())
    };
    assert_eq!(group.call(1).fence(&fence).run_blocking(work), Ok(1));
    let tries = || Ok::<_, ()>(work());
    assert_eq!(
        group.call(1).fence(&fence).try_run_blocking(tries),
        Ok(Ok(1))
    );
    let call = Group::call_owned(Arc::clone(&group), 1).fence(&fence);
    let arrived = call.spawnable().arrive().expect("nothing is refused");
    let (run, handle) = arrived.into_job(|call| futures_lite::future::block_on(call), |_| work());
    assert!(!fence.is_forgotten(), "it leads since it has come");
    run();
    assert_eq!(handle.join(), Ok(1));
}

/// Of a batch: whether any of the keys was forgotten that its work was given.
#[test]
fn a_batchs_fence_is_bound_to_what_its_work_was_given() {
    let group = Numbers::new();
    let lost = lead(&group, 3);
    let (fence, round) = (group.fence(), Cell::new(0));
    let batch = group.call_many([1, 2, 3]).fence(&fence);
    let mut batch = Task::new(batch.run(async |keys: Vec<u64>| {
        round.set(round.get() + 1);
        assert!(!fence.is_forgotten());
        pause().await;
        keys.into_iter().map(|key| (key, 10 * key))
    }));
    batch.waits();
    assert!(group.forget(3), "this one is loaded elsewhere");
    assert!(!fence.is_forgotten());
    assert!(group.forget(2));
    assert!(fence.is_forgotten());
    batch.waits();
    assert_eq!(round.get(), 1);
    assert!(fence.is_forgotten(), "what it was bound to has landed");
    // Key 3 is forgotten already, and so it is again in the second round.
    drop(lost);
    let again = group.call_many([4, 5]).fence(&fence);
    let mut again = Task::new(again.run(async |keys: Vec<u64>| {
        pause().await;
        keys.into_iter().map(|key| (key, 10 * key))
    }));
    again.waits();
    assert!(!fence.is_forgotten(), "it is bound to these keys now");
    assert!(group.forget(4) && fence.is_forgotten());
    assert_eq!(again.ends().len(), 2);
    drop(batch);
    assert_eq!(group.in_flight(), 0);
}

/// Each time that a batch's work is given keys.
#[test]
fn a_batchs_fence_is_bound_anew_to_what_is_handed_over() {
    let group = Numbers::new();
    let lost = lead(&group, 2);
    let (fence, told) = (group.fence(), RefCell::new(Vec::new()));
    let batch = group.call_many([1, 2]).fence(&fence);
    let mut batch = Task::new(batch.try_run(async |keys: Vec<u64>| {
        told.borrow_mut().push((keys.clone(), fence.is_forgotten()));
        pause().await;
        told.borrow_mut().push((keys.clone(), fence.is_forgotten()));
        Ok::<_, ()>(keys.into_iter().map(|key| (key, 10 * key)))
    }));
    batch.waits();
    assert!(group.forget(1));
    batch.waits();
    drop(lost);
    batch.waits();
    let answers = batch.ends().map(Answers::into_all);
    assert_eq!(answers, Ok(Ok(vec![(1, 10), (2, 20)])));
    let told = told.take();
    let expected = [(1, false), (1, true), (2, false), (2, false)];
    assert_eq!(
        told,
        expected.map(|(key, is_forgotten)| (vec![key], is_forgotten))
    );
}
