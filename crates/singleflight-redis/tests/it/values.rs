//! Values that do not cross, and followers that are slow to take them.

use std::error::Error;
use std::time::Duration;

use singleflight_redis::{Alone, Codec, Group, Role};

use crate::stage::{Gate, LONG, PATIENCE, Stage, Texts, within};

/// Leads with `leader`, follows with `follower`, and returns what the follower got.
async fn follows(
    stage: &Stage,
    leader: Texts,
    follower: Texts,
    value: &'static str,
) -> singleflight_redis::Outcome<String> {
    let gate = Gate::new();
    let work = gate.clone();
    let leading = tokio::spawn(async move { leader.run("key", |_| work.work(value)).await });
    gate.begun().await;
    let following = tokio::spawn(async move {
        follower
            .run_outcome("key", async |_| "own".to_owned())
            .await
    });
    stage.until_waited_for(1).await;
    gate.open();
    assert_eq!(
        within(leading).await.expect("no panic").as_deref(),
        Ok(value)
    );
    within(following).await.expect("no panic").expect("a value")
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_value_too_large_a_marker_crosses() {
    let Some(stage) = Stage::new() else { return };
    let leader = stage
        .built(|builder| builder.lease(LONG).max_value(4))
        .await;
    let stats = leader.clone();
    let follower = stage.group(LONG).await;
    let outcome = follows(&stage, leader, follower, "large").await;
    assert_eq!(
        (outcome.value.as_str(), outcome.role),
        ("own", Role::Alone(Alone::TooLarge))
    );
    assert_eq!(stats.stats().too_large, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_bounds_what_it_takes() {
    let Some(stage) = Stage::new() else { return };
    let leader = stage.group(LONG).await;
    let follower = stage
        .built(|builder| builder.lease(LONG).max_value(4))
        .await;
    let outcome = follows(&stage, leader, follower, "large").await;
    assert_eq!(
        (outcome.value.as_str(), outcome.role),
        ("own", Role::Alone(Alone::TooLarge))
    );
}

/// Reads nothing.
struct Unreadable;

impl Codec<String> for Unreadable {
    fn encode(&self, value: &String) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(value.clone().into_bytes())
    }

    fn decode(&self, _bytes: &[u8]) -> Result<String, Box<dyn Error + Send + Sync>> {
        Err("another schema".into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_cannot_be_decoded_costs_a_work() {
    let Some(stage) = Stage::new() else { return };
    let leader = stage.group(LONG).await;
    let follower = stage
        .built(|builder| builder.lease(LONG).codec(Unreadable))
        .await;
    let stats = follower.clone();
    let outcome = follows(&stage, leader, follower, "value").await;
    assert_eq!(
        (outcome.value.as_str(), outcome.role),
        ("own", Role::Alone(Alone::Undecodable))
    );
    assert_eq!(stats.stats().undecodable, 1);
}

#[cfg(all(feature = "postcard", feature = "serde-json"))]
#[test]
fn a_codec_reads_what_it_has_written_and_nothing_else() {
    use singleflight_redis::{Json, Postcard};

    type Value = (String, Vec<u32>);

    let value: Value = ("text".to_owned(), vec![7, 300]);
    let codecs: [&dyn Codec<Value>; 2] = [&Json, &Postcard];
    for codec in codecs {
        let bytes = codec.encode(&value).expect("it can be written");
        assert_eq!(codec.decode(&bytes).expect("it can be read"), value);
        assert!(codec.decode(&bytes[1..]).is_err());
        assert!(codec.decode(&[&bytes[..], b"1"].concat()).is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_follower_joins_anew() {
    let Some(stage) = Stage::new() else { return };
    let leader = stage
        .built(|builder| builder.lease(LONG).keep(Duration::from_millis(1)))
        .await;
    let follower = stage.server().await;
    let follower = Group::<str, String>::builder(&follower, "test:v1")
        .lease(LONG)
        .poll(Duration::from_millis(400))
        .wait_at_most(PATIENCE)
        .codec(singleflight_redis::Raw)
        .build()
        .expect("the settings are sound");
    let gate = Gate::new();
    let work = gate.clone();
    let leading = tokio::spawn(async move { leader.run("key", |_| work.work("old")).await });
    gate.begun().await;
    let following = tokio::spawn(async move {
        follower
            .run_outcome("key", async |_| "new".to_owned())
            .await
    });
    stage.until_waited_for(1).await;
    // It hears nothing, and when it looks by itself the result has gone.
    stage
        .redis
        .command(&["CLIENT", "KILL", "TYPE", "pubsub"])
        .expect("it answers");
    gate.open();
    assert_eq!(
        within(leading).await.expect("no panic").as_deref(),
        Ok("old")
    );
    stage.redis.command(&["DEL", "none"]).expect("it answers");
    let outcome = within(following).await.expect("no panic").expect("a value");
    assert!(
        matches!(outcome.role, Role::Leader | Role::Remote),
        "{:?}",
        outcome.role
    );
}
