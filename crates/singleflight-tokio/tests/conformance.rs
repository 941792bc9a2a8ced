//! The front end for tokio keeps every promise, on a runtime of several threads and on one
//! of a single thread.

use std::sync::LazyLock;
use std::thread;

use singleflight_conformance::{
    Answer, Call, FrontEnd, LocalKey, LocalValue, Task, Value, complete_async, complete_call_async,
    conformance, conformance_builder, conformance_complete, conformance_local,
    conformance_local_tasks, local_async,
};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

static THREADS: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime starts")
});

struct MultiThread;

impl FrontEnd for MultiThread {
    type Group = singleflight_tokio::Group<String, Value>;

    fn spawn(task: Task) {
        THREADS.spawn(task);
    }

    async fn call(group: &Self::Group, call: Call) -> Answer {
        complete_call_async!(group, call)
    }
}

complete_async!(MultiThread, |call| call.on(THREADS.handle()));

mod multi_thread {
    use super::{MultiThread, conformance, conformance_complete};

    conformance!(MultiThread);
    conformance_complete!(MultiThread);
}

/// One runtime that never ends, driven by a thread that waits in it.
static CURRENT_THREAD: LazyLock<tokio::runtime::Handle> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime starts");
    let handle = runtime.handle().clone();
    thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    handle
});

struct CurrentThread;

impl FrontEnd for CurrentThread {
    type Group = singleflight_tokio::Group<String, Value>;

    fn spawn(task: Task) {
        CURRENT_THREAD.spawn(task);
    }

    async fn call(group: &Self::Group, call: Call) -> Answer {
        complete_call_async!(group, call)
    }
}

complete_async!(CurrentThread, |call| call.on(&CURRENT_THREAD));

mod current_thread {
    use super::{CurrentThread, conformance, conformance_complete};

    conformance!(CurrentThread);
    conformance_complete!(CurrentThread);
}

thread_local! {
    /// The tasks of this thread.
    static LOCAL: LocalSet = LocalSet::new();
}

struct OneThread;

local_async!(
    OneThread,
    singleflight_tokio::Group<LocalKey, LocalValue>,
    |task| {
        let runtime = Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime starts");
        LOCAL.with(|local| runtime.block_on(local.run_until(task)));
    },
    |task| drop(tokio::task::spawn_local(task)),
    LOCAL,
);

mod one_thread {
    use super::{OneThread, conformance_local, conformance_local_tasks};

    conformance_local!(OneThread);
    conformance_local_tasks!(OneThread);
}

conformance_builder!(singleflight_tokio);
