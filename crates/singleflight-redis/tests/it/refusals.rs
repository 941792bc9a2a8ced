//! The server refuses: rights that are missing, no memory, a replica, a script that runs too long.

use singleflight_redis::{Alone, CallError, Ended, Role, Runtime, Server, WhenDown};

use crate::stage::{Gate, LONG, Stage, eventually, over, within};

/// The answer of a call that Redis refuses, and that then runs here.
async fn is_refused(stage: &Stage) {
    let group = stage.group(LONG).await;
    let outcome = within(group.run_outcome("key", async |_| "here".to_owned())).await;
    assert_eq!(outcome.expect("a value").role, Role::Alone(Alone::Down));
    let strict = stage
        .built(|builder| builder.when_down(WhenDown::Fail))
        .await;
    let failed = within(strict.run("key", async |_| unreachable!("it fails"))).await;
    assert!(matches!(failed, Err(CallError::Down(_))), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_refuses_to_be_written() {
    let (Some(stage), Some(master)) = (Stage::new(), Stage::new()) else {
        return;
    };
    let port = master.redis.port().to_string();
    stage
        .redis
        .command(&["REPLICAOF", "127.0.0.1", &port])
        .expect("it answers");
    let info = || {
        stage
            .redis
            .command(&["INFO", "replication"])
            .unwrap_or_default()
    };
    eventually(|| info().contains("master_link_status:up")).await;
    is_refused(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_memory_refuses_and_nothing_is_left() {
    let Some(stage) = Stage::new() else { return };
    stage
        .redis
        .command(&["CONFIG", "SET", "maxmemory", "1"])
        .expect("it answers");
    is_refused(&stage).await;
    stage
        .redis
        .command(&["CONFIG", "SET", "maxmemory", "0"])
        .expect("it answers");
    assert_eq!(stage.keys(), ":0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_landing_that_is_refused_gives_the_lease_up() {
    let Some(stage) = Stage::new() else { return };
    let (leader, follower) = (stage.group(LONG).await, stage.group(LONG).await);
    let gate = Gate::new();
    let work = gate.clone();
    let leading =
        tokio::spawn(async move { leader.run_outcome("key", |_| work.work("one")).await });
    gate.begun().await;
    let following = tokio::spawn(async move {
        follower
            .run_outcome("key", async |_| "own".to_owned())
            .await
    });
    stage.until_waited_for(1).await;
    stage
        .redis
        .command(&["CONFIG", "SET", "maxmemory", "1"])
        .expect("it answers");
    gate.open();
    let led = within(leading)
        .await
        .expect("no panic")
        .expect("its own value");
    assert_eq!((led.value.as_str(), led.lease), ("one", Ended::Lost));
    let own = within(following).await.expect("no panic").expect("a value");
    assert_eq!(
        (own.value.as_str(), own.role),
        ("own", Role::Alone(Alone::Down))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_server_is_down() {
    let Some(stage) = Stage::with(&["--lua-time-limit", "10"]) else {
        return;
    };
    let group = stage.group(LONG).await;
    let port = stage.redis.port();
    let endless = std::thread::spawn(move || {
        singleflight_arena::command(port, &["EVAL", "while true do end", "0"])
    });
    eventually(|| {
        stage
            .redis
            .command(&["PING"])
            .is_ok_and(|pong| pong.starts_with("-BUSY"))
    })
    .await;
    let outcome = within(group.run_outcome("key", async |_| "here".to_owned())).await;
    assert_eq!(outcome.expect("a value").role, Role::Alone(Alone::Down));
    stage
        .redis
        .command(&["SCRIPT", "KILL"])
        .expect("it answers");
    endless.join().expect("no panic").expect("it was killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_publish_followers_poll() {
    let Some(stage) = Stage::new() else { return };
    let rights = [
        "ACL",
        "SETUSER",
        "narrow",
        "on",
        ">word",
        "~*",
        "+@all",
        "resetchannels",
        "&sfi:none",
    ];
    let set = stage.redis.command(&rights).expect("it answers");
    assert!(set.starts_with("+OK"), "{set}");
    let url = format!("redis://narrow:word@127.0.0.1:{}/", stage.redis.port());
    let client = redis::Client::open(url).expect("an address");
    let server = Server::builder(client, Runtime::Tokio)
        .lazy()
        .expect("a runtime");
    let leader = over(&server, |builder| builder.lease(LONG));
    let follower = stage.group(LONG).await;
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
    gate.open();
    let led = within(leading).await.expect("no panic").expect("a value");
    assert_eq!(led.lease, Ended::Landed);
    assert_eq!(
        within(following).await.expect("no panic").as_deref(),
        Ok("one")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_denied_leaves_no_lease_behind() {
    let Some(stage) = Stage::new() else { return };
    for denied in ["-pexpire", "-hset", "-evalsha"] {
        let rights = [
            "ACL", "SETUSER", "narrow", "reset", "on", ">word", "~*", "&*", "+@all", denied,
        ];
        let set = stage.redis.command(&rights).expect("it answers");
        assert!(set.starts_with("+OK"), "{set}");
        let url = format!("redis://narrow:word@127.0.0.1:{}/", stage.redis.port());
        let client = redis::Client::open(url).expect("an address");
        let server = Server::connect(client, Runtime::Tokio)
            .await
            .expect("it is there");
        let group = over(&server, |builder| builder);
        let outcome = within(group.run_outcome("key", async |_| "here".to_owned())).await;
        assert_eq!(
            outcome.expect("a value").role,
            Role::Alone(Alone::Down),
            "{denied}"
        );
        assert_eq!(stage.keys(), ":0", "{denied}");
    }
}

/// What the crate's page says that a user of its own needs.
const RIGHTS: &str = "~sf1:* &sfi:* +evalsha +eval +info +subscribe +publish +time \
    +hset +hget +hmget +hkeys +del +pexpire +pexpireat +pttl +set +get +exists +sadd +sismember";

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_that_are_named_suffice() {
    let Some(stage) = Stage::new() else { return };
    let user = ["ACL", "SETUSER", "narrow", "reset", "on", ">word"];
    let rights: Vec<_> = user.into_iter().chain(RIGHTS.split_whitespace()).collect();
    let set = stage.redis.command(&rights).expect("it answers");
    assert!(set.starts_with("+OK"), "{set}");
    let url = format!("redis://narrow:word@127.0.0.1:{}/", stage.redis.port());
    let group = async || {
        let client = redis::Client::open(url.as_str()).expect("an address");
        let server = Server::connect(client, Runtime::Tokio).await;
        let server = server.expect("it may subscribe");
        over(&server, |builder| builder.lease(LONG).poll(LONG))
    };
    let (leader, follower) = (group().await, group().await);
    assert_eq!(leader.forget("key").await, Ok(false));
    let gate = Gate::new();
    let work = gate.clone();
    let leading =
        tokio::spawn(async move { leader.run_outcome("key", |_| work.work("one")).await });
    gate.begun().await;
    let following = tokio::spawn(async move {
        let call = follower.run_outcome("key", async |_| unreachable!("one leads"));
        call.await
    });
    stage.until_waited_for(1).await;
    gate.open();
    let led = within(leading).await.expect("no panic").expect("a value");
    assert_eq!(led.lease, Ended::Landed);
    let received = within(following).await.expect("no panic").expect("a value");
    assert_eq!(
        (received.value.as_str(), received.role),
        ("one", Role::Remote)
    );
}
