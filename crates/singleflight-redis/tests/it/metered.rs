//! What a group tells the facade `metrics`, by a clock that the test sets. All tasks of a test run in its
//! thread, for which it has a recorder.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_lite::future::poll_once;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use singleflight_metrics::{Meter, Registry};
use singleflight_redis::{Ended, Role, WhenDown};

use crate::stage::{Gate, LONG, SHORT, Stage, Texts, eventually, over, within};

/// The meters of a test: one clock, and a recorder.
struct Metered {
    registry: Registry,
    recorder: DebuggingRecorder,
    seconds: Arc<AtomicU64>,
}

/// How often a meter has read the clock.
struct Reads(Arc<AtomicU64>);

impl Reads {
    /// Waits until something is being measured, or has been.
    async fn reach(&self, reads: u64) {
        eventually(|| self.0.load(Ordering::SeqCst) >= reads).await;
    }
}

impl Metered {
    fn new() -> Self {
        Self {
            registry: Registry::new(),
            recorder: DebuggingRecorder::new(),
            seconds: Arc::default(),
        }
    }

    fn meter(&self, name: &str) -> (Meter, Reads) {
        let (seconds, reads) = (Arc::clone(&self.seconds), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&reads);
        let meter = Meter::with_clock(&self.registry, name, move || {
            counted.fetch_add(1, Ordering::SeqCst);
            Duration::from_secs(seconds.load(Ordering::SeqCst))
        });
        (meter, Reads(reads))
    }

    /// The group of one process more.
    async fn group(&self, stage: &Stage, name: &str, lease: Duration) -> (Texts, Reads) {
        let (meter, reads) = self.meter(name);
        let build = |builder: singleflight_redis::Builder<_, _>| {
            builder.lease(lease).poll(LONG).metrics(meter)
        };
        (stage.built(build).await, reads)
    }

