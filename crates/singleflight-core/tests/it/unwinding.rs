//! Panics where they are least expected: of a payload that is dropped, of a waker, of a key that
//! goes. Each harms its own caller, and leaves the flight to the others.

use std::cell::Cell;
use std::future::Future;
#[cfg(feature = "std")]
use std::future::ready;
#[cfg(feature = "std")]
use std::panic::panic_any;
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(feature = "std")]
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

#[cfg(feature = "std")]
use futures_lite::future::block_on;
use singleflight_core::Group;
#[cfg(feature = "std")]
use singleflight_core::{Builder, CallError, Joined, Leader, PanicPolicy};

#[cfg(feature = "std")]
use crate::hand::{Runs, arrive};
use crate::hand::{lead, panics};
use crate::task::Task;

/// A panic's payload that panics again when it is dropped.
#[cfg(feature = "std")]
struct Bomb(&'static str);

#[cfg(feature = "std")]
impl Drop for Bomb {
    fn drop(&mut self) {
        panic_any(Bomb("a payload"));
    }
}

/// Returns what a caller's panic carried.
#[cfg(feature = "std")]
fn bomb(run: impl FnOnce()) -> Option<&'static str> {
    let payload = catch_unwind(AssertUnwindSafe(run)).err()?;
    let text = payload.downcast_ref::<Bomb>().map(|bomb| bomb.0);
    std::mem::forget(payload);
    text
}

/// A panic of a work that is dropped because nobody wants it concerns nobody: its task ends, and
/// the key is free.
///
/// Holds P4.
#[cfg(feature = "std")]
#[test]
fn a_work_that_nobody_wants_may_panic_as_it_is_dropped() {
    struct Panics;

    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("as it goes");
        }
    }

    let group: Arc<Group<u64, u64>> = Arc::default();
    let arrival = arrive(&group, 1, Runs::WhileWanted);
    let (task, handle) = arrival.into_detached_task(|| {
        let panics = Panics;
        async move {
            let _panics = panics;
            std::future::pending::<u64>().await
        }
    });
    let mut task = Task::new(task);
    task.waits();
    drop(handle);
    task.ends();
    assert_eq!((group.in_flight(), group.stats().abandoned), (0, 1));
    assert_eq!(Task::new(group.run(1, async || 5)).ends(), Ok(5));
}

#[cfg(feature = "std")]
#[test]
fn a_payload_whose_drop_panics_is_a_spawned_calls_answer_all_the_same() {
    for runs in [Runs::ToItsEnd, Runs::WhileWanted] {
        let group: Arc<Group<u64, u64>> = Arc::default();
        let arrival = arrive(&group, 1, runs);
        let (task, handle) = arrival.into_detached_task(|| -> std::future::Ready<u64> {
            panic_any(Bomb("the work"));
        });
        let mut follower = Task::new(group.run_outcome(1, async || 8));
        follower.waits();
        Task::new(task).ends();
        for answer in [Task::new(handle.outcome()).ends(), follower.ends()] {
            match answer {
                Err(CallError::LeaderPanicked(panicked)) => {
                    assert_eq!(panicked.message(), "Box<dyn Any>");
                }
                other => panic!("its work panicked: {other:?}"),
            }
        }
        assert_eq!(group.in_flight(), 0);
    }
}

#[cfg(all(feature = "std", not(target_family = "wasm")))]
#[test]
fn a_payload_whose_drop_panics_is_a_threads_answer_all_the_same() {
    let group: Arc<Group<u64, u64>> = Arc::default();
    let arrival = arrive(&group, 1, Runs::ToItsEnd);
    let (run, handle) = arrival.into_job(|call| block_on(call), |_| panic_any(Bomb("the work")));
    run();
    let answer = handle.join_outcome();
    assert!(matches!(answer, Err(CallError::LeaderPanicked(_))));
    assert_eq!(group.in_flight(), 0);
}

/// The work's future panics as it is polled, and again as it is dropped, with a payload that
/// panics as well.
#[cfg(feature = "std")]
#[test]
fn the_first_panic_of_a_work_is_the_one_that_goes_on() {
    use std::task::Poll;

    struct Twice;

    impl Future for Twice {
        type Output = u64;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u64> {
            panic_any(Bomb("polled"));
        }
    }

    impl Drop for Twice {
        fn drop(&mut self) {
            panic_any(Bomb("dropped"));
        }
    }

    let group: Group<u64, u64> = Group::new();
    let mut call = Task::new(group.run(1, || Twice));
    assert_eq!(bomb(|| assert!(call.poll().is_pending())), Some("polled"));
    assert_eq!(group.in_flight(), 0);
    assert_eq!(Task::new(group.run(1, || ready(9))).ends(), Ok(9));
}

/// A key may panic as it is dropped, when its flight has been told of another panic.
#[cfg(feature = "std")]
#[test]
fn the_first_panic_goes_on_when_the_key_panics_too() {
    #[derive(Debug, Eq, Hash, PartialEq)]
    struct Key(u64);

    impl Drop for Key {
        fn drop(&mut self) {
            panic_any(Bomb("the key"));
        }
    }

    let group: Group<Key, u64> = Group::new();
    let mut call = Task::new(group.run(Key(1), || -> std::future::Ready<u64> {
        panic_any(Bomb("the work"))
    }));
    assert_eq!(bomb(|| assert!(call.poll().is_pending())), Some("the work"));
    assert_eq!(group.in_flight(), 0);
}

