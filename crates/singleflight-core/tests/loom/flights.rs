//! The races of a flight: landing, losing the leader, handing over, forgetting.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use loom::future::block_on;
use loom::thread;
use singleflight_core::{CallError, Joined, Role, Turn};

use crate::bench::{Bench, Group, KEY};

/// Seeded bugs seen to fail here: `one-look` (the follower sleeps for ever) and
/// `notify-before-landing`.
///
/// Holds P1, P2.
#[test]
fn first_join_against_landing() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let other = bench.clone();
        let caller = thread::spawn(move || other.run(2));
        let first = bench.lead(leader, 1);
        let second = caller.join().unwrap();

        assert_eq!((first.value, first.role), (1, Role::Leader));
        match second.role {
            // It joined before the landing and was counted.
            Role::Follower => assert_eq!((second.value, first.followers, bench.runs()), (1, 1, 1)),
            // It came after the landing, and P2 gave it a flight of its own.
            Role::Leader => assert_eq!((second.value, first.followers, bench.runs()), (2, 0, 2)),
        }
        bench.assert_empty();
    });
}

/// Seeded bug seen to fail here: `silent-loss` (nobody leads on).
///
/// Holds P1, P4.
#[test]
fn leader_lost_against_join() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let other = bench.clone();
        let caller = thread::spawn(move || other.run(2));
        drop(leader);
        let outcome = caller.join().unwrap();

        assert_eq!(
            (outcome.value, outcome.role, bench.runs()),
            (2, Role::Leader, 1)
        );
        bench.assert_empty();
    });
}

/// Seeded bug seen to fail here: `vacant-entry-stays` (an entry remains).
///
/// Holds P6.
#[test]
fn leader_lost_against_the_last_follower_leaving() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let follower = bench.follower();
        let leaving = thread::spawn(move || drop(follower));
        drop(leader);
        leaving.join().unwrap();
        bench.assert_empty();

        assert_eq!(bench.run(3).role, Role::Leader, "the key is usable");
        bench.assert_empty();
    });
}

/// Seeded bug seen to fail here: `claim-leaves-vacant` (two lead at once, P1).
///
/// Holds P1, P4.
#[test]
fn two_followers_claim() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let callers = [2, 3].map(|value| {
            let follower = bench.follower();
            let bench = bench.clone();
            thread::spawn(move || bench.finish(follower, value))
        });
        drop(leader);
        let [first, second] = callers.map(|caller| caller.join().unwrap());

        assert_eq!(bench.runs(), 1, "one re-run for a lost leader");
        assert_eq!(first.value, second.value);
        assert!(first.role != second.role);
        assert_eq!((first.followers, second.followers), (1, 1));
        bench.assert_empty();
    });
}

/// Seeded bug seen to fail here: `remove-by-key` (one flight takes the other out of the
/// table, and its follower receives the other's value; golang/go 31420).
///
/// Holds P2.
#[test]
fn forget_against_landing() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let follower = bench.follower();
        let group = Arc::clone(&bench.group);
        let forgetter = thread::spawn(move || {
            let forgotten = group.forget(KEY);
            // The next call starts afresh, whatever the old flight is about.
            match Group::join_owned(Arc::clone(&group), KEY).expect("nothing is refused here") {
                Joined::Leader(leader) => {
                    thread::yield_now();
                    assert_eq!(group.followers(KEY), Some(0), "the new flight was evicted");
                    let outcome = leader.complete(2);
                    assert_eq!((outcome.value, outcome.followers), (2, 0));
                }
                Joined::Follower(_) => panic!("P2: joined a flight that was forgotten or over"),
            }
            forgotten
        });
        thread::yield_now();
        let outcome = leader.complete(1);
        assert_eq!((outcome.value, outcome.followers), (1, 1));
        assert_eq!(bench.finish(follower, 3).value, 1);
        forgetter.join().unwrap();
        bench.assert_empty();
    });
}

/// Seeded bug seen to fail here: `claim-keeps-its-seat` (the one who leads on counts
/// itself among its followers).
///
/// Holds P4.
#[test]
fn follower_dropped_while_being_woken() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let leaving = bench.follower();
        let staying = bench.follower();
        let waker = thread::spawn(move || drop(leader));
        let going = thread::spawn(move || {
            // Polled once, so that it listens, then dropped.
            let mut wait = Box::pin(leaving.wait());
            let polled = block_on(poll_fn(|context| Poll::Ready(wait.as_mut().poll(context))));
            drop(wait);
            drop(polled);
        });
        let outcome = bench.finish(staying, 3);
        waker.join().unwrap();
        going.join().unwrap();

        assert_eq!(
            (outcome.value, outcome.role, bench.runs()),
            (3, Role::Leader, 1)
        );
        assert!(
            outcome.followers <= 1,
            "only the one who leaves can be counted"
        );
        bench.assert_empty();
    });
}

/// P3: a follower that was woken but is not polled keeps nobody from leading on.
///
/// Seeded bug seen to fail here: `wake-one`, which is how tokio's `OnceCell` and
/// async-lock elect a successor (the one that is awake sleeps for ever).
///
/// Holds P3.
#[test]
fn a_sleeper_keeps_nobody_waiting() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let sleeper = bench.follower();
        let awake = bench.follower();
        let mut sleeping = Box::pin(sleeper.wait());
        let polled = block_on(poll_fn(|context| {
            Poll::Ready(sleeping.as_mut().poll(context).is_ready())
        }));
        assert!(!polled);

        let losing = thread::spawn(move || drop(leader));
        let outcome = bench.finish(awake, 3);
        losing.join().unwrap();
        assert_eq!((outcome.value, bench.runs(), outcome.followers), (3, 1, 1));

        let landed = block_on(sleeping).expect("nobody panics here");
        assert!(matches!(landed, Turn::Landed(outcome) if outcome.value == 3));
        bench.assert_empty();
    });
}

/// Seeded bug seen to fail here: `end-without-settling` (the watcher sleeps for ever).
///
/// Holds P3, P5.
#[test]
fn last_follower_with_work_leaves_a_watcher_behind() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let follower = bench.follower();
        let watcher = bench.follower().without_work();
        let leaving = thread::spawn(move || drop(follower));
        let losing = thread::spawn(move || drop(leader));
        let error = block_on(watcher.wait()).map(|outcome| outcome.value);
        leaving.join().unwrap();
        losing.join().unwrap();

        assert_eq!(error, Err(CallError::LeaderLost));
        bench.assert_empty();
    });
}

/// The blocking wait shares the races of the async one; this is its own: parking.
///
/// Seeded bug seen to fail here: `one-look-before-parking`.
///
/// Holds P3.
#[test]
fn a_parked_follower_against_landing() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let follower = bench.follower();
        let parked = thread::spawn(move || match follower.wait_blocking() {
            Ok(Turn::Landed(outcome)) => outcome.value,
            _ => panic!("the flight lands"),
        });
        assert_eq!(leader.complete(1).followers, 1);
        assert_eq!(parked.join().unwrap(), 1);
        bench.assert_empty();
    });
}

/// A leader waits until nobody waits for it, while its last follower goes.
///
/// Seeded bug seen to fail here: `silent-desertion` (it waits for ever).
///
/// Holds P1.
#[test]
fn a_leader_is_left_alone_by_its_last_follower() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let follower = bench.follower();
        let leaving = thread::spawn(move || drop(follower));
        block_on(leader.left_alone());
        drop(leader);
        leaving.join().unwrap();
        bench.assert_empty();
    });
}
