//! The core's races, each run through every interleaving that loom finds.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p singleflight-core --release --features loom --test loom`
//!
//! A model has two or three threads and one key. Each names the seeded bug that it was seen
//! to catch: a model that has not failed yet has not shown that it can. To see it fail, run
//! it with `SINGLEFLIGHT_SEED` set to the bug's name; `seeded` in the core's sources marks
//! where it is planted.

#![cfg(loom)]

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::task::Poll;

use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use singleflight_core::{Builder, CallError, Follower, Joined, Leader, Outcome, Role, Turn, Until};

/// Every execution of a model must be the same, so the hash has no seed.
#[derive(Default)]
struct Same;

struct SameHasher;

impl BuildHasher for Same {
    type Hasher = SameHasher;

    fn build_hasher(&self) -> SameHasher {
        SameHasher
    }
}

impl Hasher for SameHasher {
    fn write(&mut self, _: &[u8]) {}

    fn finish(&self) -> u64 {
        1
    }
}

type Group = singleflight_core::Group<u32, u32, Same>;
type Shared = Arc<Group>;

const KEY: u32 = 7;

/// A group whose executions are counted as they run.
#[derive(Clone)]
struct Bench {
    group: Shared,
    running: Arc<AtomicUsize>,
    runs: Arc<AtomicUsize>,
}

impl Bench {
    fn new() -> Self {
        Self {
            group: Arc::new(Builder::new().shards(1).hasher(Same).build()),
            running: Arc::new(AtomicUsize::new(0)),
            runs: Arc::new(AtomicUsize::new(0)),
        }
    }

    fn join(&self) -> Joined<Shared> {
        Group::join_owned(Arc::clone(&self.group), KEY).expect("nothing is refused here")
    }

    fn leader(&self) -> Leader<Shared> {
        match self.join() {
            Joined::Leader(leader) => leader,
            Joined::Follower(_) => panic!("a call that comes first leads"),
        }
    }

    fn follower(&self) -> Follower<Shared> {
        match self.join() {
            Joined::Follower(follower) => follower,
            Joined::Leader(_) => panic!("a call that comes second follows"),
        }
    }

    /// Work that gives the other threads a turn while it runs. P1: it never overlaps another.
    fn work(&self, value: u32) -> u32 {
        assert_eq!(self.running.fetch_add(1, Ordering::AcqRel), 0, "P1");
        thread::yield_now();
        self.running.fetch_sub(1, Ordering::AcqRel);
        self.runs.fetch_add(1, Ordering::AcqRel);
        value
    }

    fn lead(&self, leader: Leader<Shared>, value: u32) -> Outcome<u32> {
        let value = self.work(value);
        leader.complete(value)
    }

    /// A whole call.
    fn run(&self, value: u32) -> Outcome<u32> {
        match self.join() {
            Joined::Leader(leader) => self.lead(leader, value),
            Joined::Follower(follower) => self.finish(follower, value),
        }
    }

    /// The rest of a call that follows.
    fn finish(&self, follower: Follower<Shared>, value: u32) -> Outcome<u32> {
        match block_on(follower.wait()).expect("nobody panics here") {
            Turn::Landed(outcome) => outcome,
            Turn::Lead(leader) => self.lead(leader, value),
        }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::Acquire)
    }

    /// P6.
    fn assert_empty(&self) {
        assert_eq!(self.group.in_flight(), 0, "P6: something stays behind");
    }
}

/// Seeded bugs seen to fail here: `one-look` (the follower sleeps for ever) and
/// `notify-before-landing`.
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

/// The last interested caller of an unwanted work goes, and it is not the one who spawned it:
/// the task ends all the same, and a call that comes afterwards runs.
///
/// Seeded bug seen to fail here: `silent-desertion` (the task sleeps for ever).
#[test]
fn last_interested_caller_leaving_against_the_task() {
    loom::model(|| {
        let bench = Bench::new();
        let arrival = Group::arrive(Arc::clone(&bench.group), KEY).expect("nothing is refused");
        let follower = bench.follower();
        // Work that never ends by itself.
        let (task, handle) = arrival.into_task(Until::Unwanted, std::future::pending);
        drop(handle);
        let task = thread::spawn(move || block_on(task));
        drop(follower);
        task.join().unwrap();
        bench.assert_empty();
        assert_eq!(bench.run(2).value, 2, "the key is usable");
        bench.assert_empty();
    });
}

/// The last handle goes while a caller comes. The caller receives the value if it came in
/// time, or runs its own work after the cancelled one (P1); never the dead one's fate.
///
/// Seeded bug seen to fail here: `silent-loss` (the caller sleeps for ever).
#[test]
fn last_handle_dropped_against_join() {
    loom::model(|| {
        let bench = Bench::new();
        let arrival = Group::arrive(Arc::clone(&bench.group), KEY).expect("nothing is refused");
        let worker = bench.clone();
        let mut polled = false;
        let (task, handle) = arrival.into_task(Until::Unwanted, move || {
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
#[test]
fn age_limit_against_landing() {
    // Loom's own counters cannot be static; this one only ever grows, and every execution
    // moves it by the same amount.
    static NOW: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    fn now() -> u64 {
        NOW.load(Ordering::SeqCst)
    }
    loom::model(|| {
        let bench = Bench {
            group: Arc::new(
                Builder::new()
                    .shards(1)
                    .hasher(Same)
                    .max_age(1, now)
                    .build(),
            ),
            ..Bench::new()
        };
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
#[test]
fn fence_against_invalidation() {
    loom::model(|| {
        let bench = Bench::new();
        let cache = Arc::new(loom::sync::Mutex::new(None));
        let leader = bench.leader();
        let fence = leader.fence();
        let invalidator = thread::spawn({
            let (group, cache) = (Arc::clone(&bench.group), Arc::clone(&cache));
            move || {
                group.forget(KEY);
                *cache.lock().unwrap() = None;
            }
        });
        // Read before the invalidation, for all that anybody knows.
        *cache.lock().unwrap() = Some("old");
        let forgotten = fence.is_forgotten();
        if forgotten {
            *cache.lock().unwrap() = None;
        }
        drop(fence);
        let _ = leader.complete(1);
        invalidator.join().unwrap();
        let left = *cache.lock().unwrap();
        // If the flight had landed before the `forget`, the removal came later still.
        assert_eq!(left, None, "an old value is left");
        bench.assert_empty();
    });
}
