//! Spawned calls that follow when their handles go: one heir stays for each flight.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;

use singleflight_core::{
    Builder, CallError, Group, Joined, Outcome, PanicPolicy, Receiver, Role, Spawned,
};

use crate::hand::{Counted, Runs, arrive, arrive_by, follow, lead, lead_owned, try_arrive};
use crate::task::{Task, pause};

type Shared = Arc<Group<u64, u64>>;
type Handle = Spawned<Shared, Receiver<Outcome<u64>>>;

/// A spawned call whose work makes this, and its handle.
fn spawn(group: &Shared, runs: Runs, value: u64) -> (Task<'static, ()>, Handle) {
    let arrival = arrive(group, 1, runs);
    let (task, handle) = arrival.into_detached_task(move || std::future::ready(value));
    (Task::new(task), handle)
}

/// Holds P11.
#[test]
fn of_many_detached_calls_one_stays_and_is_no_follower() {
    let group: Shared = Arc::new(Builder::new().max_followers(1).build());
    let leader = lead_owned(&group, 1);
    let mut tasks = Vec::new();
    for _ in 0..100 {
        let (task, handle) = spawn(&group, Runs::ToItsEnd, 2);
        tasks.push(task);
        drop(handle);
        // At once, whether or not the task was polled.
        assert_eq!(group.followers(1), Some(0));
    }
    let ended = tasks.iter_mut().filter_map(|task| match task.poll() {
        std::task::Poll::Ready(()) => Some(()),
        std::task::Poll::Pending => None,
    });
    assert_eq!(ended.count(), 99);
    let mut follower = Task::new(group.run_outcome(1, async || 3));
    follower.waits();
    assert_eq!(leader.complete(7).followers, 1);
    assert_eq!(follower.ends().map(|outcome| outcome.value), Ok(7));
    tasks.remove(0).ends();
    assert_eq!(group.stats().most_followers, 1);
}

/// So that the work is done, though nobody waits for it.
#[test]
fn an_heir_leads_on_when_the_leader_is_lost() {
    let group = Shared::default();
    let leader = lead_owned(&group, 1);
    let done = Rc::new(Cell::new(0));
    let arrival = arrive(&group, 1, Runs::ToItsEnd);
    let (task, handle) = arrival.into_detached_task({
        let done = Rc::clone(&done);
        async move || {
            pause().await;
            done.set(done.get() + 1);
            9
        }
    });
    let mut task = Task::new(task);
    task.waits();
    drop(handle);
    task.waits();
    drop(leader);
    assert_eq!(task.wakes(), 1);
    task.waits();
    // By now it leads, and another may be the flight's heir.
    let (mut next, handle) = spawn(&group, Runs::ToItsEnd, 5);
    next.waits();
    drop(handle);
    task.ends();
    assert_eq!((done.get(), group.in_flight()), (1, 0));
    next.ends();
}

/// P7: an heir learns that the work is done, and is given nothing.
///
/// Holds P7.
#[test]
fn an_heir_costs_no_clone() {
    let clones = Rc::new(Cell::new(0));
    let group: Rc<Group<u64, Counted>> = Rc::default();
    let Ok(Joined::Leader(leader)) = group.join(1) else {
        panic!("the first call leads");
    };
    let arrival = arrive(&group, 1, Runs::ToItsEnd);
    let (task, handle) = arrival.into_detached_task(pending);
    let mut task = Task::new(task);
    task.waits();
    drop(handle);
    let outcome = leader.complete(Counted(Rc::clone(&clones)));
    assert_eq!((outcome.followers, clones.get()), (0, 0));
    task.ends();
    assert_eq!(group.in_flight(), 0);
}

/// Nor beside a follower, which is given the one clone or the value itself.
#[test]
fn an_heir_costs_no_clone_beside_a_follower() {
    let clones = Rc::new(Cell::new(0));
    let group: Rc<Group<u64, Counted>> = Rc::default();
    let Ok(Joined::Leader(leader)) = group.join(1) else {
        panic!("the first call leads");
    };
    let arrival = arrive(&group, 1, Runs::ToItsEnd);
    let (task, handle) = arrival.into_detached_task(pending);
    let mut task = Task::new(task);
    task.waits();
    drop(handle);
    let mut follower = Task::new(group.run_outcome(1, pending));
    follower.waits();
    let outcome = leader.complete(Counted(Rc::clone(&clones)));
    assert_eq!(outcome.followers, 1);
    task.ends();
    assert!(follower.ends().is_ok());
    assert_eq!(clones.get(), 1);
    assert_eq!(group.in_flight(), 0);
}

