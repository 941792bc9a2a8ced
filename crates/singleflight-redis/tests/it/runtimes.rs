//! The runtime on which a server keeps its connections has ended.

use std::time::Duration;

use singleflight_redis::{CallError, Role, WhenDown};
use tokio::runtime::Runtime;

use crate::stage::{Gate, PATIENCE, Stage, within};

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
