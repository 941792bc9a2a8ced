//! What a front end says about itself to be put to the proof.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use singleflight_core::Answers;

use crate::value::{Answer, CoreGroup, Failure, Value};
use crate::work::{BatchWork, Work};

/// A call that runs by itself.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The handle of a spawned call, whatever its runtime: dropping it drops that.
pub type Waiting = Pin<Box<dyn Future<Output = Answer> + Send>>;

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

/// What a front end offers beside: calls that run by themselves, batches, deadlines. Its
/// [`call`](FrontEnd::call) knows every [`Entry`].
pub trait Complete: FrontEnd {
    /// Spawns a call, which is cancelled when nobody wants it any more if it is `while_wanted`.
    fn spawn_call(group: &Self::Group, call: Call, while_wanted: bool) -> Waiting;

    /// Runs a batch by the entry point that it names: [`Run`](Entry::Run), [`TryRun`](Entry::TryRun),
    /// [`Fence`](Entry::Fence), [`Timeout`](Entry::Timeout).
    fn batch(
        group: &Self::Group,
        entry: Entry,
        keys: Vec<String>,
        work: BatchWork,
    ) -> impl Future<Output = Result<Answers<String, Value>, Failure>> + Send;
}

/// By which entry point a call is made.
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
    /// `try_run_outcome`.
    TryRunOutcome,
    /// `run_outcome`, of what [`Work::shares`].
    ShareIf,
    /// `try_run_outcome`, of the same.
    TryShareIf,
    /// `run_outcome`, with a fence.
    Fence,
    /// `run_outcome`, by a call that owns its group. [`Complete`] front ends only.
    Owned,
    /// `run_outcome`, which gives up after this time. [`Complete`] front ends only.
    Timeout(Duration),
}

impl Entry {
    /// Those that every front end has.
    pub const ALL: [Self; 7] = [
        Self::Run,
        Self::RunOutcome,
        Self::TryRun,
        Self::TryRunOutcome,
        Self::ShareIf,
        Self::TryShareIf,
        Self::Fence,
    ];

    /// Whether an error of the work stays with its caller.
    pub(crate) fn tries(self) -> bool {
        matches!(self, Self::TryRun | Self::TryRunOutcome | Self::TryShareIf)
    }
}

/// One call to be made.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "front ends take it apart")]
pub struct Call<K = &'static str, W = Work> {
    /// By which entry point.
    pub entry: Entry,
    /// For which key.
    pub key: K,
    /// What to run if it leads.
    pub work: W,
}
