//! Where an execution is traced crosses to those who receive its value elsewhere.

use singleflight_redis::{Outcome, Role};

use crate::stage::{Gate, LONG, Stage, within};

const SOUND: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// As it stands in Redis.
const LEASE: &str = "sf1:test:v1{=key}";

/// What the leader and a follower elsewhere get, where the leader tells this, and something happens to
/// its lease before the follower comes.
async fn follows(
    stage: &Stage,
    told: Option<&'static str>,
    meddle: impl FnOnce(),
) -> [Outcome<String>; 2] {
    let tell = move || told.map(str::to_owned);
    let leader = stage
        .built(|builder| builder.lease(LONG).traceparent(tell))
        .await;
    let follower = stage.group(LONG).await;
    let gate = Gate::new();
    let work = gate.clone();
    let leading = tokio::spawn(async move {
        leader
            .run_outcome("key", |_| work.work("value"))
            .await
            .expect("a value")
    });
    gate.begun().await;
    meddle();
    let following = tokio::spawn(async move {
        follower
            .run_outcome("key", async |_| "own".to_owned())
            .await
            .expect("a value")
    });
    stage.until_waited_for(1).await;
    gate.open();
    let own = within(leading).await.expect("no panic");
    let remote = within(following).await.expect("no panic");
    assert_eq!(remote.role, Role::Remote);
    assert_eq!(remote.value, "value");
    [own, remote]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_elsewhere_learns_the_trace() {
    let Some(stage) = Stage::new() else { return };
    let [led, followed] = follows(&stage, Some(SOUND), || {}).await;
    assert_eq!(followed.traceparent.as_deref(), Some(SOUND));
    assert_eq!(led.traceparent, None, "it is its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sound_is_not_told() {
    let Some(stage) = Stage::new() else { return };
    for told in [None, Some(""), Some("00-1-2-3"), Some(&SOUND[1..])] {
        let lease_has_none = || {
            let field = stage.redis.command(&["HEXISTS", LEASE, "tp"]);
            assert_eq!(field.expect("it answers"), ":0", "{told:?}");
        };
        let [_, followed] = follows(&stage, told, lease_has_none).await;
        assert_eq!(followed.traceparent, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_says_of_a_trace_is_checked() {
    let Some(stage) = Stage::new() else { return };
    let long = "0".repeat(1 << 20);
    let longer = format!("{SOUND}-00");
    let upper = SOUND.to_uppercase();
    for forged in ["", "x", &long, &longer, &SOUND[..54], &upper, "{}\r\n\0"] {
        let forge = || {
            let set = stage.redis.command(&["HSET", LEASE, "tp", forged]);
            set.expect("it answers");
        };
        let [_, followed] = follows(&stage, Some(SOUND), forge).await;
        assert_eq!(followed.traceparent, None, "{forged:.60}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_what_tells_the_trace_is_as_one_in_the_work() {
    let Some(stage) = Stage::new() else { return };
    let group = stage
        .built(|builder| builder.traceparent(|| panic!("it tells nothing")))
        .await;
    let call = tokio::spawn(async move { group.run("key", async |_| String::new()).await });
    let panic = within(call).await.expect_err("it goes on in its caller");
    assert!(panic.is_panic());
    assert_eq!(stage.keys(), ":0", "nothing was sent");
    let next = stage.group(LONG).await;
    let value = within(next.run("key", async |_| "next".to_owned())).await;
    assert_eq!(value.as_deref(), Ok("next"));
}
