//! A task of tokio's has a budget for each poll. A call's clock must not draw on what its work has
//! used up.

use std::future::Future;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use singleflight_conformance::DEADLINE;
use singleflight_tokio::{CallError, CallResult, Group};
use tokio::runtime::Builder;
use tokio::time::Instant;

const SHORT: Duration = Duration::from_millis(10);

/// Runs it on a runtime and a thread of its own: if it hangs, this test fails all the same.
fn bounded<F: Future<Output = CallResult<u64>>>(
    call: impl FnOnce() -> F + Send + 'static,
) -> Option<CallError> {
    let (told, answer) = mpsc::channel();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_time().build();
        let answer = runtime.expect("a runtime starts").block_on(call());
        told.send(answer.err()).expect("somebody waits for it");
    });
    answer.recv_timeout(DEADLINE).expect("the deadline comes")
}

async fn uses_its_budget() -> u64 {
    loop {
        tokio::task::consume_budget().await;
    }
}

#[test]
fn a_timeout_comes_beside_a_work_that_uses_up_its_budget() {
    let timed_out = bounded(|| async {
        let group: Group<u64, u64> = Group::new();
        group.call(1).timeout(SHORT).run(uses_its_budget).await
    });
    assert_eq!(timed_out, Some(CallError::TimedOut));
    let timed_out = bounded(|| async {
        let group: Group<u64, u64> = Group::new();
        let call = group.call(1).deadline(Instant::now() + SHORT);
        call.run(uses_its_budget).await
    });
    assert_eq!(timed_out, Some(CallError::TimedOut));
    let timed_out = bounded(|| async {
        let group: Group<u64, u64> = Group::new();
        let hung = async |_| vec![(1, uses_its_budget().await)];
        let call = group.call_many([1]).timeout(SHORT).run(hung);
        let all = call.await.into_all::<Vec<_>>();
        all.map(|pairs| pairs[0].1)
    });
    assert_eq!(timed_out, Some(CallError::TimedOut));
}

#[test]
fn a_timeout_comes_beside_a_channel_that_is_always_ready() {
    let timed_out = bounded(|| async {
        let group: Group<u64, u64> = Group::new();
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let work = async || {
            loop {
                sender.send(()).expect("it is received here");
                receiver.recv().await;
            }
        };
        group.call(1).timeout(SHORT).run(work).await
    });
    assert_eq!(timed_out, Some(CallError::TimedOut));
}

/// A follower's clock, too, while its task uses up the budget beside the call.
#[test]
fn a_followers_timeout_comes_beside_a_task_that_uses_up_its_budget() {
    let timed_out = bounded(|| async {
        let group: Group<u64, u64> = Group::new();
        let leader = group.join(1).expect("nothing is refused");
        let call = group.call(1).timeout(SHORT);
        let call = call.run(async || unreachable!("it follows"));
        let answer = tokio::select! {
            biased;
            _ = uses_its_budget() => unreachable!("it never ends"),
            answer = call => answer,
        };
        drop(leader);
        answer
    });
    assert_eq!(timed_out, Some(CallError::TimedOut));
}
