//! What a front end says about itself to be put to the proof on one thread.

use std::cell::Cell;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;

use futures_lite::future::block_on;
use singleflight_core::{Answer, Answers, CallError, Until};

use crate::front_end::Entry;
use crate::gate::Gate;

/// A key that is not `Send`.
pub type LocalKey = Rc<str>;

/// A value that is not `Send`.
pub type LocalValue = Result<Rc<Cell<u32>>, &'static str>;

/// The core's group of them.
pub type LocalGroup = singleflight_core::Group<LocalKey, LocalValue>;

/// A task that is not `Send`.
pub type LocalTask = Pin<Box<dyn Future<Output = ()>>>;

/// The handle of a spawned call, whatever its runtime: dropping it drops that.
pub type LocalWaiting = Pin<Box<dyn Future<Output = Answer<LocalValue>>>>;

/// A front end under proof on one thread.
pub trait Local: Sized + 'static {
    /// The front end's group of what is not `Send`.
    type Group: Clone + Deref<Target = LocalGroup> + From<LocalGroup> + 'static;

    /// Runs `task` on this thread, and beside it what it spawns there, until it ends.
    fn block_on(task: LocalTask);

    /// Makes `call` by the entry point that it names.
    fn call(group: &Self::Group, call: LocalCall) -> impl Future<Output = LocalValue>;

    /// Runs a batch.
    fn batch(
        group: &Self::Group,
        keys: Vec<LocalKey>,
        work: LocalWork,
    ) -> impl Future<Output = Answers<LocalKey, LocalValue>>;
}

/// A front end whose runtime has tasks that stay on their thread.
pub trait LocalTasks: Local {
    /// Spawns `task` on this thread. Called inside [`block_on`](Local::block_on).
    fn spawn(task: LocalTask);

    /// Spawns a call on this thread.
    ///
    /// # Errors
    ///
    /// What refuses it.
    fn spawn_call(
        group: &Self::Group,
        key: LocalKey,
        until: Until,
        work: LocalWork,
    ) -> Result<LocalWaiting, CallError>;
}

/// One call to be made.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "front ends take it apart")]
pub struct LocalCall {
    /// By which entry point.
    pub entry: Entry,
    /// For which key.
    pub key: LocalKey,
    /// What to run if it leads: [`LocalWork::run`], or [`LocalWork::run_blocking`].
    pub work: LocalWork,
}

/// A work that is not `Send`: it counts its runs in the value that it returns.
#[derive(Debug)]
pub struct LocalWork {
    value: Rc<Cell<u32>>,
    gate: Option<Gate>,
}

impl LocalWork {
    pub(crate) fn new(value: &Rc<Cell<u32>>) -> Self {
        Self {
            value: Rc::clone(value),
            gate: None,
        }
    }

    /// Makes it wait for a gate.
    pub(crate) fn behind(self, gate: &Gate) -> Self {
        Self {
            gate: Some(gate.clone()),
            ..self
        }
    }

    /// Runs the work in a task.
    ///
    /// # Errors
    ///
    /// Never; front ends have entry points that share errors.
    pub async fn run(self) -> LocalValue {
        self.value.set(self.value.get() + 1);
        if let Some(gate) = &self.gate {
            gate.passed().await;
        }
        Ok(self.value)
    }

    /// Runs the work on this thread.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_blocking(self) -> LocalValue {
        block_on(self.run())
    }

    /// Loads keys: this value for each.
    pub fn load(&self, keys: Vec<LocalKey>) -> Vec<(LocalKey, LocalValue)> {
        let value = |key| (key, Ok(Rc::clone(&self.value)));
        keys.into_iter().map(value).collect()
    }
}

/// Implements [`Local`] and [`LocalTasks`] for a front end whose entry points are async, given
/// its group, how it runs and spawns tasks, and how it spawns calls.
#[macro_export]
macro_rules! local_async {
    (
        $front_end:ty,
        $group:ty,
        |$blocking:ident| $block_on:expr,
        |$spawned:ident| $spawn:expr,
        |$own:ident, $key:ident, $until:ident, $work:ident| $spawn_call:expr $(,)?
    ) => {
        impl $crate::Local for $front_end {
            type Group = $group;

            fn block_on($blocking: $crate::LocalTask) {
                $block_on
            }

            async fn call(group: &Self::Group, call: $crate::LocalCall) -> $crate::LocalValue {
                let $crate::LocalCall {
                    entry, key, work, ..
                } = call;
                match entry {
                    $crate::Entry::Run => group.run(key, || work.run()).await,
                    $crate::Entry::RunOutcome => {
                        let outcome = group.run_outcome(key, || work.run()).await;
                        outcome.expect("nothing is refused").value
                    }
                    $crate::Entry::TryRun => group.try_run(key, || work.run()).await,
                }
            }

            async fn batch(
                group: &Self::Group,
                keys: Vec<$crate::LocalKey>,
                work: $crate::LocalWork,
            ) -> $crate::Answers<$crate::LocalKey, $crate::LocalValue> {
                group.run_many(keys, async |keys| work.load(keys)).await
            }
        }

        impl $crate::LocalTasks for $front_end {
            fn spawn($spawned: $crate::LocalTask) {
                $spawn
            }

            fn spawn_call(
                $own: &Self::Group,
                $key: $crate::LocalKey,
                $until: $crate::Until,
                work: $crate::LocalWork,
            ) -> Result<$crate::LocalWaiting, $crate::CallError> {
                let $work = || work.run();
                let spawned = $spawn_call;
                spawned.map(|handle| -> $crate::LocalWaiting { Box::pin(handle.outcome()) })
            }
        }
    };
}
