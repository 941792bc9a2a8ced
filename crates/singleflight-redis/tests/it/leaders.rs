//! The leader's process is killed, stopped, partitioned; its future is dropped.

use std::thread;
use std::time::{Duration, Instant};

use singleflight_redis::{Ended, Role};

use crate::stage::{Gate, LONG, SHORT, Stage, connect, eventually, over, within};

/// Leads in a runtime of its own, which stands for a process of its own.
fn leads_elsewhere(stage: &Stage, lease: Duration, gate: &Gate) -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (port, gate) = (stage.redis.port(), gate.clone());
    runtime.spawn(async move {
        let group = over(&connect(port).await, |builder| builder.lease(lease));
        group.run("key", |_| gate.work("dead")).await
    });
    runtime
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leaders_lease_ends_and_one_waiter_takes_over() {
    let Some(stage) = Stage::new() else { return };
    let gate = Gate::new();
    let process = leads_elsewhere(&stage, SHORT, &gate);
    gate.begun().await;
    let (one, two) = (stage.group(SHORT).await, stage.group(SHORT).await);
    let next = Gate::new();
    let work = next.clone();
    let one = tokio::spawn({
        let work = work.clone();
        async move { one.run_outcome("key", |_| work.work("next")).await }
    });
    let two = tokio::spawn(async move { two.run_outcome("key", |_| work.work("next")).await });
    stage.until_waited_for(2).await;
    // Nothing of it is sent any more: ABANDON would need its runtime.
    process.shutdown_background();
    next.begun().await;
    // The other one has joined the new flight: it receives what that lands.
    stage.until_waited_for(1).await;
    next.open();
    let (one, two) = (
        within(one).await.expect("no panic"),
        within(two).await.expect("no panic"),
    );
    let roles = [one.expect("a value"), two.expect("a value")].map(|outcome| outcome.role);
    assert!(
        roles.contains(&Role::Leader) && roles.contains(&Role::Remote),
        "{roles:?}"
    );
    assert_eq!(next.works(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_leader_loses_its_lease_and_learns_it() {
    let Some(stage) = Stage::new() else { return };
    let port = stage.redis.port();
    let (begun, waits) = (Gate::new(), stage.group(SHORT).await);
    let (started, resume) = std::sync::mpsc::channel::<()>();
    let gate = begun.clone();
    // A runtime of one thread that blocks: nothing of that process runs.
    let stopped = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async move {
            let group = over(&connect(port).await, |builder| builder.lease(SHORT));
            let work = async |lease: singleflight_redis::Lease| {
                assert!(lease.held());
                gate.open();
                gate.work("old").await;
                resume.recv().expect("it goes on");
                assert!(!lease.held(), "by its own clock");
                "old".to_owned()
            };
            group.run_outcome("key", work).await
        })
    });
    begun.begun().await;
    let outcome = within(waits.run_outcome("key", async |_| "new".to_owned())).await;
    let outcome = outcome.expect("a value");
    assert_eq!(
        (outcome.value.as_str(), outcome.role),
        ("new", Role::Leader)
    );
    started.send(()).expect("it waits");
    let old = thread::spawn(move || stopped.join())
        .join()
        .expect("it ends");
    let old = old.expect("no panic").expect("its own value");
    assert_eq!((old.value.as_str(), old.lease), ("old", Ended::Lost));
    assert!(
        old.token < outcome.token,
        "the fencing token tells who is newer"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partitioned_leader_learns_that_another_may_have_run() {
    let Some(stage) = Stage::new() else { return };
    let other = stage.group(SHORT).await;
    let (stage, wire) = stage.wired().await;
    let leader = stage.group(SHORT).await;
    let gate = Gate::new();
    let work = gate.clone();
    let leading =
        tokio::spawn(async move { leader.run_outcome("key", |_| work.work("old")).await });
    gate.begun().await;
    wire.refuse(true);
    wire.cut();
    let value = within(other.run("key", async |_| "new".to_owned())).await;
    assert_eq!(value.as_deref(), Ok("new"), "after the lease has ended");
    gate.open();
    let old = within(leading)
        .await
        .expect("no panic")
        .expect("its own value");
    assert_eq!(old.value, "old");
    assert!(
        matches!(old.lease, Ended::Lost | Ended::Unknown),
        "{:?}",
        old.lease
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_leader_is_followed_within_a_round_trip() {
    let Some(stage) = Stage::new() else { return };
    let leader = stage.group(LONG).await;
    let follower = stage.built(|builder| builder.lease(LONG).poll(LONG)).await;
    let gate = Gate::new();
    let work = gate.clone();
    let leading = tokio::spawn(async move { leader.run("key", |_| work.work("never")).await });
    gate.begun().await;
    let following =
        tokio::spawn(async move { follower.run("key", async |_| "next".to_owned()).await });
    stage.until_waited_for(1).await;
    leading.abort();
    let value = within(following).await.expect("no panic");
    assert_eq!(
        value.as_deref(),
        Ok("next"),
        "neither a lease nor a poll is waited for"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_leader_hands_over_in_its_own_process() {
    let Some(stage) = Stage::new() else { return };
    let group = stage.group(LONG).await;
    let gate = Gate::new();
    let (leader, work) = (group.clone(), gate.clone());
    let leading = tokio::spawn(async move { leader.run("key", |_| work.work("never")).await });
    gate.begun().await;
    let following =
        tokio::spawn(async move { group.run("key", async |_| "next".to_owned()).await });
    leading.abort();
    assert_eq!(
        within(following).await.expect("no panic").as_deref(),
        Ok("next")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_longer_than_its_lease_keeps_it() {
    let Some(stage) = Stage::new() else { return };
    let (leader, other) = (stage.group(SHORT).await, stage.group(SHORT).await);
    let gate = Gate::new();
    let work = gate.clone();
    let leading =
        tokio::spawn(async move { leader.run_outcome("key", |_| work.work("one")).await });
    gate.begun().await;
    let following =
        tokio::spawn(async move { other.run_outcome("key", async |_| "two".to_owned()).await });
    let begun = Instant::now();
    eventually(|| begun.elapsed() >= SHORT * 4).await;
    gate.open();
    let led = within(leading).await.expect("no panic").expect("a value");
    let followed = within(following).await.expect("no panic").expect("a value");
    if led.lease == Ended::Landed {
        assert_eq!(
            (followed.value.as_str(), followed.role),
            ("one", Role::Remote)
        );
    } else {
        // A machine that did not run us for two thirds of a lease.
        assert_eq!(led.lease, Ended::Lost);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_asks_once_which_run_of_the_server_it_is_and_again_in_doubt() {
    let Some(stage) = Stage::new() else { return };
    let group = stage.group(SHORT).await;
    // By INFO. What is asked here is counted the next time.
    let asked = || {
        let stats = stage.redis.command(&["INFO", "commandstats"]);
        let stats = stats.expect("it answers");
        let (_, calls) = stats.split_once("cmdstat_info:calls=").unwrap_or_default();
        let (calls, _) = calls.split_once(',').unwrap_or_default();
        calls.parse::<u32>().unwrap_or_default()
    };
    let call = async || {
        let before = asked();
        let value = within(group.run("key", async |_| "value".to_owned())).await;
        assert_eq!(value.as_deref(), Ok("value"));
        asked() - before - 1
    };
    assert_eq!((call().await, call().await), (0, 0));
    let lost = group.run_outcome("lost", async |lease| {
        stage.redis.command(&["FLUSHALL"]).expect("it answers");
        eventually(|| !lease.held()).await;
        "late".to_owned()
    });
    let lost = within(lost).await.expect("its own value");
    assert_eq!(lost.lease, Ended::Lost);
    // Its run, and what it was before it was promoted.
    assert_eq!((call().await, call().await), (2, 0));
}
