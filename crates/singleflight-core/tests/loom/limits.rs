//! The races of what bounds a flight: interest, age, batches, closing, fences.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use loom::future::block_on;
use loom::sync::atomic::AtomicBool;
use loom::thread;
use singleflight_core::{Builder, CallError, Joined, Role};

use crate::bench::{Bench, Group, KEY};

/// The last interested caller of an unwanted work goes, and it is not the one who spawned it:
/// the task ends all the same, and a call that comes afterwards runs.
///
/// Seeded bug seen to fail here: `silent-desertion` (the task sleeps for ever).
///
/// Holds P4.
#[test]
fn last_interested_caller_leaving_against_the_task() {
    loom::model(|| {
        let bench = Bench::new();
        let arrival = bench
            .spawnable()
            .while_wanted()
            .arrive()
            .expect("nothing is refused");
        let follower = bench.follower();
        // Work that never ends by itself.
        let (task, handle) = arrival.into_detached_task(std::future::pending);
        drop(handle);
        let task = thread::spawn(move || block_on(task));
        drop(follower);
        task.join().unwrap();
        bench.assert_empty();
        assert_eq!(bench.run(2).value, 2, "the key is usable");
        bench.assert_empty();
    });
}

/// A spawned call ends while its handle begins to wait.
///
/// Seeded bug seen to fail here: `one-look` (the handle sleeps for ever).
///
/// Holds P3.
#[test]
fn an_answer_against_its_handles_wait() {
    loom::model(|| {
        let bench = Bench::new();
        let arrival = bench.spawnable().arrive();
        let worker = bench.clone();
        let work = move || std::future::ready(worker.work(1));
        let (task, handle) = arrival
            .expect("nothing is refused")
            .into_detached_task(work);
        let task = thread::spawn(move || block_on(task));
        let outcome = block_on(handle.outcome()).expect("nobody panics here");
        assert_eq!((outcome.value, outcome.role), (1, Role::Leader));
        task.join().unwrap();
        bench.assert_empty();
    });
}

/// The handle of a spawned call that follows goes while its task begins to wait: the task leaves.
///
/// Seeded bug seen to fail here: `silent-parting` (it sleeps until the flight ends).
///
/// Holds P6.
#[test]
fn a_handle_dropped_against_its_follower() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let arrival = bench.spawnable().while_wanted().arrive();
        let arrival = arrival.expect("nothing is refused");
        let (task, handle) = arrival.into_detached_task(|| std::future::ready(2));
        let task = thread::spawn(move || block_on(task));
        drop(handle);
        task.join().unwrap();
        assert_eq!(bench.group.followers(&KEY), Some(0));
        assert_eq!(leader.complete(1).followers, 0);
        bench.assert_empty();
    });
}

