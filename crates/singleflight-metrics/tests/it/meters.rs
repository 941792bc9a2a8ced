//! What is measured, by a clock that the test sets.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_lite::future::{block_on, poll_once, yield_now};
use singleflight_core::Group;
use singleflight_metrics::{Meter, Registry, Stat};

use crate::told::{has, told};

/// A clock that goes when it is told to, and knows how often it was read.
#[derive(Clone, Default)]
struct Clock(Arc<(AtomicU64, AtomicU64)>);

impl Clock {
    fn go(&self, seconds: u64) {
        self.0.0.fetch_add(seconds, Ordering::SeqCst);
    }

    fn reads(&self) -> u64 {
        self.0.1.load(Ordering::SeqCst)
    }

    fn meter(&self) -> Meter {
        let clock = self.clone();
        Meter::with_clock(&Registry::new(), "prices", move || {
            clock.0.1.fetch_add(1, Ordering::SeqCst);
            Duration::from_secs(clock.0.0.load(Ordering::SeqCst))
        })
    }
}

const NONE: [&str; 0] = [];

#[test]
fn waits_and_works_are_told_in_seconds() {
    let clock = Clock::default();
    let meter = clock.meter();
    let told = told(|| {
        let (wait, work) = (meter.wait(), meter.work());
        clock.go(2);
        drop(wait);
        clock.go(3);
        drop(work);
    });
    assert_eq!(told.len(), 2);
    has(
        &told,
        &[
            "singleflight_wait_seconds group=prices [2.0]",
            "singleflight_work_seconds group=prices [5.0]",
        ],
    );
}

#[test]
fn a_meter_that_was_not_asked_for_tells_nothing() {
    let meter = Meter::default();
    let told = told(|| {
        drop((meter.wait(), meter.work()));
        drop(meter.begin(Stat::Bypassed));
        meter.watch(&Arc::new(Group::<u64, u64>::new()), Group::stats);
    });
    assert_eq!(told, NONE);
}

#[test]
fn what_is_shown_says_whether_it_measures() {
    let (on, off) = (Clock::default().meter(), Meter::default());
    assert_eq!(
        format!("{on:?} {off:?}"),
        r#"Meter(Some("prices")) Meter(None)"#
    );
    let timings = format!("{:?} {:?}", on.wait(), off.wait());
    assert_eq!(timings, "Timing { is_on: true } Timing { is_on: false }");
}

#[test]
fn what_is_counted_by_a_meter_is_watched_as_long_as_it_is_there() {
    let registry = Registry::new();
    let meter = Meter::new(&registry, "edge");
    assert_eq!(told(|| registry.publish()), NONE);
    drop(meter.begin(Stat::WaitedInVain));
    drop(meter.begin(Stat::WaitedInVain));
    assert_eq!(
        told(|| registry.publish()),
        ["singleflight_alone_total group=edge why=waited_in_vain 2"]
    );
    drop(meter);
    assert_eq!(told(|| registry.publish()), NONE);
}

/// A call whose work goes on until it is polled once more, and takes five seconds then.
async fn measured(meter: &Meter, group: &Group<u64, u64>, clock: &Clock) -> u64 {
    let leads = Cell::new(false);
    let call = group.run(7, async || {
        leads.set(true);
        let _work = meter.work();
        yield_now().await;
        clock.go(5);
        42
    });
    let answer = meter.wait_until(call, || leads.get()).await;
    answer.expect("nothing refuses")
}

#[test]
fn a_call_that_leads_waits_for_nobody() {
    let (clock, group) = (Clock::default(), Group::new());
    let meter = clock.meter();
    let told = told(|| assert_eq!(block_on(measured(&meter, &group, &clock)), 42));
    assert_eq!(told, ["singleflight_work_seconds group=prices [5.0]"]);
}

#[test]
fn a_follower_waits_until_it_is_answered() {
    let (clock, group) = (Clock::default(), Group::new());
    let meter = clock.meter();
    let told = told(|| {
        block_on(async {
            let mut leader = pin!(measured(&meter, &group, &clock));
            let mut follower = pin!(measured(&meter, &group, &clock));
            assert_eq!(poll_once(&mut leader).await, None);
            clock.go(1);
            assert_eq!(poll_once(&mut follower).await, None);
            clock.go(2);
            assert_eq!(leader.await, 42);
            assert_eq!(follower.await, 42);
        });
    });
    assert_eq!(told.len(), 2);
    has(
        &told,
        &[
            "singleflight_wait_seconds group=prices [7.0]",
            "singleflight_work_seconds group=prices [8.0]",
        ],
    );
    assert_eq!(
        clock.reads(),
        4,
        "each is measured by two looks at the clock"
    );
}

#[test]
fn a_follower_that_leads_on_waits_until_it_does_and_the_lost_work_is_told() {
    let (clock, group) = (Clock::default(), Group::new());
    let meter = clock.meter();
    let told = told(|| {
        block_on(async {
            let mut leader = Box::pin(measured(&meter, &group, &clock));
            let mut follower = pin!(measured(&meter, &group, &clock));
            assert_eq!(poll_once(&mut leader).await, None);
            assert_eq!(poll_once(&mut follower).await, None);
            clock.go(3);
            drop(leader);
            assert_eq!(follower.await, 42);
        });
    });
    assert_eq!(told.len(), 2);
    has(
        &told,
        &[
            "singleflight_wait_seconds group=prices [3.0]",
            "singleflight_work_seconds group=prices [3.0, 5.0]",
        ],
    );
}

#[test]
fn a_follower_that_goes_has_waited_until_then() {
    let (clock, group) = (Clock::default(), Group::new());
    let meter = clock.meter();
    let _leader = group.join(7);
    let told = told(|| {
        block_on(async {
            let mut follower = Box::pin(measured(&meter, &group, &clock));
            assert_eq!(poll_once(&mut follower).await, None);
            clock.go(3);
        });
    });
    assert_eq!(told, ["singleflight_wait_seconds group=prices [3.0]"]);
}

#[test]
fn a_gauge_is_not_counted() {
    let registry = Registry::new();
    let meter = Meter::new(&registry, "edge");
    drop(meter.begin(Stat::InFlight));
    assert!(registry.read().is_empty());
}
