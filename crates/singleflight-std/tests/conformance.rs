//! The front end for threads keeps every promise.

use std::thread;
use std::time::Duration;

use futures_lite::future::block_on;
use singleflight_conformance::{
    Answer, Answers, BatchWork, Call, CallError, Complete, Entry, FrontEnd, Local, LocalCall,
    LocalKey, LocalTask, LocalValue, LocalWork, Task, Until, Value, Waiting, Work, call_blocking,
    conformance, conformance_complete, conformance_local,
};

struct Threads;

impl FrontEnd for Threads {
    type Group = singleflight_std::Group<String, Value>;

    const CANCELS: bool = false;

    fn spawn(task: Task) {
        thread::spawn(|| block_on(task));
    }

    async fn call(group: &Self::Group, call: Call) -> Answer {
        call_blocking!(group, call)
    }
}

impl Complete for Threads {
    fn spawn_call(
        group: &Self::Group,
        key: &'static str,
        until: Until,
        work: Work,
    ) -> Result<Waiting, CallError> {
        let spawned = match until {
            Until::Done => group.spawn(key, move || work.run_blocking()),
            Until::Unwanted => {
                group.spawn_until_unwanted(key, move |interest| work.run_while(interest))
            }
        };
        spawned.map(|handle| -> Waiting { Box::pin(handle.outcome()) })
    }

    async fn batch(
        group: &Self::Group,
        keys: Vec<String>,
        work: BatchWork,
    ) -> Answers<String, Value> {
        group.run_many(keys, |keys| work.run_blocking(keys))
    }

    async fn failing_batch(
        group: &Self::Group,
        keys: Vec<String>,
        error: &'static str,
    ) -> Answers<String, Value> {
        group.try_run_many(keys, |_| Err::<Vec<_>, _>(error))
    }

    async fn call_timeout(group: &Self::Group, timeout: Duration, call: Call) -> Answer {
        let Call { key, work, .. } = call;
        Answer::outcome(group.run_timeout(key, timeout, || work.run_blocking()))
    }
}

conformance!(Threads);
conformance_complete!(Threads);

impl Local for Threads {
    type Group = singleflight_std::Group<LocalKey, LocalValue>;

    fn block_on(task: LocalTask) {
        block_on(task);
    }

    async fn call(group: &Self::Group, call: LocalCall) -> LocalValue {
        let LocalCall {
            entry, key, work, ..
        } = call;
        match entry {
            Entry::Run => group.run(key, || work.run_blocking()),
            Entry::RunOutcome => {
                let outcome = group.run_outcome(key, || work.run_blocking());
                outcome.expect("nothing is refused").value
            }
            Entry::TryRun => group.try_run(key, || work.run_blocking()),
        }
    }

    async fn batch(
        group: &Self::Group,
        keys: Vec<LocalKey>,
        work: LocalWork,
    ) -> Answers<LocalKey, LocalValue> {
        group.run_many(keys, |keys| work.load(keys))
    }
}

conformance_local!(Threads);
