//! The front end for threads keeps every promise.

use std::thread;

use futures_lite::future::block_on;
use singleflight_conformance::{Answer, Call, FrontEnd, Task, Value, call_blocking, conformance};

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

conformance!(Threads);