/// It counts as interest, until its own task is lost.
#[test]
fn a_work_that_an_heir_wants_is_not_cancelled() {
    let group = Shared::default();
    let arrival = arrive(&group, 1, Runs::WhileWanted);
    let (task, unwanted) = arrival.into_detached_task(pending);
    let mut task = Task::new(task);
    task.waits();
    let (mut heir, handle) = spawn(&group, Runs::ToItsEnd, 2);
    heir.waits();
    drop(handle);
    drop(unwanted);
    task.waits();
    assert_eq!(group.in_flight(), 1);
    drop(heir);
    assert_eq!(task.wakes(), 1, "the last interest is gone");
    task.ends();
    assert_eq!(group.in_flight(), 0);
}

/// A retired flight may keep one of its own.
#[test]
fn each_flight_has_its_own_heir() {
    let group = Shared::default();
    let old = lead_owned(&group, 1);
    let (mut first, handle) = spawn(&group, Runs::ToItsEnd, 2);
    first.waits();
    drop(handle);
    assert!(group.forget(1));
    let new = lead_owned(&group, 1);
    let (mut second, handle) = spawn(&group, Runs::ToItsEnd, 3);
    second.waits();
    drop(handle);
    first.waits();
    second.waits();
    drop((old, new));
    first.ends();
    second.ends();
    assert_eq!((group.stats().handed_over, group.in_flight()), (2, 0));
}

/// A task whose handle is there is a caller, and takes the lead before the handle can go.
#[test]
fn a_handle_that_goes_while_its_task_leads_on_is_counted_out_once() {
    for runs in [Runs::ToItsEnd, Runs::WhileWanted] {
        let group = Shared::default();
        let leader = lead_owned(&group, 1);
        let arrival = arrive(&group, 1, runs);
        let (task, handle) = arrival.into_detached_task(|| async {
            pause().await;
            4
        });
        let mut task = Task::new(task);
        task.waits();
        drop(leader);
        task.waits();
        assert_eq!(group.followers(1), Some(0), "it leads");
        let mut follower = Task::new(group.run_outcome(1, async || 5));
        follower.waits();
        drop(handle);
        assert_eq!(group.followers(1), Some(1));
        task.ends();
        let outcome = follower.ends().expect("it is served");
        assert_eq!((outcome.value, outcome.role), (4, Role::Follower));
        assert_eq!(group.in_flight(), 0);
    }
}

/// Whichever turn of the flight it is: the handle is that of the task that leads.
#[test]
fn the_handle_of_a_later_leader_ends_its_interest() {
    let group = Shared::default();
    let leader = lead_owned(&group, 1);
    let mut spawned: Vec<_> = (0..4)
        .map(|_| {
            let arrival = arrive(&group, 1, Runs::WhileWanted);
            let (task, handle) = arrival.into_detached_task(pending);
            (Task::new(task), handle)
        })
        .collect();
    for (task, _) in &mut spawned {
        task.waits();
    }
    drop(leader);
    let (mut last, wanted) = spawned.pop().expect("there are four");
    for (mut task, _handle) in spawned {
        task.waits();
        drop(task);
    }
    last.waits();
    assert_eq!(group.stats().handed_over, 4, "it leads");
    let wakes = last.wakes();
    drop(wanted);
    assert_eq!(last.wakes(), wakes + 1, "nobody wants its work");
    last.ends();
    assert_eq!(group.in_flight(), 0);
}

/// One that has no work of its own does not lead, though it looks first.
#[test]
fn a_watcher_leaves_a_vacant_flight_to_those_who_can_lead() {
    let group: Group<u64, u64> = Group::new();
    let leader = lead(&group, 1);
    let mut watcher = Task::new(follow(&group, 1).without_work().wait());
    watcher.waits();
    let mut follower = Task::new(group.run(1, async || 5));
    follower.waits();
    drop(leader);
    watcher.waits();
    assert_eq!(follower.ends(), Ok(5));
    assert_eq!(watcher.ends().map(|outcome| outcome.value), Ok(5));
}

/// The last caller that could lead a vacant flight is a task whose handle goes.
#[test]
fn a_vacant_flight_that_its_last_follower_leaves_ends() {
    let group = Shared::default();
    let leader = lead_owned(&group, 1);
    let (mut task, handle) = spawn(&group, Runs::WhileWanted, 2);
    task.waits();
    let Ok(Joined::Follower(follower)) = group.join(1) else {
        panic!("the flight is led");
    };
    let mut watcher = Task::new(follower.without_work().wait());
    watcher.waits();
    drop(leader);
    drop(handle);
    assert_eq!(watcher.ends().err(), Some(CallError::LeaderLost));
    task.ends();
    assert_eq!(group.in_flight(), 0);
}

