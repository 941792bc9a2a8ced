//! A cluster, of one node: the scripts ask it for its history, and messages come.

use std::time::Duration;

use redis::cluster::ClusterClientBuilder;
use singleflight_redis::{Ended, Role, Runtime, Server, Target};

use crate::stage::{Gate, LONG, Stage, eventually, over, within};

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_a_work_over_a_cluster() {
    let Some(stage) = Stage::with(&["--cluster-enabled", "yes"]) else {
        return;
    };
    let ask = |words: &[&str]| stage.redis.command(words).expect("it answers");
    ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    eventually(|| ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).await;
    let server = || async {
        let builder = ClusterClientBuilder::new(vec![stage.redis.url()]);
        let target = Target::cluster(builder).expect("an address");
        let builder = Server::builder(target, Runtime::Tokio);
        let builder = builder.connect_timeout(Duration::from_secs(5));
        builder.connect().await.expect("it is there")
    };
    let leader = over(&server().await, |builder| builder.lease(LONG));
    let follower = over(&server().await, |builder| builder.lease(LONG).poll(LONG));
    let gate = Gate::new();
    let work = gate.clone();
    let leading =
        tokio::spawn(async move { leader.run_outcome("key", |_| work.work("one")).await });
    gate.begun().await;
    let following = tokio::spawn(async move {
        follower
            .run_outcome("key", async |_| unreachable!("one leads"))
            .await
    });
    stage.until_waited_for(1).await;
    gate.open();
    let led = within(leading).await.expect("no panic").expect("a value");
    assert_eq!((led.role, led.lease), (Role::Leader, Ended::Landed));
    let received = within(following).await.expect("no panic").expect("a value");
    assert_eq!(
        (received.value.as_str(), received.role),
        ("one", Role::Remote)
    );
}
