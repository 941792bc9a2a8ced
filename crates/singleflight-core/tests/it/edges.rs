//! What once went wrong, or nearly: other people's code at the edges of ours.

use std::cell::Cell;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use singleflight_core::{Builder, CallError, Group, Joined, Leader, Role, Until};

use crate::task::{Task, pause};

fn lead<K: Eq + std::hash::Hash, V>(group: &Group<K, V>, key: K) -> Leader<&Group<K, V>> {
    match group.join(key) {
        Ok(Joined::Leader(leader)) => leader,
        other => panic!("it leads: {other:?}"),
    }
}

fn panics<T>(run: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(run)).is_err()
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

    let group: Group<u64, Result<Rc<()>, ()>> = Group::new();
    let load = |_: Vec<u64>| PanicsLate(Ok(vec![(1, Rc::clone(&value))]));
    assert!(panics(|| Task::new(group.try_run_many([1], load)).poll()));
    assert_eq!(Rc::strong_count(&value), 1);
}

/// A clock of nanoseconds is finer than it should be, and does no harm to values.
#[test]
fn a_clock_beyond_its_bits_mixes_nothing_up() {
    fn nanoseconds() -> u64 {
        1_700_000_000_000_000_000
    }
    let group: Group<u64, u64> = Builder::new().shards(1).clock(nanoseconds).build();
    for key in 0..600_000 {
        assert_eq!(lead(&group, key).complete(key).value, key);
    }
    let leader = lead(&group, 1);
    let other = lead(&group, 2);
    let mut follower = Task::new(group.run(1, async || unreachable!("it follows")));
    follower.waits();
    assert_eq!(other.complete(222).followers, 0);
    assert_eq!(leader.complete(111).followers, 1);
    assert_eq!(follower.ends(), 111);
}

/// A flight that is too old to be joined does not count as one that is spared.
#[test]
fn forget_unshared_looks_at_what_can_be_joined() {
    static NOW: AtomicU64 = AtomicU64::new(1);
    let now = || NOW.load(Ordering::SeqCst);
    let group: Group<u64, u64> = Builder::new().max_age(10, now).build();
    let old = (group.join(1), group.join(1));
    NOW.store(100, Ordering::SeqCst);
    assert!(group.forget_unshared(1), "nothing can be joined");
    let successor = lead(&group, 1);
    assert!(group.forget_unshared(1), "the successor is forgotten");
    drop((lead(&group, 1), successor, old));
    assert_eq!(group.in_flight(), 0);
}

/// Followers have their value before anyone is told that the group is drained, and whoever is
/// told may panic.
#[test]
fn followers_are_served_before_the_group_is_drained() {
    struct Panics;

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("told");
        }
    }

    let group: Group<u64, u64> = Group::new();
    let leader = lead(&group, 1);
    let mut follower = Task::new(group.run(1, async || unreachable!("it follows")));
    follower.waits();
    let mut drained = Box::pin(group.drained());
    let waker = Waker::from(Arc::new(Panics));
    let polled = drained.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    assert!(panics(|| leader.complete(7)));
    assert_eq!(follower.ends(), 7);
    // event-listener cannot bear to drop a listener whose waker has panicked.
    std::mem::forget(drained);
    assert_eq!(group.in_flight(), 0);
}

thread_local!(static ARMED: Cell<bool> = const { Cell::new(false) });

#[derive(Debug, Eq, Hash, PartialEq)]
struct Explosive(u64);

impl Drop for Explosive {
    fn drop(&mut self) {
        assert!(!ARMED.replace(false), "the key's drop");
    }
}

