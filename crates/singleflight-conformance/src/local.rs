//! What a front end says about itself to be put to the proof on one thread.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use singleflight_core::{Answers, DefaultHashBuilder, Fence, GroupRef};

use crate::front_end::Call;
use crate::gate::Gate;
use crate::value::{Answer, Failure};

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

/// One call to be made.
pub type LocalCall = Call<LocalKey, LocalWork>;

/// A front end under proof on one thread.
pub trait Local: Sized + 'static {
    /// The front end's group of what is not `Send`.
    type Group: Clone
        + GroupRef<Key = LocalKey, Value = LocalValue, Hasher = DefaultHashBuilder>
        + From<LocalGroup>
        + 'static;

    /// Runs `task` on this thread, and beside it what it spawns there, until it ends.
    fn block_on(task: LocalTask);

    /// Makes `call` by the entry point that it names.
    fn call(group: &Self::Group, call: LocalCall) -> impl Future<Output = Answer<LocalValue>>;

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

    /// Spawns a call on this thread, which is cancelled when nobody wants it any more if it is
    /// `while_wanted`.
    fn spawn_call(group: &Self::Group, call: LocalCall, while_wanted: bool) -> LocalWaiting;
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

    /// Runs the work, for a call that shares what it returns.
    ///
    /// # Errors
    ///
    /// Never; front ends have entry points that share errors.
    pub async fn run(&self) -> LocalValue {
        self.value.set(self.value.get() + 1);
        if let Some(gate) = &self.gate {
            gate.passed().await;
        }
        Ok(Rc::clone(&self.value))
    }

    /// Runs the work, for a call that keeps its error.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn try_run(&self) -> Result<LocalValue, Failure> {
        Ok(self.run().await)
    }

    /// Runs the work, for a call with a fence.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// If it is told that it was forgotten.
    pub async fn run_fenced<G: GroupRef>(&self, fence: &Fence<G>) -> LocalValue {
        assert!(!fence.is_forgotten(), "nobody forgets it");
        self.run().await
    }

    /// Says what the call shares: everything.
    pub fn shares(&self) -> impl Fn(&LocalValue) -> bool + use<> {
        |_| true
    }

    /// Loads keys: this value for each.
    pub fn load(&self, keys: Vec<LocalKey>) -> Vec<(LocalKey, LocalValue)> {
        let value = |key| (key, Ok(Rc::clone(&self.value)));
        keys.into_iter().map(value).collect()
    }
}

/// Implements [`Local`] and [`LocalTasks`] for a front end whose entry points are async, given
/// its group, how it runs and spawns tasks, and the thread-local by which it spawns calls.
#[macro_export]
macro_rules! local_async {
    (
        $front_end:ty,
        $group:ty,
        |$blocking:ident| $block_on:expr,
        |$spawned:ident| $spawn:expr,
        $executor:ident $(,)?
    ) => {
        impl $crate::Local for $front_end {
            type Group = $group;

            fn block_on($blocking: $crate::LocalTask) {
                $block_on
            }

            async fn call(
                group: &Self::Group,
                call: $crate::LocalCall,
            ) -> $crate::Answer<$crate::LocalValue> {
                $crate::complete_call_async!(group, call)
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
                group: &Self::Group,
                call: $crate::LocalCall,
                while_wanted: bool,
            ) -> $crate::LocalWaiting {
                let $crate::Call {
                    entry, key, work, ..
                } = call;
                $executor.with(|local| -> $crate::LocalWaiting {
                    let builder = group.call(key).local(local);
                    if while_wanted {
                        $crate::spawn_async!(group, builder.while_wanted(), entry, work)
                    } else {
                        $crate::spawn_async!(group, builder, entry, work)
                    }
                })
            }
        }
    };
}