/// The last handle goes while a caller comes. The caller receives the value if it came in
/// time, or runs its own work after the cancelled one (P1); never the dead one's fate.
///
/// Seeded bug seen to fail here: `silent-loss` (the caller sleeps for ever).
///
/// Holds P1.
#[test]
fn last_handle_dropped_against_join() {
    loom::model(|| {
        let bench = Bench::new();
        let arrival = bench
            .spawnable()
            .while_wanted()
            .arrive()
            .expect("nothing is refused");
        let worker = bench.clone();
        let mut polled = false;
        let (task, handle) = arrival.into_detached_task(move || {
            // Pending once, so that it can be cancelled between two polls.
            poll_fn(move |context| {
                if std::mem::replace(&mut polled, true) {
                    return Poll::Ready(worker.work(1));
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
        });
        let task = thread::spawn(move || block_on(task));
        let other = bench.clone();
        let late = thread::spawn(move || other.run(2));
        drop(handle);
        let outcome = late.join().unwrap();
        task.join().unwrap();
        match outcome.value {
            1 => assert_eq!(outcome.role, Role::Follower),
            value => assert_eq!((value, outcome.role), (2, Role::Leader)),
        }
        bench.assert_empty();
    });
}

/// A flight that is too old is joined no more, and its landing takes out itself and not its
/// successor.
///
/// Seeded bug seen to fail here: `remove-by-key`.
///
/// Holds P2.
#[test]
fn age_limit_against_landing() {
    // Loom's own counters cannot be static; this one only ever grows, and every execution
    // moves it by the same amount.
    static NOW: AtomicU64 = AtomicU64::new(0);
    fn now() -> u64 {
        NOW.load(Ordering::SeqCst)
    }
    loom::model(|| {
        let bench = Bench::with(Builder::new().max_age(1, now));
        let old = bench.leader();
        let patient = bench.follower();
        NOW.fetch_add(2, Ordering::SeqCst);
        let group = Arc::clone(&bench.group);
        let successor = thread::spawn(move || {
            match Group::join_owned(Arc::clone(&group), KEY).expect("nothing is refused") {
                Joined::Leader(leader) => {
                    thread::yield_now();
                    assert_eq!(group.followers(KEY), Some(0), "the successor was evicted");
                    assert_eq!(leader.complete(2).followers, 0);
                }
                Joined::Follower(_) => panic!("joined a flight that is too old"),
            }
        });
        thread::yield_now();
        assert_eq!(old.complete(1).followers, 1);
        assert_eq!(bench.finish(patient, 3).value, 1);
        successor.join().unwrap();
        bench.assert_empty();
    });
}

/// Two batches that overlap in opposite orders end, and nothing stays behind.
///
/// Seeded bug seen to fail here: `batch-waits-first` (each waits for what the other has
/// claimed).
///
/// Holds P1.
#[test]
fn two_batches_in_opposite_orders() {
    loom::model(|| {
        let bench = Bench::new();
        let other = Arc::clone(&bench.group);
        let load = |keys: Vec<u32>| {
            thread::yield_now();
            std::future::ready(keys.into_iter().map(|key| (key, key)))
        };
        let second = thread::spawn(move || block_on(other.run_many([2, 1], load)).len());
        assert_eq!(block_on(bench.group.run_many([1, 2], load)).len(), 2);
        assert_eq!(second.join().unwrap(), 2);
        bench.assert_empty();
    });
}

/// Draining ends when the last flight does.
///
/// Seeded bug seen to fail here: `silent-end` (whoever drains sleeps for ever).
///
/// Holds P6.
#[test]
fn draining_against_the_last_landing() {
    loom::model(|| {
        let bench = Bench::new();
        let leader = bench.leader();
        let landing = thread::spawn(move || leader.complete(1).value);
        block_on(bench.group.drained());
        bench.assert_empty();
        assert_eq!(landing.join().unwrap(), 1);
        assert_eq!(
            bench.group.join(KEY).err(),
            Some(CallError::Closed),
            "nothing starts any more"
        );
    });
}

/// The loader stores, then asks; the invalidator forgets, then removes. No order leaves the
/// old value.
///
/// Seeded bug seen to fail here: `forget-unnoticed` (the fence says no).
///
/// Holds P2.
#[test]
fn fence_against_invalidation() {
    loom::model(|| {
        let bench = Bench::new();
        let cache = Arc::new(AtomicBool::new(false));
        let leader = bench.leader();
        let fence = leader.fence();
        let invalidator = thread::spawn({
            let (group, cache) = (Arc::clone(&bench.group), Arc::clone(&cache));
            move || {
                group.forget(KEY);
                cache.store(false, Ordering::SeqCst);
            }
        });
        // Read before the invalidation, for all that anybody knows.
        cache.store(true, Ordering::SeqCst);
        let forgotten = fence.is_forgotten();
        if forgotten {
            cache.store(false, Ordering::SeqCst);
        }
        drop(fence);
        let _ = leader.complete(1);
        invalidator.join().unwrap();
        // If the flight had landed before the `forget`, the removal came later still.
        assert!(!cache.load(Ordering::SeqCst), "an old value is left");
        bench.assert_empty();
    });
}

/// A caller comes while the leader ends its flight if it is alone. It follows, and then the flight
/// is not ended; or it starts afresh. It never waits for a flight that has ended.
///
/// Holds P3.
///
/// Seeded bug seen to fail here: `close-looks-first` (it comes between the look and the end, and is
/// left without a value).
#[test]
fn a_flight_that_is_closed_if_alone_against_join() {
    loom::model(|| {
        let bench = Bench::new();
        let mut leader = bench.leader();
        let other = bench.clone();
        let caller = thread::spawn(move || match other.join() {
            Joined::Follower(follower) => {
                let outcome = other.finish(follower, 2);
                assert_eq!((outcome.value, outcome.role), (1, Role::Follower));
                true
            }
            Joined::Leader(leader) => {
                assert_eq!(leader.complete(2).followers, 0);
                false
            }
        });
        let was_alone = leader.close_if_alone();
        let outcome = leader.complete(1);
        let followed = caller.join().unwrap();
        assert_eq!(outcome.followers, usize::from(followed));
        assert!(!(was_alone && followed), "it was not alone");
        bench.assert_empty();
    });
}

/// In a group with a fixed capacity, whoever lets go of a shared part last puts it back.
///
/// Seeded bug seen to fail here: `let-go-unlocked` (neither of two is the last).
///
/// Holds P6.
#[test]
fn two_let_go_of_a_shared_part() {
    loom::model(|| {
        let bench = Bench::with(Builder::new().fixed_capacity(2));
        let leader = bench.leader();
        let follower = bench.follower();
        let leaving = thread::spawn(move || drop(follower));
        assert!(leader.complete(1).followers <= 1);
        leaving.join().unwrap();
        bench.assert_empty();

        let joined = [KEY, KEY + 1, KEY, KEY + 1].map(|key| bench.group.join(key));
        assert!(joined.iter().all(Result::is_ok), "a part was lost");
    });
}
