//! Deadlines, ages, fences, calls that own their group, and the end of a group.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use singleflight_core::{Builder, CallError};

use crate::caller::{End, led, number};
use crate::front_end::{Complete, Entry};
use crate::gate::until;
use crate::stage::{KEY, Stage};

/// A deadline that has surely come by the time that it is looked at. It never decides who is
/// faster: what it bounds cannot end by itself.
pub(crate) const SHORT: Duration = Duration::from_millis(1);

/// A deadline that never comes.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// A waiter's deadline leaves the wait, not the flight.
///
/// Holds P4.
pub fn a_deadline_ends_the_wait_and_not_the_flight<F: Complete>() {
    let stage = Stage::<F>::new();
    let leader = stage.leader(1);
    let patient = stage.call(2).by(Entry::Timeout(LONG)).start();
    until("the patient one waiting", || stage.waiting(KEY) == 1);
    let hurried = stage.call(3).by(Entry::Timeout(SHORT)).start();
    assert_eq!(hurried.refusal(), CallError::TimedOut);
    let answer = leader.answer();
    assert_eq!(answer.followers, Some(1));
    assert_eq!(patient.number(), 1);
    drop(answer);
    stage.close();
}

/// A leader whose deadline comes hands over, where its work can be cancelled. On threads the
/// deadline bounds waiting only.
///
/// Holds P4.
pub fn a_leaders_deadline_hands_over<F: Complete>() {
    let stage = Stage::<F>::new();
    let leader = stage.call(1).by(Entry::Timeout(SHORT)).start();
    leader.has_begun();
    if F::CANCELS {
        // Whether it comes before the deadline or after: it runs its own work.
        let next = stage.call(2).start();
        assert_eq!(next.number(), 2);
        assert!(matches!(leader.end(), End::Answered(answer)
            if answer.error() == Some(&CallError::TimedOut)));
    } else {
        assert_eq!(leader.number(), 1, "work that runs is not cut off");
    }
    until("the flight ending", || stage.group.in_flight() == 0);
    stage.close();
}

/// Neither as a newcomer nor in a lost leader's place, however many come together.
///
/// Holds P11.
pub fn a_call_whose_time_is_up_starts_no_work<F: Complete>() {
    let stage = Stage::<F>::new();
    let newcomer = stage.call(1).by(Entry::Timeout(Duration::ZERO)).start();
    assert_eq!(newcomer.refusal(), CallError::TimedOut);

    let lost = stage.leader_handle();
    let hurried: Vec<_> = (0..20)
        .map(|_| stage.call(2).by(Entry::Timeout(SHORT)).start())
        .collect();
    for caller in hurried {
        assert_eq!(caller.refusal(), CallError::TimedOut);
    }
    drop(lost);
    assert_eq!((stage.runs(), stage.group.in_flight()), (0, 0));
    stage.close();
}

static NOW: AtomicU64 = AtomicU64::new(1_000_000);
static CLOCK: Mutex<()> = Mutex::new(());

fn now() -> u64 {
    NOW.load(Ordering::SeqCst)
}

/// A flight that is too old is joined no more: exactly one newcomer leads a successor, and
/// those who wait for the old one still receive its value.
///
/// Holds P2.
pub fn an_old_flight_has_exactly_one_successor<F: Complete>() {
    // One scenario at a time moves the clock.
    let _clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let stage = Stage::<F>::with(Builder::new().max_age(10, now));
    let old = stage.call(1).may_overlap().lead();
    let patient = stage.follower(2);
    NOW.fetch_add(10, Ordering::SeqCst);
    let still = stage.follower(3);
    NOW.fetch_add(1, Ordering::SeqCst);
    assert_eq!(stage.group.followers(KEY), None, "it can be joined no more");

    let successor = stage.call(4).may_overlap().lead();
    let joined = stage.follower(5);
    assert_eq!(stage.group.in_flight(), 2);
    let mut ages: Vec<_> = stage
        .group
        .flights()
        .iter()
        .map(singleflight_core::FlightInfo::age_in_ticks)
        .collect();
    ages.sort_unstable();
    assert_eq!(ages, [Some(0), Some(11)]);

    assert_eq!((successor.number(), joined.number()), (4, 4));
    assert_eq!((old.number(), patient.number(), still.number()), (1, 1, 1));
    assert_eq!(stage.runs(), 2);
    stage.close();
}

