//! A fourth front end, in the few lines that it takes: the core's group as it is, one
//! executor per task.

use std::sync::Arc;
use std::thread;

use futures_lite::future::block_on;
use singleflight_conformance::{Answer, Call, FrontEnd, Task, Value, call_async, conformance};

struct Bare;

impl FrontEnd for Bare {
    type Group = Arc<singleflight_core::Group<String, Value>>;
    fn spawn(task: Task) {
        thread::spawn(|| block_on(task));
    }
    async fn call(group: &Self::Group, call: Call) -> Answer {
        call_async!(group, call)
    }
}

conformance!(Bare);
