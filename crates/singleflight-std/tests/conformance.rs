//! The front end for threads keeps every promise.

use std::io;
use std::thread;
use std::time::Duration;

use futures_lite::future::yield_now;
use singleflight_conformance::{
    Answer, Answers, BatchWork, Call, CallError, Complete, Entry, Failure, FrontEnd, Local,
    LocalCall, LocalKey, LocalTask, LocalValue, LocalWork, Task, Value, Waiting, batch_blocking,
    block_on, complete_call_blocking, conformance, conformance_builder, conformance_complete,
    conformance_local, outcome, tried, tried_outcome,
};
use singleflight_std::{Job, Spawned};

struct Threads;

impl FrontEnd for Threads {
    type Group = singleflight_std::Group<String, Value>;

    const CANCELS: bool = false;

    fn spawn(task: Task) {
        thread::spawn(|| block_on(task));
    }

    async fn call(group: &Self::Group, call: Call) -> Answer {
        complete_call_blocking!(group, call)
    }
}

impl Complete for Threads {
    fn spawn_call(group: &Self::Group, call: Call, while_wanted: bool) -> Waiting {
        let Call {
            entry, key, work, ..
        } = call;
        let (call, fence) = (group.call(key), group.fence());
        match (entry, while_wanted) {
            (Entry::Run, false) => Box::pin(joined(call.spawn(move || block_on(work.run())))),
            (Entry::TryRun, false) => {
                Box::pin(tried(call.try_spawn(move || block_on(work.try_run()))))
            }
            (Entry::TryRunOutcome, false) => {
                let handle = call.try_spawn(move || block_on(work.try_run()));
                let refusal = handle.refusal().cloned();
                Box::pin(async {
                    Answer::tried_outcome(handle.join_outcome()).told_at_once(refusal)
                })
            }
            (Entry::TryShareIf, false) => {
                let call = call.share_if(work.shares());
                let handle = call.try_spawn(move || block_on(work.try_run()));
                Box::pin(tried_outcome(handle))
            }
            (Entry::ShareIf, false) => {
                let call = call.share_if(work.shares());
                Box::pin(outcome(call.spawn(move || block_on(work.run()))))
            }
            (Entry::Fence, false) => {
                let call = call.fence(&fence);
                let run = move || block_on(work.run_fenced(&fence));
                Box::pin(outcome(call.spawn(run)))
            }
            (_, false) => Box::pin(outcome(call.spawn(move || block_on(work.run())))),
            (Entry::Run, true) => {
                let call = call.while_wanted();
                Box::pin(joined(call.spawn(move |wanted| work.run_while(wanted))))
            }
            (Entry::TryRun, true) => {
                let call = call.while_wanted();
                Box::pin(tried(
                    call.try_spawn(move |wanted| work.try_run_while(wanted)),
                ))
            }
            (Entry::TryRunOutcome | Entry::TryShareIf, true) => {
                let call = call.share_if(work.shares()).on(in_a_thread).while_wanted();
                Box::pin(tried_outcome(
                    call.try_spawn(move |wanted| work.try_run_while(wanted)),
                ))
            }
            (_, true) => {
                let call = call.share_if(work.shares()).on(in_a_thread).while_wanted();
                Box::pin(outcome(call.spawn(move |wanted| work.run_while(wanted))))
            }
        }
    }

    async fn batch(
        group: &Self::Group,
        entry: Entry,
        keys: Vec<String>,
        work: BatchWork,
    ) -> Result<Answers<String, Value>, Failure> {
        batch_blocking!(group, entry, keys, work)
    }
}

/// A spawner of one's own.
fn in_a_thread(job: Job) -> io::Result<()> {
    thread::Builder::new().spawn(job).map(drop)
}

/// A handle in the place of `run`. It is joined for no time first, and then again.
async fn joined(mut handle: Spawned<String, Value>) -> Answer {
    let refusal = handle.refusal().cloned();
    let answer = match handle.join_timeout(Duration::ZERO) {
        Err(CallError::TimedOut) => {
            yield_now().await;
            handle.join()
        }
        answer => answer,
    };
    Answer::bare(answer).told_at_once(refusal)
}

conformance!(Threads);
conformance_complete!(Threads);
conformance_builder!(singleflight_std);

impl Local for Threads {
    type Group = singleflight_std::Group<LocalKey, LocalValue>;

    fn block_on(task: LocalTask) {
        block_on(task);
    }

    async fn call(group: &Self::Group, call: LocalCall) -> Answer<LocalValue> {
        complete_call_blocking!(group, call)
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
