//! The verbs, when nothing goes wrong.

use std::time::Duration;

use futures_lite::future::poll_once;
use singleflight_redis::{CallError, Ended, Group, Role, Runtime, Server};

use crate::stage::{Gate, LONG, Stage, eventually, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_call_takes_two_round_trips_and_leaves_no_key() {
    let Some(stage) = Stage::new() else { return };
    let server = stage.server().await;
    let group = crate::stage::over(&server, |builder| builder);
    for round in 0..3 {
        let outcome = group.run_outcome("key", async |_| "value".to_owned()).await;
        let outcome = outcome.expect("nothing goes wrong");
        assert_eq!(outcome.value, "value");
        assert_eq!((outcome.role, outcome.lease), (Role::Leader, Ended::Landed));
        assert_eq!(server.round_trips(), 2 * (round + 1));
    }
    assert_eq!(stage.keys(), ":0");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_one_work_and_two_round_trips_each() {
    let Some(stage) = Stage::new() else { return };
    let gate = Gate::new();
    let leader = stage.group(LONG).await;
    let work = gate.clone();
    let leading =
        tokio::spawn(async move { leader.run_outcome("key", |_| work.work("one")).await });
    gate.begun().await;
    let mut others = Vec::new();
    for _ in 0..4 {
        let server = stage.server().await;
        let group = crate::stage::over(&server, |builder| builder.lease(LONG).poll(LONG));
        others.push(tokio::spawn(async move {
            let outcome = group
                .run_outcome("key", async |_| unreachable!("one leads"))
                .await;
            (outcome, server.round_trips())
        }));
    }
    stage.until_waited_for(4).await;
    gate.open();
    let led = within(leading).await.expect("no panic").expect("a value");
    assert_eq!((led.role, led.lease), (Role::Leader, Ended::Landed));
    for other in others {
        let (outcome, round_trips) = within(other).await.expect("no panic");
        let outcome = outcome.expect("a value");
        assert_eq!(
            (outcome.value.as_str(), outcome.role),
            ("one", Role::Remote)
        );
        assert_eq!((outcome.lease, round_trips), (Ended::Landed, 2));
    }
    assert_eq!(gate.works(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_of_one_process_send_one_pair_of_scripts() {
    let Some(stage) = Stage::new() else { return };
    let server = stage.server().await;
    let group = crate::stage::over(&server, |builder| builder.lease(LONG));
    let gate = Gate::new();
    let mut calls: Vec<_> = (0..20)
        .map(|_| Box::pin(group.run("key", |_| gate.clone().work("one"))))
        .collect();
    for call in &mut calls {
        assert!(poll_once(call).await.is_none());
    }
    gate.open();
    for call in calls {
        assert_eq!(within(call).await.as_deref(), Ok("one"));
    }
    assert_eq!((gate.works(), server.round_trips()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_stay_with_their_callers_and_are_bounded_across_processes() {
    let Some(stage) = Stage::new() else { return };
    let gate = Gate::new();
    let first = stage.group(LONG).await;
    let work = gate.clone();
    let failing = tokio::spawn(async move {
        let work = |_| async {
            work.work("").await;
            Err::<String, _>("first")
        };
        first.try_run("key", work).await
    });
    gate.begun().await;
    let mut others = Vec::new();
    for _ in 0..4 {
        let group = stage.group(LONG).await;
        others.push(tokio::spawn(async move {
            group
                .try_run("key", async |_| Err::<String, _>("another"))
                .await
        }));
    }
    stage.until_waited_for(4).await;
    gate.open();
    assert_eq!(within(failing).await.expect("no panic"), Ok(Err("first")));
    let (mut own, mut told) = (0, 0);
    for other in others {
        match within(other).await.expect("no panic") {
            Ok(Err("another")) => own += 1,
            Err(CallError::TooManyFailures { failures: 3 }) => told += 1,
            other => panic!("{other:?}"),
        }
    }
    // The third failure in a row is told to those who wait then; one that had not yet joined the
    // third flight begins a new row.
    assert!(own >= 2 && own + told == 4, "{own} tried, {told} were told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_told_elsewhere_at_once() {
    let Some(stage) = Stage::new() else { return };
    let (leader, follower) = (stage.group(LONG).await, stage.group(LONG).await);
    let gate = Gate::new();
    let work = gate.clone();
    let leading = tokio::spawn(async move {
        let work = |_| async {
            work.work("").await;
            panic!("the text {}", "x".repeat(500))
        };
        leader.run("key", work).await
    });
    gate.begun().await;
    let following = tokio::spawn(async move {
        follower
            .run("key", async |_| unreachable!("one leads"))
            .await
    });
    stage.until_waited_for(1).await;
    gate.open();
    assert!(within(leading).await.expect_err("it panics").is_panic());
    match within(following).await.expect("no panic") {
        Err(CallError::LeaderPanicked(text)) => {
            assert!(
                text.starts_with("the text xx") && text.len() == 256,
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_holds_no_address() {
    let Some(stage) = Stage::new() else { return };
    let server = stage.server().await;
    let trips = server.round_trips();
    assert_eq!(
        format!("{server:?}"),
        format!("Server {{ target: standalone, round_trips: {trips}, .. }}")
    );
    let builder = Group::<str, String>::builder(&server, "shown:v1");
    let shown = format!("{builder:?}");
    assert!(
        shown.starts_with("Builder { settings: Settings { lease: 5s, "),
        "{shown}"
    );
    let group = crate::stage::over(&server, |builder| builder);
    let shown = format!("{group:?}");
    assert!(
        shown.starts_with("Group { settings: Settings { "),
        "{shown}"
    );
    assert!(shown.contains("stats: Stats { landed_here: 0, "), "{shown}");
    let call = group.call("key").timeout(Duration::from_secs(7));
    assert_eq!(format!("{call:?}"), "Call { timeout: Some(7s), .. }");
    let lease = call.run(async |lease| format!("{lease:?}")).await;
    let lease = lease.expect("nothing goes wrong");
    assert!(lease.ends_with("clock: Engine }"), "{lease}");
}

#[tokio::test(flavor = "multi_thread")]
async fn try_lead_stands_down_if_anybody_leads() {
    let Some(stage) = Stage::new() else { return };
    let (here, there) = (stage.group(LONG).await, stage.group(LONG).await);
    let gate = Gate::new();
    let (leader, work) = (here.clone(), gate.clone());
    let leading = tokio::spawn(async move { leader.run("key", |_| work.work("one")).await });
    gate.begun().await;
    for group in [&here, &there] {
        let refused = group
            .try_lead("key", async |_| unreachable!("one leads"))
            .await;
        assert_eq!(refused, Ok(None));
    }
    // One that has joined it in its process goes on waiting.
    let group = there.clone();
    let waiting = tokio::spawn(async move {
        let stands_down = group.try_lead("key", async |_| unreachable!("one leads"));
        let waits = group.run("key", async |_| unreachable!("one leads"));
        tokio::join!(stands_down, waits)
    });
    stage.until_waited_for(1).await;
    gate.open();
    assert_eq!(
        within(leading).await.expect("no panic").as_deref(),
        Ok("one")
    );
    let (stood_down, waited) = within(waiting).await.expect("no panic");
    assert_eq!((stood_down, waited.as_deref()), (Ok(None), Ok("one")));
    let led = there
        .try_lead("key", async |_| "two".to_owned())
        .await
        .expect("a value");
    assert_eq!(led.expect("nobody leads").value, "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_ends_the_wait_and_the_work_and_gives_the_lease_up() {
    let Some(stage) = Stage::new() else { return };
    let (leader, follower) = (stage.group(LONG).await, stage.group(LONG).await);
    let gate = Gate::new();
    let work = gate.clone();
    let leading = tokio::spawn(async move {
        let call = leader.call("key").timeout(Duration::from_millis(400));
        call.run(|_| work.work("never")).await
    });
    gate.begun().await;
    let short = follower.call("key").timeout(Duration::from_millis(1));
    assert_eq!(
        short.run(async |_| "x".to_owned()).await,
        Err(CallError::TimedOut)
    );
    let value = within(follower.run("key", async |_| "mine".to_owned())).await;
    assert_eq!(
        value.as_deref(),
        Ok("mine"),
        "long before the lease would end"
    );
    assert_eq!(
        within(leading).await.expect("no panic"),
        Err(CallError::TimedOut)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_from_inside_its_own_work_is_refused() {
    let Some(stage) = Stage::new() else { return };
    let group = stage.group(LONG).await;
    let inner = group.clone();
    let work = async |_| match inner.run("key", async |_| "inner".to_owned()).await {
        Err(CallError::Reentrant) => "refused".to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        within(group.run("key", work)).await.as_deref(),
        Ok("refused")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_group_gives_up_what_is_left() {
    let Some(stage) = Stage::new() else { return };
    let (leader, other) = (stage.group(LONG).await, stage.group(LONG).await);
    let gate = Gate::new();
    let (leading, work) = (leader.clone(), gate.clone());
    let leading =
        tokio::spawn(async move { leading.run_outcome("key", |_| work.work("old")).await });
    gate.begun().await;
    assert_eq!(within(leader.drain(Duration::from_millis(50))).await, 1);
    let closed = leader.run("other", async |_| String::new()).await;
    assert_eq!(closed, Err(CallError::Closed));
    let value = within(other.run("key", async |_| "new".to_owned())).await;
    assert_eq!(
        value.as_deref(),
        Ok("new"),
        "long before the lease would end"
    );
    gate.open();
    let outcome = within(leading)
        .await
        .expect("no panic")
        .expect("its own value");
    assert_eq!(
        (outcome.value.as_str(), outcome.lease),
        ("old", Ended::Lost)
    );
    assert_eq!(within(leader.drain(Duration::from_secs(5))).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_work_serves_those_who_came_before() {
    let Some(stage) = Stage::new() else { return };
    let (leader, other) = (stage.group(LONG).await, stage.group(LONG).await);
    let gate = Gate::new();
    let (leading, work) = (leader.clone(), gate.clone());
    let leading =
        tokio::spawn(async move { leading.run_outcome("key", |_| work.work("old")).await });
    gate.begun().await;
    let waiting = other.clone();
    let waiting = tokio::spawn(async move { waiting.run("key", async |_| "new".to_owned()).await });
    stage.until_waited_for(1).await;
    assert_eq!(other.forget("key").await, Ok(true));
    assert_eq!(
        within(waiting).await.expect("no panic").as_deref(),
        Ok("new"),
        "it joins anew"
    );
    let value = within(leader.run("elsewhere", async |_| "x".to_owned())).await;
    assert_eq!(value.as_deref(), Ok("x"));
    gate.open();
    let outcome = within(leading)
        .await
        .expect("no panic")
        .expect("its own value");
    assert_eq!(
        (outcome.value.as_str(), outcome.lease),
        ("old", Ended::Lost)
    );
    assert_eq!(leader.forget("key").await, Ok(false));
    eventually(|| stage.keys() == ":0").await;
}

#[test]
fn it_runs_on_smol() {
    let Some(stage) = Stage::new() else { return };
    smol::block_on(async {
        let client = redis::Client::open(stage.redis.url()).expect("an address");
        let server = Server::connect(client, Runtime::Smol)
            .await
            .expect("it is there");
        let group = crate::stage::over(&server, |builder| builder);
        let outcome = group.run_outcome("key", async |lease| {
            assert!(lease.held() && lease.token().is_some());
            "value".to_owned()
        });
        let outcome = outcome.await.expect("nothing goes wrong");
        assert_eq!(
            (outcome.value.as_str(), outcome.lease),
            ("value", Ended::Landed)
        );
    });
}