/// A task that is lost takes its handle's interest along, whether the handle is kept or not.
#[test]
fn the_handle_of_a_call_that_is_lost_is_no_interest() {
    for panics in [false, true] {
        // A panic that cannot be caught drops the leader, as cancelling does.
        let builder = Builder::new().panic_policy(PanicPolicy::HandOver);
        let group: Shared = Arc::new(builder.build());
        let spawn = |panics: bool| {
            let arrival = try_arrive(&group, 1, Runs::WhileWanted);
            let (task, handle) =
                arrival
                    .expect("nothing is refused")
                    .into_detached_task(move || {
                        let mut polls = 0;
                        std::future::poll_fn(move |_| {
                            polls += 1;
                            assert!(!panics || polls < 2, "the work");
                            std::task::Poll::<u64>::Pending
                        })
                    });
            (Task::new(task), handle)
        };
        let (mut first, kept) = spawn(panics);
        first.waits();
        let (mut second, handle) = spawn(false);
        second.waits();
        if panics {
            let poll = std::panic::AssertUnwindSafe(|| first.poll());
            let _without_std = std::panic::catch_unwind(poll);
        }
        drop(first);
        second.waits();
        let before = second.wakes();
        drop(handle);
        assert_eq!(second.wakes(), before + 1, "nobody wants it");
        second.ends();
        assert_eq!(group.in_flight(), 0);
        // It leaves nothing that is not its own.
        let (mut third, wanted) = spawn(false);
        third.waits();
        drop(kept);
        third.waits();
        assert_eq!(group.in_flight(), 1);
        drop(wanted);
        third.ends();
    }
}

/// Tasks that were counted out by their handles listen until they are polled. The others are told all
/// the same, however wakes are dealt out.
#[test]
fn tasks_whose_handles_are_gone_take_nobodys_wake() {
    let group = Shared::default();
    let leader = lead_owned(&group, 1);
    let mut spawned: Vec<_> = (0..5)
        .map(|_| spawn(&group, Runs::WhileWanted, 2))
        .collect();
    for (task, _) in &mut spawned {
        task.waits();
    }
    let mut follower = Task::new(group.run_outcome(1, async || 3));
    follower.waits();
    let tasks: Vec<_> = spawned.into_iter().map(|(task, _)| task).collect();
    drop(leader);
    assert_eq!(follower.wakes(), 1);
    assert_eq!(follower.ends().map(|outcome| outcome.value), Ok(3));
    for task in tasks {
        task.ends();
    }
    assert_eq!(group.in_flight(), 0);
}

/// And a leader that nobody wants any more.
#[test]
fn tasks_whose_handles_are_gone_do_not_keep_a_leader_running() {
    let group = Shared::default();
    let arrive = || {
        let arrival = try_arrive(&group, 1, Runs::WhileWanted);
        let (task, handle) = arrival
            .expect("nothing is refused")
            .into_detached_task(pending);
        (Task::new(task), handle)
    };
    let ((mut leader, wanted), (mut follower, handle)) = (arrive(), arrive());
    follower.waits();
    leader.waits();
    drop(handle);
    drop(wanted);
    assert_eq!(leader.wakes(), 1);
    leader.ends();
    follower.ends();
    assert_eq!(group.in_flight(), 0);
}

/// A way to reach the group whose `Clone` panics.
#[test]
fn a_reference_whose_clone_panics_registers_nothing() {
    struct Once<'a>(&'a Group<u64, u64>);

    impl std::ops::Deref for Once<'_> {
        type Target = Group<u64, u64>;

        fn deref(&self) -> &Group<u64, u64> {
            self.0
        }
    }

    impl Clone for Once<'_> {
        fn clone(&self) -> Self {
            panic!("a clone");
        }
    }

    let group: Group<u64, u64> = Group::new();
    let arrive = |runs| {
        let arrive = std::panic::AssertUnwindSafe(|| arrive_by(Once(&group), 1, runs).map(drop));
        std::panic::catch_unwind(arrive).is_err()
    };
    assert!(arrive(Runs::WhileWanted));
    assert_eq!(group.in_flight(), 0);
    let leader = group.join(1).expect("nothing is refused");
    assert!(arrive(Runs::WhileWanted) && arrive(Runs::ToItsEnd));
    assert_eq!(group.followers(1), Some(0));
    drop(leader);
    assert_eq!(group.in_flight(), 0);
}