    fn go(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// What is told now: the counts that are not zero, and the times since it was told last.
    fn told(&self) -> Vec<String> {
        self.registry.publish();
        let all = self.recorder.snapshotter().snapshot().into_vec();
        let mut told: Vec<_> = all
            .into_iter()
            .filter_map(|(key, _, _, value)| {
                let key = key.key();
                let value = match value {
                    DebugValue::Counter(0) | DebugValue::Gauge(_) => return None,
                    DebugValue::Counter(count) => count.to_string(),
                    DebugValue::Histogram(times) if times.is_empty() => return None,
                    DebugValue::Histogram(times) => format!("{times:?}"),
                };
                let labels = key.labels().map(|label| format!("{} ", label.value()));
                let name = key.name().trim_start_matches("singleflight_");
                Some(format!("{name} {}{value}", labels.collect::<String>()))
            })
            .collect();
        told.sort();
        told
    }
}

#[tokio::test]
async fn those_who_wait_here_and_elsewhere_are_told_and_the_work_once() {
    let Some(stage) = Stage::new() else { return };
    let metered = Metered::new();
    let _here = metrics::set_default_local_recorder(&metered.recorder);
    let (one, _) = metered.group(&stage, "one", LONG).await;
    let (other, waits) = metered.group(&stage, "other", LONG).await;
    let gate = Gate::new();
    let (leader, work) = (one.clone(), gate.clone());
    let leading = tokio::spawn(async move { leader.run("key", |_| work.work("value")).await });
    gate.begun().await;
    let mut here = pin!(one.run("key", async |_| unreachable!("one leads")));
    assert!(poll_once(&mut here).await.is_none());
    let follower = other.clone();
    let elsewhere = tokio::spawn(async move {
        follower
            .run("key", async |_| unreachable!("one leads"))
            .await
    });
    stage.until_waited_for(1).await;
    waits.reach(1).await;
    metered.go(3);
    gate.open();
    assert_eq!(within(here).await.as_deref(), Ok("value"));
    for call in [leading, elsewhere] {
        let value = within(call).await.expect("no panic");
        assert_eq!(value.as_deref(), Ok("value"));
    }
    let told = metered.told();
    assert_eq!(
        told,
        [
            "lease_landed_total one 1",
            "pushes_total other 1",
            "received_total other 1",
            "wait_seconds one [3.0]",
            "wait_seconds other [3.0]",
            "work_seconds one [3.0]",
        ]
    );
    drop(other);
    let mut numbers = metered.registry.read().into_iter();
    assert!(numbers.all(|one| &*one.group == "one"), "the other is gone");
}

#[tokio::test]
async fn a_lone_call_waits_for_nobody_and_its_round_trips_are_the_servers() {
    let Some(stage) = Stage::new() else { return };
    let metered = Metered::new();
    let _here = metrics::set_default_local_recorder(&metered.recorder);
    let server = stage.server().await;
    server.register(&metered.registry, "redis");
    let (meter, reads) = metered.meter("one");
    let group = over(&server, |builder| builder.metrics(meter));
    let work = async |_| {
        metered.go(2);
        "value".to_owned()
    };
    assert_eq!(within(group.run("key", work)).await.as_deref(), Ok("value"));
    assert_eq!(
        metered.told(),
        [
            "lease_landed_total one 1",
            "round_trips_total redis 2",
            "work_seconds one [2.0]",
        ]
    );
    reads.reach(2).await;
    assert_eq!(
        reads.0.load(Ordering::SeqCst),
        2,
        "the clock was read for the work alone"
    );
    drop((group, server));
    assert!(metered.registry.read().is_empty());
}

#[tokio::test]
async fn one_that_takes_over_has_waited_and_was_pushed() {
    let Some(stage) = Stage::new() else { return };
    let metered = Metered::new();
    let _here = metrics::set_default_local_recorder(&metered.recorder);
    let (one, _) = metered.group(&stage, "one", LONG).await;
    let (other, waits) = metered.group(&stage, "other", LONG).await;
    let (gate, next) = (Gate::new(), Gate::new());
    let (leader, work) = (one.clone(), gate.clone());
    let leading = tokio::spawn(async move { leader.run("key", |_| work.work("lost")).await });
    gate.begun().await;
    let (follower, work) = (other.clone(), next.clone());
    let following = tokio::spawn(async move { follower.run("key", |_| work.work("value")).await });
    stage.until_waited_for(1).await;
    waits.reach(1).await;
    metered.go(1);
    // Its lease is given up, and those who wait are told.
    leading.abort();
    next.begun().await;
    metered.go(4);
    next.open();
    let value = within(following).await.expect("no panic");
    assert_eq!(value.as_deref(), Ok("value"));
    let told = metered.told();
    assert_eq!(
        told,
        [
            "lease_landed_total other 1",
            "pushes_total other 1",
            "taken_over_total other 1",
            "wait_seconds other [1.0]",
            "work_seconds one [1.0]",
            "work_seconds other [4.0]",
        ]
    );
    drop(one);
}

#[tokio::test]
async fn a_lease_that_is_lost_is_told_and_looks_that_nobody_asked_for_are() {
    let Some(stage) = Stage::new() else { return };
    let metered = Metered::new();
    let _here = metrics::set_default_local_recorder(&metered.recorder);
    let (one, _) = metered.group(&stage, "one", LONG).await;
    let (meter, waits) = metered.meter("other");
    let soon = Duration::from_millis(10);
    let other = stage
        .built(|builder| builder.poll(soon).metrics(meter))
        .await;
    let gate = Gate::new();
    let (leader, work) = (one.clone(), gate.clone());
    let leading =
        tokio::spawn(async move { leader.run_outcome("key", |_| work.work("old")).await });
    gate.begun().await;
    let follower = other.clone();
    let following =
        tokio::spawn(async move { follower.run("key", async |_| "new".to_owned()).await });
    stage.until_waited_for(1).await;
    waits.reach(1).await;
    eventually(|| other.stats().polls > 0).await;
    other.forget("key").await.expect("the server is there");
    let value = within(following).await.expect("no panic");
    assert_eq!(value.as_deref(), Ok("new"));
    gate.open();
    let old = within(leading).await.expect("no panic").expect("a value");
    assert_eq!((old.role, old.lease), (Role::Leader, Ended::Lost));
    let told = metered.told();
    for line in ["lease_lost_total one 1", "taken_over_total other 1"] {
        assert!(told.iter().any(|one| one == line), "{line}: {told:?}");
    }
    let polls = format!("polls_total other {}", other.stats().polls);
    assert!(told.contains(&polls), "{told:?}");
}

#[tokio::test]
async fn a_server_that_is_down_is_told_whether_the_work_runs_or_not() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    let metered = Metered::new();
    let _here = metrics::set_default_local_recorder(&metered.recorder);
    let (runs, _) = metered.group(&stage, "runs", SHORT).await;
    let (meter, _) = metered.meter("fails");
    let fails = |builder: singleflight_redis::Builder<_, _>| {
        builder.when_down(WhenDown::Fail).metrics(meter)
    };
    let fails = stage.built(fails).await;
    stage.redis.kill();
    let value = within(runs.run("key", async |_| "alone".to_owned())).await;
    assert_eq!(value.as_deref(), Ok("alone"));
    let value = within(fails.run("key", async |_| unreachable!("it fails"))).await;
    assert!(value.is_err());
    assert_eq!(
        metered.told(),
        [
            "alone_total runs without_lease 1",
            "down_total fails 1",
            "down_total runs 1",
            "work_seconds runs [0.0]",
        ]
    );
}

#[tokio::test]
async fn works_that_fail_and_panic_are_told_and_callers_that_go() {
    let Some(stage) = Stage::new() else { return };
    let metered = Metered::new();
    let _here = metrics::set_default_local_recorder(&metered.recorder);
    let (group, _) = metered.group(&stage, "one", LONG).await;
    let failing = async |_| {
        metered.go(1);
        Err::<String, _>("no")
    };
    let failed = within(group.try_run("failing", failing)).await;
    assert_eq!(failed, Ok(Err("no")));
    let panicking = group.clone();
    let seconds = Arc::clone(&metered.seconds);
    let panicked = tokio::spawn(async move {
        let work = async |_| {
            seconds.fetch_add(2, Ordering::SeqCst);
            panic!("the work panics")
        };
        panicking.run("panicking", work).await
    });
    assert!(within(panicked).await.is_err());
    {
        let gate = Gate::new();
        let (leader, work) = (group.clone(), gate.clone());
        let leading = tokio::spawn(async move { leader.run("key", |_| work.work("value")).await });
        gate.begun().await;
        let mut goes = Box::pin(group.run("key", async |_| unreachable!("one leads")));
        assert!(poll_once(&mut goes).await.is_none());
        metered.go(4);
        drop(goes);
        gate.open();
        assert!(within(leading).await.expect("no panic").is_ok());
    }
    let told = metered.told();
    let times = ["wait_seconds one [4.0]", "work_seconds one [1.0, 2.0, 4.0]"];
    assert_eq!(told[told.len() - 2..], times);
}
