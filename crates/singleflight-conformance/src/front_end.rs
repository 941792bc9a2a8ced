//! What a front end says about itself to be put to the proof.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use singleflight_core::{Answers, CallError, Until};

use crate::value::{Answer, CoreGroup, Value};
use crate::work::{BatchWork, Work};

/// A call that runs by itself.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The handle of a spawned call, whatever its runtime: dropping it drops that.
pub type Waiting = Pin<Box<dyn Future<Output = singleflight_core::Answer<Value>> + Send>>;

/// A front end under proof.
///
/// Implement it, then let [`conformance!`](crate::conformance) make the tests:
///
/// ```text
/// struct Mine;
/// impl FrontEnd for Mine {
///     type Group = my_front_end::Group<String, Value>;
///     fn spawn(task: Task) { my_runtime::spawn(task); }
///     async fn call(group: &Self::Group, call: Call) -> Answer { call_async!(group, call) }
/// }
/// conformance!(Mine);
/// ```
pub trait FrontEnd: Sized + 'static {
    /// The front end's group, over a shared one.
    type Group: From<CoreGroup> + Send + Sync + 'static;

    /// Whether a running call can be cancelled by dropping its future. Threads cannot; there,
    /// scenarios lose a leader by dropping a [`Leader`](singleflight_core::Leader).
    const CANCELS: bool = true;

    /// Runs `task` by itself, on a task or thread of its own.
    fn spawn(task: Task);

    /// Makes `call` by the entry point that it names.
    fn call(group: &Self::Group, call: Call) -> impl Future<Output = Answer> + Send;
}

/// What a front end offers beside the calls: calls that run by themselves, batches, deadlines.
pub trait Complete: FrontEnd {
    /// Spawns a call.
    ///
    /// # Errors
    ///
    /// What refuses it.
    fn spawn_call(
        group: &Self::Group,
        key: &'static str,
        until: Until,
        work: Work,
    ) -> Result<Waiting, CallError>;

    /// Runs a batch.
    fn batch(
        group: &Self::Group,
        keys: Vec<String>,
        work: BatchWork,
    ) -> impl Future<Output = Answers<String, Value>> + Send;

    /// Runs a batch whose work fails as a whole.
    fn failing_batch(
        group: &Self::Group,
        keys: Vec<String>,
        error: &'static str,
    ) -> impl Future<Output = Answers<String, Value>> + Send;

    /// Makes a call that gives up after `timeout`.
    fn call_timeout(
        group: &Self::Group,
        timeout: Duration,
        call: Call,
    ) -> impl Future<Output = Answer> + Send;
}

/// The entry points that every front end has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a front end must offer each of them"
)]
pub enum Entry {
    /// `run`.
    Run,
    /// `run_outcome`.
    RunOutcome,
    /// `try_run`.
    TryRun,
}

impl Entry {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Run, Self::RunOutcome, Self::TryRun];
}

/// One call to be made.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "front ends take it apart")]
pub struct Call {
    /// By which entry point.
    pub entry: Entry,
    /// For which key.
    pub key: &'static str,
    /// What to run if it leads: [`Work::run`], or [`Work::run_blocking`].
    pub work: Work,
}

/// Makes a call on a group whose entry points are async.
#[macro_export]
macro_rules! call_async {
    ($group:expr, $call:expr) => {{
        let $crate::Call {
            entry, key, work, ..
        } = $call;
        match entry {
            $crate::Entry::Run => $crate::Answer::bare($group.run(key, || work.run()).await),
            $crate::Entry::RunOutcome => {
                $crate::Answer::outcome($group.run_outcome(key, || work.run()).await)
            }
            $crate::Entry::TryRun => $crate::Answer::bare($group.try_run(key, || work.run()).await),
        }
    }};
}

/// Makes a call on a group whose entry points block.
#[macro_export]
macro_rules! call_blocking {
    ($group:expr, $call:expr) => {{
        let $crate::Call {
            entry, key, work, ..
        } = $call;
        match entry {
            $crate::Entry::Run => $crate::Answer::bare($group.run(key, || work.run_blocking())),
            $crate::Entry::RunOutcome => {
                $crate::Answer::outcome($group.run_outcome(key, || work.run_blocking()))
            }
            $crate::Entry::TryRun => {
                $crate::Answer::bare($group.try_run(key, || work.run_blocking()))
            }
        }
    }};
}

/// Implements [`Complete`] for a group whose entry points are async, given how it spawns.
#[macro_export]
macro_rules! complete_async {
    ($front_end:ty, |$group:ident, $key:ident, $until:ident, $task:ident| $spawn:expr) => {
        impl $crate::Complete for $front_end {
            fn spawn_call(
                $group: &Self::Group,
                $key: &'static str,
                $until: $crate::Until,
                work: $crate::Work,
            ) -> Result<$crate::Waiting, $crate::CallError> {
                let $task = move || async move { work.run().await };
                let spawned = $spawn;
                spawned.map(|handle| -> $crate::Waiting { Box::pin(handle.outcome()) })
            }

            async fn batch(
                group: &Self::Group,
                keys: Vec<String>,
                work: $crate::BatchWork,
            ) -> $crate::Answers<String, $crate::Value> {
                let work = &work;
                group.run_many(keys, |keys| work.run(keys)).await
            }

            async fn failing_batch(
                group: &Self::Group,
                keys: Vec<String>,
                error: &'static str,
            ) -> $crate::Answers<String, $crate::Value> {
                let fails = |_| async move { Err::<Vec<_>, _>(error) };
                group.try_run_many(keys, fails).await
            }

            async fn call_timeout(
                group: &Self::Group,
                timeout: ::std::time::Duration,
                call: $crate::Call,
            ) -> $crate::Answer {
                let $crate::Call { key, work, .. } = call;
                $crate::Answer::outcome(group.run_timeout(key, timeout, || work.run()).await)
            }
        }
    };
}
