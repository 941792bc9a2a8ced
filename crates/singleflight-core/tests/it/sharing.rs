//! What sharing a flight costs: clones, wakes, rounds.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;

use singleflight_core::{Group, Joined, Role, Turn};

use crate::hand::{Counted, Runs, arrive};
use crate::task::{Task, pause};

/// Eleven receive a value, ten of them a clone: the last one to come takes the value itself.
///
/// Holds P7.
#[test]
fn a_leader_and_ten_followers_cost_ten_clones() {
    let group: Group<u64, Counted> = Group::new();
    let clones = Rc::new(Cell::new(0));
    let Ok(Joined::Leader(leader)) = group.join(1) else {
        panic!("the first call leads");
    };
    let mut followers: Vec<_> = (0..10)
        .map(|_| Task::new(group.run(1, async || unreachable!("it follows"))))
        .collect();
    for follower in &mut followers {
        follower.waits();
    }
    drop(leader.complete(Counted(Rc::clone(&clones))));
    for follower in followers {
        drop(follower.ends());
    }
    assert_eq!(clones.get(), 10);
}

/// Holds P7.
#[test]
fn a_lone_call_clones_nothing() {
    let group: Group<u64, Counted> = Group::new();
    let clones = Rc::new(Cell::new(0));
    drop(Task::new(group.run(1, async || Counted(Rc::clone(&clones)))).ends());
    assert_eq!(clones.get(), 0);
}

/// Landing wakes each follower once, and each is served by that one wake.
///
/// Holds P3.
#[test]
fn landing_takes_one_wake_for_each_follower() {
    let group: Group<u64, u64> = Group::new();
    let Ok(Joined::Leader(leader)) = group.join(1) else {
        panic!("the first call leads");
    };
    let mut followers: Vec<_> = (0..100)
        .map(|_| Task::new(group.run(1, async || unreachable!("it follows"))))
        .collect();
    for follower in &mut followers {
        follower.waits();
    }
    assert_eq!(leader.complete(7).followers, 100);
    // Before any of them is polled: nobody is woken by way of another.
    assert!(followers.iter().all(|follower| follower.wakes() == 1));
    for follower in followers {
        assert_eq!(follower.ends(), Ok(7));
    }
}

/// A lost leader costs one wake for each follower and one re-execution; the landing after it
/// one more wake for those who went back to sleep.
#[test]
fn a_lost_leader_takes_one_wake_for_each_follower() {
    let group: Group<u64, u64> = Group::new();
    let Ok(Joined::Leader(leader)) = group.join(1) else {
        panic!("the first call leads");
    };
    let runs = Cell::new(0);
    let mut followers: Vec<_> = (0..100)
        .map(|_| {
            Task::new(group.run_outcome(1, async || {
                runs.set(runs.get() + 1);
                7
            }))
        })
        .collect();
    for follower in &mut followers {
        follower.waits();
    }
    drop(leader);
    assert!(followers.iter().all(|follower| follower.wakes() == 1));

    // Any of them may be the first to be polled. Its work ends in that poll.
    let outcome = followers.swap_remove(42).ends().expect("it leads on");
    assert_eq!((outcome.role, outcome.followers), (Role::Leader, 99));
    for follower in followers {
        assert!(follower.wakes() <= 2);
        let outcome = follower.ends().expect("the flight landed");
        assert_eq!((outcome.role, outcome.followers), (Role::Follower, 99));
    }
    assert_eq!(runs.get(), 1);
    assert_eq!(group.in_flight(), 0);
}

/// Whoever leaves, at whatever point, leaves nothing: not asleep, not woken, not vacant.
///
/// Holds P6.
#[test]
fn followers_may_leave_at_any_point() {
    let group: Group<u64, u64> = Group::new();
    for polls in 0..2 {
        for lost in [false, true] {
            let leader = group.join(1).expect("nothing is refused");
            let mut waiting = Task::new(group.run(1, async || 8));
            for _ in 0..polls {
                waiting.waits();
            }
            if lost {
                drop(leader);
                drop(waiting);
            } else {
                drop(waiting);
                drop(leader);
            }
            assert_eq!(group.in_flight(), 0, "{polls} {lost}");
        }
    }
}

/// A leader from a handle and a follower's turn: the whole life of a flight by hand.
#[test]
fn handles_carry_a_flight_from_hand_to_hand() {
    let group: Group<u64, &str> = Group::new();
    let Ok(Joined::Leader(first)) = group.join(1) else {
        panic!("the first call leads");
    };
    let Ok(Joined::Follower(second)) = group.join(1) else {
        panic!("the second call follows");
    };
    let Ok(Joined::Follower(third)) = group.join(1) else {
        panic!("the third call follows");
    };
    let third = third.without_work();
    first.hand_over();
    let Ok(Turn::Lead(second)) = Task::new(second.wait()).ends() else {
        panic!("the second leads on");
    };
    let mut third = Task::new(third.wait());
    third.waits();
    assert_eq!(second.complete("value").followers, 1);
    let outcome = third.ends().expect("the flight landed");
    assert_eq!((outcome.value, outcome.role), ("value", Role::Follower));
}

/// A call that is cancelled when nobody wants it has a handle and listens; neither costs a clone.
///
/// Holds P7.
#[test]
fn an_unwanted_call_with_ten_followers_costs_ten_clones() {
    let clones = Rc::new(Cell::new(0));
    let group: Rc<Group<u64, Counted>> = Rc::default();
    let arrival = arrive(&group, 1, Runs::WhileWanted);
    let (task, handle) = arrival.into_detached_task({
        let clones = Rc::clone(&clones);
        async move || {
            pause().await;
            Counted(clones)
        }
    });
    let mut task = Task::new(task);
    task.waits();
    let mut followers: Vec<_> = (0..10)
        .map(|_| Task::new(group.run_outcome(1, pending)))
        .collect();
    followers.iter_mut().for_each(Task::waits);
    task.ends();
    for follower in followers {
        assert!(follower.ends().is_ok());
    }
    assert!(Task::new(handle.outcome()).ends().is_ok());
    assert_eq!(clones.get(), 10);
}
