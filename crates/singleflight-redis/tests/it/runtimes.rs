//! The runtime on which a server keeps its connections has ended.

use std::time::Duration;

use futures_lite::future::{or, poll_once};
use singleflight_redis::{CallError, Role, WhenDown};
use tokio::runtime::Runtime;

use crate::stage::{Gate, LONG, PATIENCE, Stage, eventually, within};

/// What the runtime of its connections did, that of the next call does; outside of any, Redis is down.
/// A call that was there before ends all the same.
#[test]
fn a_server_outlives_its_runtime() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let made = Runtime::new().expect("there are threads");
    let group = made.block_on(stage.built(|builder| builder.when_down(WhenDown::Fail)));
    let elsewhere = Runtime::new().expect("there are threads");
    let gate = Gate::new();
    let leading = elsewhere.spawn({
        let (group, gate) = (group.clone(), gate.clone());
        async move { group.run("led", |_| gate.work("led")).await }
    });
    elsewhere.block_on(gate.begun());
    made.shutdown_timeout(PATIENCE);
    gate.open();
    let led = elsewhere.block_on(within(leading)).expect("no panic");
    assert_eq!(led.as_deref(), Ok("led"));
    for number in 0..3 {
        let call = group.run_outcome("new", async |_| number.to_string());
        let outcome = elsewhere.block_on(within(call)).expect("it is led");
        assert_eq!(
            (outcome.value, outcome.role),
            (number.to_string(), Role::Leader)
        );
    }
    elsewhere.shutdown_timeout(PATIENCE);

    let answer = smol::block_on(group.run("new", async |_| unreachable!("it is down")));
    assert!(matches!(answer, Err(CallError::Down(_))), "{answer:?}");
    assert!(smol::block_on(group.forget("new")).is_err());
    assert_eq!(smol::block_on(group.drain(PATIENCE)), 0);
}

/// Its time is told all the same, by a thread.
#[test]
fn a_call_that_waits_gives_up_though_its_runtime_is_gone() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let made = Runtime::new().expect("there are threads");
    let short = Duration::from_millis(200);
    let group = made.block_on(stage.built(|builder| builder.wait_at_most(short)));
    let gate = Gate::new();
    let elsewhere = Runtime::new().expect("there are threads");
    let leading = elsewhere.spawn({
        let (group, gate) = (group.clone(), gate.clone());
        async move { group.run("key", |_| gate.work("led")).await }
    });
    elsewhere.block_on(gate.begun());
    made.shutdown_timeout(PATIENCE);
    let waits = smol::block_on(group.run("key", async |_| unreachable!("it follows")));
    assert_eq!(waits, Err(CallError::TimedOut));
    gate.open();
    assert!(
        elsewhere
            .block_on(within(leading))
            .expect("no panic")
            .is_ok()
    );
}

/// It waits for an answer, and goes on elsewhere.
#[test]
fn a_call_outlives_the_runtime_that_it_was_polled_on() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let made = Runtime::new().expect("there are threads");
    let group = made.block_on(stage.built(|builder| builder));
    made.shutdown_timeout(PATIENCE);
    let elsewhere = Runtime::new().expect("there are threads");
    let connects = group.run("first", async |_| "one".to_owned());
    assert!(elsewhere.block_on(within(connects)).is_ok());
    stage.redis.pause(true);
    let short = Runtime::new().expect("there are threads");
    let mut call = Box::pin(group.run("key", async |_| "two".to_owned()));
    assert!(short.block_on(poll_once(&mut call)).is_none());
    short.shutdown_timeout(PATIENCE);
    let answer = elsewhere.block_on(poll_once(&mut call));
    stage.redis.pause(false);
    let answer = answer.unwrap_or_else(|| elsewhere.block_on(within(call)));
    assert_eq!(answer.as_deref(), Ok("two"));
}

/// Each has a timer of the runtime that it is polled on.
#[cfg(target_os = "linux")]
#[test]
fn calls_take_no_threads_though_the_runtime_of_their_server_is_gone() {
    const CALLS: usize = 300;

    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task");
        tasks.expect("Linux lists them").count()
    };
    let Some(stage) = Stage::new() else {
        return;
    };
    let made = Runtime::new().expect("there are threads");
    let group = made.block_on(stage.built(|builder| builder));
    made.shutdown_timeout(PATIENCE);
    let elsewhere = Runtime::new().expect("there are threads");
    let gate = Gate::new();
    let run = async {
        let mut calls: Vec<_> = (0..CALLS)
            .map(|_| Box::pin(group.run("key", |_| gate.clone().work("led"))))
            .collect();
        assert!(poll_once(&mut calls[0]).await.is_none());
        let (leads, waits) = calls.split_first_mut().expect("there are some");
        or(leads, async {
            gate.begun().await;
            Ok(String::new())
        })
        .await
        .expect("it has begun");
        let before = threads();
        for call in waits {
            assert!(poll_once(call).await.is_none());
        }
        // Other tests have threads, too.
        let more = threads().saturating_sub(before);
        assert!(more < CALLS / 2, "{more}");
        gate.open();
        for call in calls {
            assert_eq!(call.await.as_deref(), Ok("led"));
        }
    };
    elsewhere.block_on(within(run));
    assert_eq!(gate.works(), 1);
}

#[test]
fn a_group_that_is_dropped_leaves_no_task() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let runtime = Runtime::new().expect("there are threads");
    let group = runtime.block_on(stage.built(|builder| builder));
    let call = group.run("key", async |_| "value".to_owned());
    assert!(runtime.block_on(within(call)).is_ok());
    let tasks = || runtime.metrics().num_alive_tasks();
    assert!(tasks() > 0);
    drop(group);
    runtime.block_on(eventually(|| tasks() == 0));
}

/// Where no runtime is there to tell the time.
#[cfg(target_os = "linux")]
#[test]
fn a_call_that_is_dropped_leaves_no_thread() {
    // Those of other tests end by themselves.
    let sleepers = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("Linux lists them");
        let name = |task: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
        };
        let names = tasks.filter_map(name);
        names.filter(|name| name.trim() == "singleflight").count()
    };
    let Some(stage) = Stage::new() else {
        return;
    };
    let made = Runtime::new().expect("there are threads");
    let group = made.block_on(stage.built(|builder| builder.wait_at_most(LONG)));
    let gate = Gate::new();
    let elsewhere = Runtime::new().expect("there are threads");
    elsewhere.spawn({
        let (group, gate) = (group.clone(), gate.clone());
        async move { group.run("key", |_| gate.work("led")).await }
    });
    elsewhere.block_on(gate.begun());
    made.shutdown_timeout(PATIENCE);
    let mut waits = Box::pin(group.run("key", async |_| unreachable!("it follows")));
    assert!(smol::block_on(poll_once(&mut waits)).is_none());
    elsewhere.block_on(eventually(|| sleepers() > 0));
    drop(waits);
    elsewhere.block_on(eventually(|| sleepers() == 0));
}