/// A key that was not needed is dropped when somebody holds what the call has become.
#[test]
fn a_key_whose_drop_panics_leaves_no_ghost() {
    let group: Group<Explosive, u64> = Group::new();
    let leader = lead(&group, Explosive(1));
    ARMED.set(true);
    assert!(panics(|| group.join(Explosive(1)).map(drop)));
    assert_eq!(
        group.followers(Explosive(1)),
        Some(0),
        "the follower is gone"
    );

    let mut follower = Task::new(group.run(Explosive(1), async || 5));
    follower.waits();
    drop(leader);
    ARMED.set(true);
    assert!(
        panics(|| group.join(Explosive(1)).map(drop)),
        "it claims the vacant flight"
    );
    assert_eq!(follower.ends(), 5, "and hands it over");
    assert_eq!(group.in_flight(), 0);
}

/// A spawned call is one caller, handle and all.
#[test]
fn a_spawned_call_counts_once() {
    let group: Arc<Group<u64, u64>> = Arc::new(Builder::new().max_followers(1).build());
    let arrival = Group::arrive(Arc::clone(&group), 1, Until::Done).expect("nothing is refused");
    let (task, handle) = arrival.into_task(async || 1);
    let arrival =
        Group::arrive(Arc::clone(&group), 1, Until::Done).expect("the handle takes no seat");
    let (second, second_handle) = arrival.into_task(async || 2);
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

    let arrival = Group::arrive(Arc::clone(&group), 1, Until::Done).expect("nothing is refused");
    let (task, handle) = arrival.into_task(async || 1);
    Task::new(task).ends();
    let outcome = Task::new(handle.outcome()).ends().expect("it landed");
    assert!(outcome.is_leader() && !outcome.is_shared());
}

/// Waiting for a handle keeps its caller's interest, and is no call from inside the work.
#[test]
fn a_handle_that_waits_is_interested() {
    for until in [Until::Done, Until::Unwanted] {
        let group: Arc<Group<u64, u64>> = Arc::default();
        let arrival = Group::arrive(Arc::clone(&group), 1, until).expect("nothing is refused");
        let (task, handle) = arrival.into_task(async || {
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

struct Counted(Rc<Cell<usize>>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.set(self.0.get() + 1);
        Self(Rc::clone(&self.0))
    }
}

/// A task and its handle are one caller.
#[test]
fn a_spawned_calls_value_is_cloned_once_at_most() {
    let clones = Rc::new(Cell::new(0));
    let group: Rc<Group<u64, Counted>> = Rc::default();
    let work = || Counted(Rc::clone(&clones));
    let spawn = |until| {
        let arrival = Group::arrive(Rc::clone(&group), 1, until).expect("nothing is refused");
        arrival.into_task(|| ready(work()))
    };
    for until in [Until::Done, Until::Unwanted] {
        let (task, handle) = spawn(until);
        Task::new(task).ends();
        drop(Task::new(handle.outcome()).ends());
        assert_eq!(clones.get(), 0, "one caller, one value");
    }

    let leader = lead(&group, 1);
    let spawned: Vec<_> = (0..10).map(|_| spawn(Until::Done)).collect();
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
    let arrival = Group::arrive(Arc::clone(&group), 1, Until::Done).expect("nothing is refused");
    let (task, handle) = arrival.into_task(pending);
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
    let arrival =
        Group::arrive(Arc::clone(&group), 1, Until::Unwanted).expect("nothing is refused");
    let (task, handle) = arrival.into_task(pending);
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
    let arrival =
        Group::arrive(Arc::clone(&group), 1, Until::Unwanted).expect("nothing is refused");
    let (task, handle) = arrival.into_task(pending);
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
    let arrival =
        Group::arrive(Arc::clone(&group), 1, Until::Unwanted).expect("nothing is refused");
    let (task, handle) = arrival.into_task(pending);
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
        let arrival =
            Group::arrive(Arc::clone(&group), 1, Until::Done).expect("nothing is refused");
        let (task, handle) = arrival.into_task(async || 1);
        drop(handle);
        drop(task);
    }
    assert!(followers.iter().all(|follower| follower.wakes() == 0));
    assert_eq!(leader.complete(7).followers, 10);
}
