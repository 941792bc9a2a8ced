//! The races of those who take over: callers in tasks, and tasks whose handles go.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use loom::future::block_on;
use loom::thread;
use singleflight_core::{ByValue, Outcome, Receiver, ShareAll, Spawnable, Spawned};

use crate::bench::{Bench, KEY, Shared};

type Handle = Spawned<Shared, Receiver<Outcome<u32>>>;

/// A spawned call with this work, and its handle.
fn spawn<T: Future<Output = u32>, F: FnOnce() -> T>(
    call: Spawnable<Shared, u32, ByValue, ShareAll>,
    work: F,
) -> (impl Future<Output = ()> + use<T, F>, Handle) {
    let arrived = call.arrive().expect("nothing is refused");
    arrived.into_detached_task(work)
}

/// A follower that takes over starts its work at its next poll, which it brings about itself.
///
/// Seeded bug seen to fail here: `silent-claim` (it leads, and sleeps for ever).
///
/// Holds P11.
#[test]
fn a_follower_takes_over_while_another_is_dropped() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let (group, worker) = (Arc::clone(&bench.group), bench.clone());
        let staying = thread::spawn(move || block_on(group.run(KEY, async || worker.work(3))));
        let going = {
            let bench = bench.clone();
            thread::spawn(move || {
                // Polled once, so that it may have claimed.
                let mut call = Box::pin(bench.group.run(KEY, async || bench.work(2)));
                block_on(poll_fn(|context| {
                    Poll::Ready(call.as_mut().poll(context).is_ready())
                }))
            })
        };
        drop(leader);
        let (value, _gone) = (staying.join().unwrap(), going.join().unwrap());
        assert!(value == Ok(2) || value == Ok(3));
        bench.assert_empty();
    });
}

/// A call that is polled once and sleeps holds up another only by a work that it has begun, however
/// its leader is lost meanwhile (P3).
///
/// Seeded bug seen to fail here: `pause-as-it-joins` (it leads, and sleeps).
///
/// Holds P3.
#[test]
fn a_leader_is_lost_while_a_call_joins_that_sleeps_then() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let losing = thread::spawn(move || drop(leader));
        let has_begun = Cell::new(false);
        let mut sleeps = Box::pin(bench.group.run(KEY, async || {
            has_begun.set(true);
            bench.work(2)
        }));
        let polled = block_on(poll_fn(|context| {
            Poll::Ready(sleeps.as_mut().poll(context))
        }));
        if polled.is_pending() {
            assert!(!has_begun.get(), "its work does not wait");
            let value = block_on(bench.group.run(KEY, async || bench.work(3)));
            assert_eq!(value, Ok(3));
        }
        losing.join().unwrap();
        drop(sleeps);
        bench.assert_empty();
    });
}

/// Two handles go at once, whose tasks follow for the work's sake: one stays.
///
/// Seeded bug seen to fail here: `many-heirs` (both stay).
///
/// Holds P11.
#[test]
fn two_handles_dropped_together() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let [(one, first), (other, second)] =
            [1, 2].map(|value| spawn(bench.spawnable(), move || std::future::ready(value)));
        let going = thread::spawn(move || drop(first));
        drop(second);
        going.join().unwrap();
        assert_eq!(
            bench.group.followers(KEY),
            Some(0),
            "an heir is no follower"
        );
        let (mut one, mut other) = (Box::pin(one), Box::pin(other));
        let stay = block_on(poll_fn(|context| {
            let polled = [one.as_mut().poll(context), other.as_mut().poll(context)];
            Poll::Ready(polled.iter().filter(|poll| poll.is_pending()).count())
        }));
        assert_eq!(stay, 1);
        assert_eq!(leader.complete(3).followers, 0);
        drop((one, other));
        bench.assert_empty();
    });
}

/// A handle goes while its task takes the lead: it is counted out once, and the work, which nobody
/// wants, is cancelled.
///
/// Seeded bugs seen to fail here: `claim-is-not-noted` (the task is counted out for its handle, too)
/// and `silent-desertion`.
///
/// Holds P6.
#[test]
fn a_handle_dropped_against_its_claim() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let (task, handle) = spawn(bench.spawnable().while_wanted(), pending);
        let task = thread::spawn(move || block_on(task));
        let losing = thread::spawn(move || drop(leader));
        drop(handle);
        losing.join().unwrap();
        task.join().unwrap();
        bench.assert_empty();
        assert_eq!(bench.run(2).value, 2, "the key is usable");
        bench.assert_empty();
    });
}

/// The leader is lost while a handle goes: the heir does the work, or a caller that came does.
///
/// Seeded bug seen to fail here: `silent-loss` (the heir sleeps for ever).
///
/// Holds P6.
#[test]
fn a_handle_dropped_against_the_loss_of_the_leader() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let worker = bench.clone();
        let (task, handle) = spawn(bench.spawnable(), move || {
            std::future::ready(worker.work(1))
        });
        let task = thread::spawn(move || block_on(task));
        let losing = thread::spawn(move || drop(leader));
        drop(handle);
        losing.join().unwrap();
        task.join().unwrap();
        assert_eq!(bench.runs(), 1);
        bench.assert_empty();
    });
}
