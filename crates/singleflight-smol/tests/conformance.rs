//! The front end for smol keeps every promise, on the global executor and on one of its own.

use std::sync::LazyLock;
use std::thread;

use singleflight_conformance::{
    Answer, Call, FrontEnd, LocalKey, LocalValue, Task, Value, complete_async, complete_call_async,
    conformance, conformance_builder, conformance_complete, conformance_local,
    conformance_local_tasks, local_async,
};
use smol::{Executor, LocalExecutor};

struct Global;

impl FrontEnd for Global {
    type Group = singleflight_smol::Group<String, Value>;

    fn spawn(task: Task) {
        smol::spawn(task).detach();
    }

    async fn call(group: &Self::Group, call: Call) -> Answer {
        complete_call_async!(group, call)
    }
}

complete_async!(Global, |call| call);

mod global {
    use super::{Global, conformance, conformance_complete};

    conformance!(Global);
    conformance_complete!(Global);
}

/// An executor of its own, driven by two threads.
static EXECUTOR: LazyLock<&Executor<'_>> = LazyLock::new(|| {
    let executor: &Executor<'_> = Box::leak(Box::new(Executor::new()));
    for _ in 0..2 {
        thread::spawn(|| smol::block_on(executor.run(std::future::pending::<()>())));
    }
    executor
});

struct TwoThreads;

impl FrontEnd for TwoThreads {
    type Group = singleflight_smol::Group<String, Value>;

    fn spawn(task: Task) {
        EXECUTOR.spawn(task).detach();
    }

    async fn call(group: &Self::Group, call: Call) -> Answer {
        complete_call_async!(group, call)
    }
}

complete_async!(TwoThreads, |call| call.on(&EXECUTOR));

mod two_threads {
    use super::{TwoThreads, conformance, conformance_complete};

    conformance!(TwoThreads);
    conformance_complete!(TwoThreads);
}

thread_local! {
    /// The tasks of this thread.
    static LOCAL: LocalExecutor<'static> = const { LocalExecutor::new() };
}

struct OneThread;

local_async!(
    OneThread,
    singleflight_smol::Group<LocalKey, LocalValue>,
    |task| LOCAL.with(|local| smol::block_on(local.run(task))),
    |task| LOCAL.with(|local| local.spawn(task).detach()),
    LOCAL,
);

mod one_thread {
    use super::{OneThread, conformance_local, conformance_local_tasks};

    conformance_local!(OneThread);
    conformance_local_tasks!(OneThread);
}

conformance_builder!(singleflight_smol);
