//! The server is down, slow, restarted, failed over, flushed; answers and messages are lost.

use std::time::{Duration, Instant};

use singleflight_redis::{Alone, CallError, Ended, Role, WhenDown};

use crate::stage::{
    Gate, LONG, PATIENCE, RESPONSE_TIMEOUT, SHORT, Stage, eventually, over, within,
};

#[tokio::test(flavor = "multi_thread")]
async fn with_redis_down_the_work_runs_here_and_says_so() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    let group = stage.group(LONG).await;
    stage.redis.kill();
    let gate = Gate::new();
    let (leader, work) = (group.clone(), gate.clone());
    let leading =
        tokio::spawn(async move { leader.run_outcome("key", |_| work.work("here")).await });
    gate.begun().await;
    let second = tokio::spawn({
        let (group, gate) = (group.clone(), gate.clone());
        async move { group.run_outcome("key", |_| gate.work("here")).await }
    });
    tokio::task::yield_now().await;
    gate.open();
    gate.open();
    for call in [leading, second] {
        let outcome = within(call).await.expect("no panic").expect("a value");
        assert_eq!(
            (outcome.value.as_str(), outcome.lease),
            ("here", Ended::None)
        );
        assert_eq!(
            (outcome.role, outcome.token),
            (Role::Alone(Alone::Down), None)
        );
    }
    stage.redis.start_again().expect("it starts");
    within(async {
        loop {
            let outcome = group.run_outcome("key", async |_| "led".to_owned()).await;
            if outcome.expect("a value").role == Role::Leader {
                break;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_redis_down_a_group_may_fail() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    let group = stage
        .built(|builder| builder.when_down(WhenDown::Fail))
        .await;
    stage.redis.kill();
    let failed = within(group.run("key", async |_| unreachable!("it fails"))).await;
    assert!(matches!(failed, Err(CallError::Down(_))), "{failed:?}");
    assert!(group.forget("key").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_down_at_landing_is_told_when_the_lease_has_ended() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    let group = stage.group(SHORT).await;
    let gate = Gate::new();
    let work = gate.clone();
    let leading = tokio::spawn(async move { group.run_outcome("key", |_| work.work("one")).await });
    gate.begun().await;
    stage.redis.kill();
    gate.open();
    let outcome = within(leading)
        .await
        .expect("no panic")
        .expect("its own value");
    assert_eq!(
        (outcome.value.as_str(), outcome.lease),
        ("one", Ended::Unknown)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_costs_time_and_no_second_work() {
    let Some(stage) = Stage::new() else { return };
    let group = stage.group(LONG).await;
    let gate = Gate::new();
    let work = gate.clone();
    let leading = tokio::spawn(async move { group.run_outcome("key", |_| work.work("one")).await });
    gate.begun().await;
    stage.redis.pause(true);
    gate.open();
    let paused = Instant::now();
    eventually(|| paused.elapsed() > RESPONSE_TIMEOUT).await;
    stage.redis.pause(false);
    let outcome = within(leading).await.expect("no panic").expect("a value");
    // The first LAND was given up, and carried out all the same; nobody waited, so nothing tells.
    assert_eq!(outcome.value, "one");
    assert!(
        matches!(outcome.lease, Ended::Landed | Ended::Unknown),
        "{:?}",
        outcome.lease
    );
    assert_eq!(gate.works(), 1);
}

/// Where nobody can tell whether a landing was carried out, its value is held back this long.
const LEASE: Duration = Duration::from_secs(3);

/// Everything the server knew is gone while a work runs.
async fn loses_its_lease(stage: &mut Stage, wipe: impl FnOnce(&mut Stage)) {
    let (leader, other) = (stage.group(LEASE).await, stage.group(LEASE).await);
    let gate = Gate::new();
    let work = gate.clone();
    let leading =
        tokio::spawn(async move { leader.run_outcome("key", |_| work.work("old")).await });
    gate.begun().await;
    let following = tokio::spawn(async move {
        within(async {
            loop {
                let outcome = other.run_outcome("key", async |_| "new".to_owned()).await;
                let outcome = outcome.expect("a value");
                // While it restarts, it is down.
                if outcome.role != Role::Alone(Alone::Down) {
                    break outcome;
                }
            }
        })
        .await
    });
    stage.until_waited_for(1).await;
    wipe(stage);
    let new = within(following).await.expect("no panic");
    assert_eq!(
        (new.value.as_str(), new.role, new.lease),
        ("new", Role::Leader, Ended::Landed)
    );
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
async fn a_flush_costs_a_second_work_and_the_first_learns_it() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    loses_its_lease(&mut stage, |stage| {
        stage.redis.command(&["FLUSHALL"]).expect("it answers");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_costs_a_second_work_and_the_first_learns_it() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    loses_its_lease(&mut stage, |stage| {
        stage.redis.kill();
        stage.redis.start_again().expect("it starts");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_with_its_file_undoes_neither_a_landing_nor_a_forget() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    loses_its_lease(&mut stage, |stage| {
        // The file has the lease: the next run must not honour it.
        stage.redis.command(&["SAVE"]).expect("it answers");
        stage.redis.kill();
        stage.redis.start_again().expect("it starts");
        assert_ne!(stage.keys(), ":0", "it came back with the file");
    })
    .await;
}

/// A failover to a replica that has the lease, or has not.
async fn fails_over(has_the_lease: bool) {
    let Some(stage) = Stage::new() else { return };
    let Some(replica) = Stage::new() else { return };
    let (mut stage, wire) = stage.wired().await;
    let port = stage.redis.port().to_string();
    let info = |redis: &singleflight_arena::Server| {
        redis.command(&["INFO", "replication"]).unwrap_or_default()
    };
    let follows = ["REPLICAOF", "127.0.0.1", &port];
    if has_the_lease {
        replica.redis.command(&follows).expect("it answers");
        eventually(|| info(&replica.redis).contains("master_link_status:up")).await;
    }
    loses_its_lease(&mut stage, |stage| {
        if has_the_lease {
            // `WAIT` waits for what its own connection has written, and that is nothing.
            let begun = Instant::now();
            while replica.keys() == ":0" {
                assert!(
                    begun.elapsed() < PATIENCE,
                    "the replica never had the lease"
                );
            }
        }
        stage.redis.pause(true);
        replica
            .redis
            .command(&["REPLICAOF", "NO", "ONE"])
            .expect("it answers");
        wire.turn(replica.redis.port());
        wire.cut();
    })
    .await;
    stage.redis.pause(false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_with_the_lease_costs_a_second_work() {
    fails_over(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_without_the_lease_costs_a_second_work() {
    fails_over(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_demoted_and_promoted_again_honours_no_old_lease() {
    let Some(stage) = Stage::new() else { return };
    let Some(other) = Stage::new() else { return };
    let (mut stage, wire) = stage.wired().await;
    loses_its_lease(&mut stage, |stage| {
        let (first, second) = (&stage.redis, &other.redis);
        wire.turn(second.port());
        wire.cut();
        // A replica copies its master after 5 s at the earliest, and has its own data until then.
        let port = second.port().to_string();
        let answer = first.command(&["REPLICAOF", "127.0.0.1", &port]);
        assert!(answer.expect("it answers").starts_with("+OK"));
        let answer = first.command(&["REPLICAOF", "NO", "ONE"]);
        assert!(answer.expect("it answers").starts_with("+OK"));
        assert_ne!(stage.keys(), ":0", "it still has the lease");
        wire.turn(first.port());
        wire.cut();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_message_costs_a_poll() {
    let Some(stage) = Stage::new() else { return };
    let (leader, follower) = (stage.group(LONG).await, stage.group(LONG).await);
    let gate = Gate::new();
    let work = gate.clone();
    let leading = tokio::spawn(async move { leader.run("key", |_| work.work("one")).await });
    gate.begun().await;
    let polls = follower.clone();
    let following =
        tokio::spawn(async move { polls.run("key", async |_| unreachable!("one leads")).await });
    stage.until_waited_for(1).await;
    // Nobody hears anything: every subscription is gone, and its successors too.
    let deaf = || {
        stage
            .redis
            .command(&["CLIENT", "KILL", "TYPE", "pubsub"])
            .expect("it answers")
    };
    deaf();
    gate.open();
    deaf();
    assert_eq!(
        within(leading).await.expect("no panic").as_deref(),
        Ok("one")
    );
    assert_eq!(
        within(following).await.expect("no panic").as_deref(),
        Ok("one")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_connections_are_made_anew() {
    let Some(stage) = Stage::new() else { return };
    let group = stage.group(LONG).await;
    let gate = Gate::new();
    let (leader, work) = (group.clone(), gate.clone());
    let leading =
        tokio::spawn(async move { leader.run_outcome("key", |_| work.work("one")).await });
    gate.begun().await;
    // A connection that has subscribed is one of these; the one that asks is not.
    let killed = ["pubsub", "normal"].map(|kind| {
        let kill = ["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"];
        stage.redis.command(&kill).expect("it answers")
    });
    assert!(
        killed.iter().any(|answer| !answer.starts_with(":0")),
        "{killed:?}"
    );
    gate.open();
    let outcome = within(leading).await.expect("no panic").expect("a value");
    assert_eq!(outcome.value, "one");
    assert!(
        matches!(outcome.lease, Ended::Landed | Ended::Unknown),
        "{:?}",
        outcome.lease
    );
    let again = group
        .run_outcome("key", async |_| "two".to_owned())
        .await
        .expect("a value");
    assert_eq!(again.role, Role::Leader);
}

/// Not at their next poll, which is long after what they wait for.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_look_when_their_connection_breaks() {
    let Some(stage) = Stage::new() else { return };
    let seldom = async || stage.built(|builder| builder.lease(LONG).poll(LONG)).await;
    let (leader, follower) = (seldom().await, seldom().await);
    let gate = Gate::new();
    let work = gate.clone();
    let leading = tokio::spawn(async move { leader.run("key", |_| work.work("one")).await });
    gate.begun().await;
    let following = tokio::spawn(async move {
        follower
            .run("key", async |_| unreachable!("one leads"))
            .await
    });
    stage.until_waited_for(1).await;
    let kill = ["CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"];
    let killed = stage.redis.command(&kill).expect("it answers");
    assert!(killed.starts_with(":2"), "{killed}");
    gate.open();
    for call in [leading, following] {
        let value = within(call).await.expect("no panic");
        assert_eq!(value.as_deref(), Ok("one"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_the_server_does_not_know_are_sent_again() {
    let Some(stage) = Stage::new() else { return };
    let group = stage.group(LONG).await;
    for _ in 0..2 {
        stage
            .redis
            .command(&["SCRIPT", "FLUSH"])
            .expect("it answers");
        let outcome = group.run_outcome("key", async |_| "one".to_owned()).await;
        assert_eq!(outcome.expect("a value").lease, Ended::Landed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_join_makes_no_second_leader() {
    let Some(stage) = Stage::new() else { return };
    let (stage, wire) = stage.wired().await;
    let server = stage.server().await;
    let group = over(&server, |builder| builder.lease(LONG));
    wire.hold(true, Duration::from_millis(700));
    let outcome = within(group.run_outcome("key", async |_| "one".to_owned())).await;
    let outcome = outcome.expect("a value");
    // Its second JOIN finds the lease of the first; or it was down for as long as nothing answered.
    assert!(
        matches!(outcome.role, Role::Leader | Role::Alone(Alone::Down)),
        "{outcome:?}"
    );
    eventually(|| {
        stage
            .redis
            .command(&["KEYS", "*}"])
            .is_ok_and(|keys| keys.starts_with("*0"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_land_is_found_if_somebody_waited() {
    let Some(stage) = Stage::new() else { return };
    let follower = stage.group(LONG).await;
    let (stage, wire) = stage.wired().await;
    let leader = stage.group(LONG).await;
    let gate = Gate::new();
    let work = gate.clone();
    let leading =
        tokio::spawn(async move { leader.run_outcome("key", |_| work.work("one")).await });
    gate.begun().await;
    let following = tokio::spawn(async move {
        follower
            .run("key", async |_| unreachable!("one leads"))
            .await
    });
    stage.until_waited_for(1).await;
    wire.hold(true, Duration::from_millis(700));
    gate.open();
    assert_eq!(
        within(following).await.expect("no panic").as_deref(),
        Ok("one")
    );
    let outcome = within(leading).await.expect("no panic").expect("a value");
    assert_eq!(
        (outcome.value.as_str(), outcome.lease),
        ("one", Ended::Landed)
    );
}

#[test]
fn no_wall_clock_is_read() {
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for directory in [sources.clone(), sources.join("server")] {
        for file in std::fs::read_dir(directory).expect("the sources are there") {
            let path = file.expect("a file").path();
            if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).expect("a text");
                assert!(!text.contains("SystemTime"), "{}", path.display());
            }
        }
    }
}
