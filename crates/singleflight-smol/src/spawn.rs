//! Calls that own a task: the work outlives its caller.

use std::future::Future;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_task::FallibleTask;
use singleflight_core::{Answer, Arrival, CallError, DefaultHashBuilder, Join, Key, Until};
use smol::{Executor, LocalExecutor, Task};

use crate::group::Group;

/// The core's group, as a task reaches it.
type Shared<K, V, S> = Arc<singleflight_core::Group<K, V, S>>;

/// The handle to a call that runs by itself. See [`spawn`](Group::spawn).
pub type Spawned<K, V, S = DefaultHashBuilder> =
    singleflight_core::Spawned<Shared<K, V, S>, Joining<V>>;

/// A spawned call's task. Dropping it lets the task run on.
#[derive(Debug)]
pub struct Joining<V>(Option<FallibleTask<Answer<V>>>);

impl<V> Joining<V> {
    fn new(task: Task<Answer<V>>) -> Self {
        Self(Some(task.fallible()))
    }
}

impl<V> Future for Joining<V> {
    type Output = Answer<V>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer<V>> {
        let task = self.0.as_mut().expect("it is taken when it is dropped");
        let joined = ready!(Pin::new(task).poll(context));
        // If there is none, its executor was dropped, and the task with it.
        Poll::Ready(joined.unwrap_or(Err(CallError::TaskLost)))
    }
}

impl<V> Join<V> for Joining<V> {
    fn join(self) -> impl Future<Output = Answer<V>> {
        self
    }
}

impl<V> Drop for Joining<V> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

impl<K, V, S> Group<K, V, S>
where
    K: Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Runs `work` in a task of smol's global executor, unless somebody is running it: Go's
    /// `DoChan`. The work goes on to its end even if every handle is dropped.
    ///
    /// The key is claimed or joined when this returns, and neither the work nor the claim
    /// depends on any caller being polled.
    ///
    /// # Errors
    ///
    /// The refusals of [`join`](singleflight_core::Group::join).
    ///
    /// # Examples
    ///
    /// ```
    /// let group: singleflight_smol::Group<String, u32> = Default::default();
    /// let handle = group.spawn("key", async || 42)?;
    /// assert_eq!(smol::block_on(handle.outcome())?.value, 42);
    /// # Ok::<_, singleflight_smol::CallError>(())
    /// ```
    pub fn spawn<Q, M, F, T>(&self, key: Q, work: F) -> Result<Spawned<K, V, S>, CallError>
    where
        Q: Key<K, M>,
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = V> + Send + 'static,
    {
        let (call, stake) = self.arrival(key, Until::Done)?.into_call(work);
        Ok(stake.joined_by(Joining::new(smol::spawn(call))))
    }

    /// As [`spawn`](Self::spawn), but the work is cancelled when the last interested caller is
    /// gone, of whatever entry point: its future is dropped. A caller who comes meanwhile runs
    /// its own work, after that.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// let group: singleflight_smol::Group<&str, u32> = Default::default();
    /// let handle = group.spawn_until_unwanted("key", std::future::pending)?;
    /// drop(handle);
    /// while group.in_flight() > 0 {
    ///     std::thread::yield_now();
    /// }
    /// # Ok::<_, singleflight_smol::CallError>(())
    /// ```
    pub fn spawn_until_unwanted<Q, M, F, T>(
        &self,
        key: Q,
        work: F,
    ) -> Result<Spawned<K, V, S>, CallError>
    where
        Q: Key<K, M>,
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = V> + Send + 'static,
    {
        let (call, stake) = self.arrival(key, Until::Unwanted)?.into_call(work);
        Ok(stake.joined_by(Joining::new(smol::spawn(call))))
    }
}

impl<K, V, S> Group<K, V, S>
where
    K: Eq,
    V: Clone,
    S: BuildHasher,
{
    /// As [`spawn`](Self::spawn), on an executor of the caller's choice. When the executor is
    /// dropped with the task, the handle receives [`TaskLost`](CallError::TaskLost).
    ///
    /// # Errors
    ///
    /// The refusals of [`join`](singleflight_core::Group::join).
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group, Until};
    ///
    /// let executor = smol::Executor::new();
    /// let group: Group<u64, u32> = Group::new();
    /// let handle = group.spawn_on(&executor, 7, Until::Done, async || 42)?;
    /// drop(executor); // nobody ever ran it
    /// let lost = smol::block_on(handle.outcome());
    /// assert_eq!(lost.err(), Some(CallError::TaskLost));
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn spawn_on<'a, Q, M, F, T>(
        &self,
        executor: &Executor<'a>,
        key: Q,
        until: Until,
        work: F,
    ) -> Result<Spawned<K, V, S>, CallError>
    where
        K: Send + Sync + 'a,
        V: Send + Sync + 'a,
        S: Send + Sync + 'a,
        Q: Key<K, M>,
        F: FnOnce() -> T + Send + 'a,
        T: Future<Output = V> + Send + 'a,
    {
        let (call, stake) = self.arrival(key, until)?.into_call(work);
        Ok(stake.joined_by(Joining::new(executor.spawn(call))))
    }

    /// As [`spawn_on`](Self::spawn_on), on the thread of `executor`; neither the work nor the
    /// value need be `Send`.
    ///
    /// # Errors
    ///
    /// The refusals of [`join`](singleflight_core::Group::join).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::rc::Rc;
    /// use singleflight_smol::{Group, Until};
    ///
    /// let executor = smol::LocalExecutor::new();
    /// let group: Group<u64, Rc<str>> = Group::new();
    /// let handle = group.spawn_local(&executor, 7, Until::Done, async || "seven".into())?;
    /// let outcome = smol::block_on(executor.run(handle.outcome()))?;
    /// assert_eq!(&*outcome.value, "seven");
    /// # Ok::<_, singleflight_smol::CallError>(())
    /// ```
    pub fn spawn_local<'a, Q, M, F, T>(
        &self,
        executor: &LocalExecutor<'a>,
        key: Q,
        until: Until,
        work: F,
    ) -> Result<Spawned<K, V, S>, CallError>
    where
        K: 'a,
        V: 'a,
        S: 'a,
        Q: Key<K, M>,
        F: FnOnce() -> T + 'a,
        T: Future<Output = V> + 'a,
    {
        let (call, stake) = self.arrival(key, until)?.into_call(work);
        Ok(stake.joined_by(Joining::new(executor.spawn(call))))
    }

    fn arrival<Q, M>(&self, key: Q, until: Until) -> Result<Arrival<Shared<K, V, S>>, CallError>
    where
        Q: Key<K, M>,
    {
        singleflight_core::Group::arrive(Arc::clone(self.shared()), key, until)
    }
}