/// A waker that panics when it is called, or when it is dropped, as often as it is armed.
struct Fragile {
    when_called: AtomicUsize,
    when_dropped: AtomicUsize,
}

impl Fragile {
    fn waker(when_called: usize, when_dropped: usize) -> Waker {
        Waker::from(Arc::new(Self {
            when_called: AtomicUsize::new(when_called),
            when_dropped: AtomicUsize::new(when_dropped),
        }))
    }

    fn takes(count: &AtomicUsize) -> bool {
        let less = |count: usize| count.checked_sub(1);
        count
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok()
    }
}

impl Wake for Fragile {
    fn wake(self: Arc<Self>) {
        assert!(!Self::takes(&self.when_called), "called");
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        let panics = Self::takes(&self.when_dropped) && !std::thread::panicking();
        assert!(!panics, "dropped");
    }
}

/// Between a claim and its leader stands event-listener, which may unwind. The claim is counted
/// once, and the flight is free again.
///
/// Holds P6.
#[test]
fn a_claim_that_unwinds_is_counted_out_once() {
    for (when_called, when_dropped) in [(1, 0), (0, 1), (1, 1)] {
        for others in 0..3 {
            let group: Group<u64, u64> = Group::new();
            let leader = lead(&group, 1);
            let mut first = Box::pin(group.run(1, async || 2));
            let waker = Fragile::waker(when_called, when_dropped);
            let polled = first.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            // The list holds the last one.
            drop(waker);
            let mut behind: Vec<_> = (0..others)
                .map(|_| Task::new(group.run(1, async || 3)))
                .collect();
            behind.iter_mut().for_each(Task::waits);
            let _lost = catch_unwind(AssertUnwindSafe(|| drop(leader)));
            for _ in 0..2 {
                let poll = || first.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                let Ok(polled) = catch_unwind(AssertUnwindSafe(poll)) else {
                    break;
                };
                if polled.is_ready() {
                    break;
                }
            }
            // event-listener's list of this flight may be broken by now, and panic again.
            let gone = catch_unwind(AssertUnwindSafe(|| drop(first)));
            assert!(group.followers(1).unwrap_or(0) <= others, "{gone:?}");
            for task in behind {
                let _ended = catch_unwind(AssertUnwindSafe(|| task.ends()));
            }
            assert_eq!(
                group.in_flight(),
                0,
                "{when_called} {when_dropped} {others}"
            );
            assert_eq!(Task::new(group.run(1, async || 9)).ends(), Ok(9));
        }
    }
}

/// Those who drain a group are told, whatever the waker of a follower does.
///
/// Holds P6.
#[cfg(feature = "std")]
#[test]
fn a_follower_whose_waker_panics_keeps_no_drain_asleep() {
    type End = fn(Leader<&Group<u64, u64>>);
    let ends: [End; 3] = [
        |leader| assert_eq!(leader.complete(7).followers, 1),
        |leader| _ = leader.lead_blocking(|| panic!("the work")),
        |leader| drop(leader),
    ];
    for (at, end) in ends.into_iter().enumerate() {
        let group: Group<u64, u64> = Group::new();
        let leader = lead(&group, 1);
        let Ok(Joined::Follower(follower)) = group.join(1) else {
            panic!("the flight is led");
        };
        let mut watcher = Box::pin(follower.without_work().wait());
        let waker = Fragile::waker(1, 0);
        let polled = watcher.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        let mut drained = Task::new(group.drained());
        drained.waits();
        assert!(catch_unwind(AssertUnwindSafe(|| end(leader))).is_err());
        assert_eq!(drained.wakes(), 1, "{at}");
        drained.ends();
        // event-listener cannot bear to drop a listener whose waker has panicked.
        std::mem::forget(watcher);
    }
}

/// Watchers that are told of a panic are told of a flight that has panicked.
#[cfg(feature = "std")]
#[test]
fn a_panic_that_watchers_are_told_of_is_counted() {
    for policy in [PanicPolicy::Share, PanicPolicy::HandOver] {
        let group: Group<u64, u64> = Builder::new().panic_policy(policy).build();
        let leader = lead(&group, 1);
        let Ok(Joined::Follower(follower)) = group.join(1) else {
            panic!("the flight is led");
        };
        let watcher = follower.without_work();
        let led = || _ = leader.lead_blocking(|| panic!("the work"));
        assert!(catch_unwind(AssertUnwindSafe(led)).is_err());
        let told = Task::new(watcher.wait()).ends();
        assert!(matches!(told, Err(CallError::LeaderPanicked(_))));
        let stats = group.stats();
        assert_eq!((stats.panicked, stats.abandoned, stats.landed), (1, 0, 0));
    }
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
    assert_eq!(follower.ends(), Ok(7));
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
    assert_eq!(follower.ends(), Ok(5), "and hands it over");
    assert_eq!(group.in_flight(), 0);
}
