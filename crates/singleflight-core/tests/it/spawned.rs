//! Spawned calls, each a task and its handle: one caller.

use std::cell::Cell;
use std::future::{pending, ready};
use std::rc::Rc;
use std::sync::Arc;

use singleflight_core::{Builder, CallError, Group, Role};

use crate::hand::{Counted, Runs, arrive, lead};
use crate::task::{Task, pause};

/// A spawned call is one caller, handle and all.
#[test]
fn a_spawned_call_counts_once() {
    let group: Arc<Group<u64, u64>> = Arc::new(Builder::new().max_followers(1).build());
    let arrival = arrive(&group, 1, Runs::ToItsEnd);
    let (task, handle) = arrival.into_detached_task(async || 1);
    let arrival = arrive(&group, 1, Runs::ToItsEnd);
    let (second, second_handle) = arrival.into_detached_task(async || 2);
    assert_eq!(group.join(1).err(), Some(CallError::TooManyFollowers));
    Task::new(task).ends();
    Task::new(second).ends();
    let outcome = Task::new(handle.outcome()).ends().expect("it landed");
    assert_eq!((outcome.role, outcome.followers), (Role::Leader, 1));
    assert!(outcome.is_shared());
    let outcome = Task::new(second_handle.outcome())
        .ends()
        .expect("it landed");
    assert_eq!((outcome.role, outcome.followers), (Role::Follower, 1));
    assert_eq!(group.stats().most_followers, 1);

    let arrival = arrive(&group, 1, Runs::ToItsEnd);
    let (task, handle) = arrival.into_detached_task(async || 1);
    Task::new(task).ends();
    let outcome = Task::new(handle.outcome()).ends().expect("it landed");
    assert!(outcome.is_leader() && !outcome.is_shared());
}

/// Waiting for a handle keeps its caller's interest, and is no call from inside the work.
#[test]
fn a_handle_that_waits_is_interested() {
    for runs in [Runs::ToItsEnd, Runs::WhileWanted] {
        let group: Arc<Group<u64, u64>> = Arc::default();
        let arrival = arrive(&group, 1, runs);
        let (task, handle) = arrival.into_detached_task(async || {
            pause().await;
            1
        });
        let (mut task, mut waiting) = (Task::new(task), Task::new(handle.outcome()));
        task.waits();
        waiting.waits();
        task.ends();
        let outcome = waiting.ends().expect("it landed");
        assert_eq!((outcome.value, group.stats().abandoned), (1, 0));
    }
}

/// A task and its handle are one caller.
#[test]
fn a_spawned_calls_value_is_cloned_once_at_most() {
    let clones = Rc::new(Cell::new(0));
    let group: Rc<Group<u64, Counted>> = Rc::default();
    let work = || Counted(Rc::clone(&clones));
    let spawn = |runs| {
        let arrival = arrive(&group, 1, runs);
        arrival.into_detached_task(|| ready(work()))
    };
    for runs in [Runs::ToItsEnd, Runs::WhileWanted] {
        let (task, handle) = spawn(runs);
        Task::new(task).ends();
        drop(Task::new(handle.outcome()).ends());
        assert_eq!(clones.get(), 0, "one caller, one value");
    }

    let leader = lead(&group, 1);
    let spawned: Vec<_> = (0..10).map(|_| spawn(Runs::ToItsEnd)).collect();
    drop(leader.complete(work()));
    for (task, handle) in spawned {
        Task::new(task).ends();
        drop(Task::new(handle.outcome()).ends());
    }
    assert_eq!(clones.get(), 10);
}

/// A handle whose task was lost is lost with it, whoever leads on.
#[test]
fn a_handle_whose_task_is_lost_is_told_so() {
    let group: Arc<Group<u64, u64>> = Arc::default();
    let arrival = arrive(&group, 1, Runs::ToItsEnd);
    let (task, handle) = arrival.into_detached_task(pending);
    let mut task = Task::new(task);
    task.waits();
    let mut follower = Task::new(group.run_outcome(1, async || 5));
    follower.waits();
    drop(task);
    assert_eq!(
        follower.ends().map(|outcome| outcome.role),
        Ok(Role::Leader)
    );
    let answer = Task::new(handle.outcome()).ends();
    assert_eq!(answer, Err(CallError::TaskLost));
}

/// Who leaves a work that somebody wants wakes nobody; who leaves it last wakes its task.
#[test]
fn a_caller_that_leaves_wakes_nobody_in_vain() {
    let group: Arc<Group<u64, u64>> = Arc::default();
    let arrival = arrive(&group, 1, Runs::WhileWanted);
    let (task, handle) = arrival.into_detached_task(pending);
    let mut task = Task::new(task);
    task.waits();
    let call = || Task::new(group.run(1, async || unreachable!("it follows")));
    let (mut one, mut other) = (call(), call());
    one.waits();
    other.waits();
    drop(one);
    assert_eq!((task.wakes(), other.wakes()), (0, 0));
    drop(other);
    assert_eq!(task.wakes(), 0, "its handle is there");
    drop(handle);
    assert_eq!(task.wakes(), 1);
    task.ends();
    assert_eq!(group.in_flight(), 0);
}

/// A task that follows is told that its handle has gone, and leaves.
#[test]
fn a_spawned_follower_is_woken_to_leave() {
    let group: Arc<Group<u64, u64>> = Arc::default();
    let leader = lead(&group, 1);
    let arrival = arrive(&group, 1, Runs::WhileWanted);
    let (task, handle) = arrival.into_detached_task(pending);
    let mut task = Task::new(task);
    task.waits();
    drop(handle);
    assert_eq!(task.wakes(), 1);
    task.ends();
    assert_eq!(leader.complete(7).followers, 0);
}

/// Nor does a handle wake anybody whose task has come to lead.
#[test]
fn a_handle_whose_task_leads_on_wakes_nobody_in_vain() {
    let group: Arc<Group<u64, u64>> = Arc::default();
    let leader = lead(&group, 1);
    let arrival = arrive(&group, 1, Runs::WhileWanted);
    let (task, handle) = arrival.into_detached_task(pending);
    let mut task = Task::new(task);
    task.waits();
    drop(leader);
    task.waits();
    let mut follower = Task::new(group.run(1, async || unreachable!("it follows")));
    follower.waits();
    drop(handle);
    assert_eq!(follower.wakes(), 0, "its flight is led");
    drop(follower);
    task.ends();
    assert_eq!(group.in_flight(), 0);
}

/// A handle that goes concerns nobody but its own task.
#[test]
fn a_dropped_handle_wakes_no_other_caller() {
    let group: Arc<Group<u64, u64>> = Arc::default();
    let leader = lead(&group, 1);
    let mut followers: Vec<_> = (0..10)
        .map(|_| Task::new(group.run(1, async || unreachable!("it follows"))))
        .collect();
    for follower in &mut followers {
        follower.waits();
    }
    for _ in 0..10 {
        let arrival = arrive(&group, 1, Runs::ToItsEnd);
        let (task, handle) = arrival.into_detached_task(async || 1);
        drop(handle);
        drop(task);
    }
    assert!(followers.iter().all(|follower| follower.wakes() == 0));
    assert_eq!(leader.complete(7).followers, 10);
}
