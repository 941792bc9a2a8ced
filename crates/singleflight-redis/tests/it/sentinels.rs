//! A master, its replica and a sentinel, which makes the replica the master.

use std::time::Duration;

use redis::sentinel::{SentinelClient, SentinelServerType};
use singleflight_arena::{Server as Redis, for_test, program};
use singleflight_redis::{Alone, Ended, Outcome, Role, Runtime, Server, Target};

use crate::stage::{Gate, LONG, Texts, eventually, over, within};

/// Each is gone when this is.
struct Watched {
    master: Redis,
    replica: Redis,
    sentinel: Redis,
}

impl Watched {
    /// Waits until the sentinel knows a replica that is in step.
    async fn new() -> Option<Self> {
        let options = ["--repl-diskless-sync-delay", "0"];
        let (master, replica) = (for_test(&options)?, for_test(&options)?);
        let port = master.port().to_string();
        let answer = replica.command(&["REPLICAOF", "127.0.0.1", &port]);
        assert!(answer.expect("it answers").starts_with("+OK"));
        let info = || replica.command(&["INFO", "replication"]);
        eventually(|| info().is_ok_and(|info| info.contains("master_link_status:up"))).await;
        let file = format!(
            "sentinel monitor main 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 5000\n"
        );
        let program = program().expect("the master is one");
        let sentinel = Redis::start_from(&program, &file, &["--sentinel"]);
        let sentinel = sentinel.expect("the sentinel starts");
        let known = format!("127.0.0.1:{}", replica.port());
        let ask = || sentinel.command(&["SENTINEL", "REPLICAS", "main"]);
        let is_in_step = |told: &str| told.contains(&known) && told.contains("\r\nok\r\n");
        eventually(|| ask().is_ok_and(|told| is_in_step(&told))).await;
        Some(Self {
            master,
            replica,
            sentinel,
        })
    }

    /// The group of one process more.
    async fn group(&self) -> Texts {
        let sentinels = vec![self.sentinel.url()];
        let kind = SentinelServerType::Master;
        let client = SentinelClient::build(sentinels, "main".to_owned(), None, kind);
        let target = Target::sentinel(client.expect("an address"));
        let server = Server::builder(target, Runtime::Tokio)
            .response_timeout(Duration::from_secs(1))
            .connect_timeout(Duration::from_secs(5))
            .down_for(Duration::from_millis(50))
            .connect();
        let server = server.await.expect("the sentinel names a master");
        over(&server, |builder| builder.lease(Duration::from_secs(5)))
    }

    /// The port of the server that the sentinel names.
    fn named(&self) -> Option<u16> {
        let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"];
        let told = self.sentinel.command(&ask).ok()?;
        told.trim().rsplit("\r\n").next()?.parse().ok()
    }
}

/// Calls until Redis is there.
async fn until_led(group: &Texts, key: &str, value: &str) -> Outcome<String> {
    within(async {
        loop {
            let outcome = group.run_outcome(key, async |_| value.to_owned()).await;
            let outcome = outcome.expect("a value");
            if outcome.role != Role::Alone(Alone::Down) {
                break outcome;
            }
        }
    })
    .await
}

/// While a work runs, the replica becomes the master: the work's lease counts no longer, whether the
/// replica has it or not, and both processes go on over the new master.
async fn fails_over(begin: impl AsyncFnOnce(&mut Watched)) {
    let Some(mut watched) = Watched::new().await else {
        return;
    };
    let (leader, other) = (watched.group().await, watched.group().await);
    let gate = Gate::new();
    let (leads, work) = (leader.clone(), gate.clone());
    let leading = tokio::spawn(async move { leads.run_outcome("key", |_| work.work("old")).await });
    gate.begun().await;
    begin(&mut watched).await;
    let promoted = watched.replica.port();
    eventually(|| watched.named() == Some(promoted)).await;
    let new = until_led(&other, "key", "new").await;
    assert_eq!(
        (new.value.as_str(), new.role, new.lease),
        ("new", Role::Leader, Ended::Landed)
    );
    gate.open();
    let old = within(leading).await.expect("no panic").expect("its own");
    assert_eq!(old.value, "old");
    assert!(
        matches!(old.lease, Ended::Lost | Ended::Unknown),
        "{:?}",
        old.lease
    );

    // Both are at the new master now, and share a work there.
    let outcome = until_led(&leader, "another", "once").await;
    assert_eq!(outcome.lease, Ended::Landed);
    let (leads, work) = (leader.clone(), gate.clone());
    let leading = tokio::spawn(async move { leads.run_outcome("key", |_| work.work("one")).await });
    gate.begun().await;
    let following = tokio::spawn(async move {
        let call = other.run_outcome("key", async |_| unreachable!("one leads"));
        call.await
    });
    let waiting = || {
        let fields = watched.replica.command(&["HKEYS", "sf1:test:v1{=key}"]);
        fields.is_ok_and(|fields| fields.contains("\r\nw:"))
    };
    eventually(waiting).await;
    gate.open();
    let led = within(leading).await.expect("no panic").expect("a value");
    assert_eq!((led.role, led.lease), (Role::Leader, Ended::Landed));
    let followed = within(following).await.expect("no panic").expect("a value");
    assert_eq!(
        (followed.value.as_str(), followed.role),
        ("one", Role::Remote)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_dies_is_followed_by_its_replica() {
    fails_over(async |watched| watched.master.kill()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_that_is_ordered_is_followed() {
    fails_over(async |watched| {
        // It refuses until it has looked at the replica twice.
        let order = || watched.sentinel.command(&["SENTINEL", "FAILOVER", "main"]);
        eventually(|| order().is_ok_and(|told| told.starts_with("+OK"))).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_failover_the_named_master_serves() {
    let Some(watched) = Watched::new().await else {
        return;
    };
    let group = watched.group().await;
    let outcome = within(
        group
            .call("key")
            .timeout(LONG)
            .run_outcome(async |_| "one".to_owned()),
    );
    let outcome = outcome.await.expect("a value");
    assert_eq!((outcome.role, outcome.lease), (Role::Leader, Ended::Landed));
    assert_eq!(watched.named(), Some(watched.master.port()));
}