/// A leader's fence tells that its flight was forgotten, or has got too old.
///
/// Holds P2.
pub fn a_fence_tells_that_a_flight_was_forgotten<F: Complete>() {
    let _clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let stage = Stage::<F>::with(Builder::new().max_age(10, now));
    let old = stage.leader_handle();
    let fence = old.fence();
    assert!(!fence.is_forgotten());
    NOW.fetch_add(11, Ordering::SeqCst);
    assert!(fence.is_forgotten(), "a successor may have been started");

    let new = stage.call(2).may_overlap().lead();
    assert!(stage.group.forget(KEY));
    assert!(fence.is_forgotten());
    assert_eq!(new.number(), 2);
    drop(old);
    assert!(fence.is_forgotten(), "it has ended");
    drop(fence);
    stage.close();
}

/// A fence that is given to a call is bound when that leads, now or in a lost leader's place, and
/// tells its work that the flight was forgotten.
pub fn a_fence_is_bound_to_the_call_that_leads<F: Complete>() {
    let stage = Stage::<F>::new();
    let fenced = |number| stage.call(number).by(Entry::Fence);
    assert_eq!(fenced(1).lead().number(), 1);
    assert_eq!(stage.tally.fences(), [false, false]);

    let leader = fenced(2).lead();
    assert!(stage.group.forget(KEY));
    assert_eq!(leader.number(), 2);
    assert_eq!(stage.tally.fences()[2..], [false, true]);

    let lost = stage.losable();
    let follower = fenced(3).follow();
    lost.lose();
    assert_eq!(follower.number(), 3);
    assert_eq!(stage.tally.fences()[4..], [false, false]);
    stage.close();
}

/// So is one that is given to a spawned call.
pub fn a_fence_is_bound_to_a_spawned_call<F: Complete>() {
    let stage = Stage::<F>::new();
    for is_forgotten in [false, true] {
        let before = stage.tally.fences().len();
        let spawned = stage.call(1).by(Entry::Fence).spawn();
        spawned.has_begun();
        assert_eq!(stage.tally.fences()[before..], [false]);
        if is_forgotten {
            assert!(stage.group.forget(KEY));
        }
        assert_eq!(spawned.number(), 1);
        assert_eq!(stage.tally.fences()[before..], [false, is_forgotten]);
    }
    stage.close();
}

/// A call that owns its group borrows nothing, and keeps it until it ends.
pub fn a_call_may_own_its_group<F: Complete>() {
    let stage = Stage::<F>::new();
    let leader = stage.call(1).by(Entry::Owned).lead();
    let follower = stage.call(2).by(Entry::Owned).follow();
    assert_eq!((leader.number(), follower.number()), (1, 1));
    assert_eq!(stage.runs(), 1);
    stage.close();
}

/// A closed group refuses new calls of every entry point, and lets the others finish.
///
/// Holds P5.
pub fn a_closed_group_refuses_and_drains<F: Complete>() {
    let stage = Stage::<F>::new();
    let leader = stage.leader(1);
    let follower = stage.follower(2);
    let early = Instant::now();
    assert!(
        !stage.group.drained_blocking(Some(early)),
        "it is closed, and not empty"
    );
    assert!(stage.group.is_closed());
    for entry in Entry::ALL {
        let newcomer = stage.call(3).by(entry).start();
        assert_eq!(newcomer.refusal(), CallError::Closed, "{entry:?}");
        let elsewhere = stage.call(4).by(entry).key("other").start();
        assert_eq!(elsewhere.refusal(), CallError::Closed, "{entry:?}");
    }

    let draining = thread::spawn({
        let group = std::sync::Arc::clone(&stage.group);
        move || block_on(group.drained())
    });
    let answer = leader.answer();
    assert!(led(&answer));
    assert_eq!((number(&answer), follower.number()), (1, 1));
    draining.join().expect("the group is drained");
    assert!(stage.group.drained_blocking(Some(early)));
    assert_eq!(stage.group.stats().refused, 2 * Entry::ALL.len() as u64);
    drop(answer);
    stage.close();
}

/// A group that is closed while a leader is lost still hands over, and drains when all is done.
///
/// Holds P6.
pub fn a_closed_group_still_hands_over<F: Complete>() {
    let stage = Stage::<F>::new();
    let lost = stage.losable();
    let follower = stage.follower(2);
    stage.group.close();
    lost.lose();
    assert_eq!(follower.number(), 2);
    block_on(stage.group.drained());
    stage.close();
}
