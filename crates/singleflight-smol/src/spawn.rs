//! Calls that own a task: the work outlives its caller.

use std::borrow::Borrow;
use std::future::Future;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_task::FallibleTask;
use singleflight_core::{
    CallError, CallResult, DefaultHashBuilder, GroupRef, Key, NoDeadline, Outcome, Shares,
};
use smol::{Executor, LocalExecutor};

use crate::group::{Call, Current, Group, SpawnCall};

/// The handle to a call that runs by itself: a future of `Result<V, CallError>`. See
/// [`spawn`](Group::spawn).
pub type Spawned<K, V, S = DefaultHashBuilder> =
    singleflight_core::Spawned<Group<K, V, S>, Task<Outcome<V>>>;

/// The handle to a call that runs by itself and may fail: a future of
/// `Result<Result<V, E>, CallError>`. See [`try_spawn`](Call::try_spawn).
pub type TrySpawned<K, V, E, S = DefaultHashBuilder> =
    singleflight_core::Spawned<Group<K, V, S>, Task<Result<Outcome<V>, E>>>;

/// A spawned call's task. Dropping it lets the task run on.
#[derive(Debug)]
pub struct Task<O>(Option<FallibleTask<CallResult<O>>>);

impl<O> Task<O> {
    fn new(task: smol::Task<CallResult<O>>) -> Self {
        Self(Some(task.fallible()))
    }
}

impl<O> Future for Task<O> {
    type Output = CallResult<O>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CallResult<O>> {
        let task = self.0.as_mut().expect("it is taken when it is dropped");
        let joined = ready!(Pin::new(task).poll(context));
        // If there is none, its executor was dropped, and the task with it.
        Poll::Ready(joined.unwrap_or(Err(CallError::TaskLost)))
    }
}

impl<O> Drop for Task<O> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

/// The executor that a call is spawned on. See [`Call::on`].
#[derive(Clone, Copy, Debug)]
pub struct OnExecutor<'r, 'a>(&'r Executor<'a>);

/// The executor of a thread that a call is spawned on. See [`Call::local`].
#[derive(Clone, Copy, Debug)]
pub struct OnLocal<'r, 'a>(&'r LocalExecutor<'a>);

impl<K, V, S> Group<K, V, S>
where
    K: Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Runs `work` in a task of smol's global executor, unless somebody is running it: Go's `DoChan`. The work
    /// goes on to its end even if every handle is dropped.
    ///
    /// The key is claimed or joined when this returns, and neither the work nor the claim
    /// depends on any caller being polled. A timeout around the handle bounds the wait and nothing
    /// else.
    ///
    /// # Errors
    ///
    /// The handle tells them, and tells nothing if it is never awaited:
    /// the refusals of [`join`](Self::join), [`LeaderPanicked`](CallError::LeaderPanicked) if the
    /// work panicked, and [`TaskLost`](CallError::TaskLost) if the executor was dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group};
    ///
    /// # smol::block_on(async {
    /// let group: Group<String, u32> = Group::new();
    /// let handle = group.spawn("key", async || 42);
    /// assert_eq!(handle.await?, 42);
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "DoChan")]
    pub fn spawn<Q, M, F, T>(&self, key: Q, work: F) -> Spawned<K, V, S>
    where
        Q: Key<K, M>,
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = V> + Send + 'static,
    {
        self.call(key).spawn(work)
    }
}

impl<K, V, S, G, Q, M, P> Call<G, Q, M, P, NoDeadline>
where
    G: GroupRef<Key = K, Value = V, Hasher = S> + Borrow<Group<K, V, S>>,
{
    /// Spawns the call on an executor of the caller's choice.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group};
    /// use smol::Executor;
    ///
    /// # smol::block_on(async {
    /// let group: Group<u64, u64> = Group::new();
    /// let executor = Executor::new();
    /// let handle = group.call(7).on(&executor).spawn(async || 42);
    /// assert_eq!(executor.run(handle).await?, 42);
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn on<'r, 'a>(
        self,
        executor: &'r Executor<'a>,
    ) -> SpawnCall<K, V, S, Q, M, P, OnExecutor<'r, 'a>> {
        self.spawnable().on(executor)
    }

    /// Spawns the call on the thread of `local`; neither the work nor the value need be `Send`.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group};
    /// use std::rc::Rc;
    /// use smol::LocalExecutor;
    ///
    /// # smol::block_on(async {
    /// let group: Group<u64, Rc<str>> = Group::new();
    /// let local = LocalExecutor::new();
    /// let handle = group.call(7).local(&local).spawn(async || "seven".into());
    /// assert_eq!(&*local.run(handle).await?, "seven");
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn local<'r, 'a>(
        self,
        local: &'r LocalExecutor<'a>,
    ) -> SpawnCall<K, V, S, Q, M, P, OnLocal<'r, 'a>> {
        self.spawnable().local(local)
    }

    /// Makes the call in a task of its own. See [`Group::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group};
    ///
    /// # smol::block_on(async {
    /// let group: Group<u64, u64> = Group::new();
    /// let handle = group.call(7).share_if(|value| *value < 10).spawn(async || 42);
    /// assert_eq!(handle.await?, 42, "its own caller has it");
    /// assert_eq!(group.stats().landed, 0, "and nobody else could have had it");
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn spawn<F, T>(self, work: F) -> Spawned<K, V, S>
    where
        K: Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        S: BuildHasher + Send + Sync + 'static,
        Q: Key<K, M>,
        P: Shares<V> + Send + 'static,
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = V> + Send + 'static,
    {
        self.spawnable().spawn(work)
    }

    /// Makes the call in a task of its own, for a work that may fail: an `Err` stays with this
    /// caller, and the next waiting call runs its own work. See [`Group::try_run`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group};
    ///
    /// # smol::block_on(async {
    /// let group: Group<u64, u32> = Group::new();
    /// let failed = group.call(7).try_spawn(async || Err("no route")).await?;
    /// assert_eq!(failed, Err("no route"));
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn try_spawn<F, T, E>(self, work: F) -> TrySpawned<K, V, E, S>
    where
        K: Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        S: BuildHasher + Send + Sync + 'static,
        Q: Key<K, M>,
        P: Shares<V> + Send + 'static,
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = Result<V, E>> + Send + 'static,
        E: Send + 'static,
    {
        self.spawnable().try_spawn(work)
    }
}

impl<K, V, S, Q, M, P, R> SpawnCall<K, V, S, Q, M, P, R> {
    /// As [`Call::on`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group};
    /// use smol::Executor;
    ///
    /// # smol::block_on(async {
    /// let group: Group<u64, u64> = Group::new();
    /// let executor = Executor::new();
    /// let handle = group.call(7).while_wanted().on(&executor).spawn(async || 42);
    /// assert_eq!(executor.run(handle).await?, 42);
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn on<'r, 'a>(
        self,
        executor: &'r Executor<'a>,
    ) -> SpawnCall<K, V, S, Q, M, P, OnExecutor<'r, 'a>> {
        self.with_runtime(OnExecutor(executor))
    }

    /// As [`Call::local`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group};
    /// use std::rc::Rc;
    /// use smol::LocalExecutor;
    ///
    /// # smol::block_on(async {
    /// let group: Group<u64, Rc<str>> = Group::new();
    /// let local = LocalExecutor::new();
    /// let handle = group.call(7).while_wanted().local(&local).spawn(async || "seven".into());
    /// assert_eq!(&*local.run(handle).await?, "seven");
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn local<'r, 'a>(
        self,
        local: &'r LocalExecutor<'a>,
    ) -> SpawnCall<K, V, S, Q, M, P, OnLocal<'r, 'a>> {
        self.with_runtime(OnLocal(local))
    }
}

impl<K, V, S, Q, M, P> SpawnCall<K, V, S, Q, M, P, Current>
where
    K: Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
    Q: Key<K, M>,
    P: Shares<V> + Send + 'static,
{
    /// Makes the call in a task of its own. See [`Group::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group};
    ///
    /// # smol::block_on(async {
    /// let group: Group<u64, u64> = Group::new();
    /// let call = group.call(7).while_wanted();
    /// let handle = call.spawn(async || 42);
    /// assert_eq!(handle.await?, 42);
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn spawn<F, T>(self, work: F) -> Spawned<K, V, S>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = V> + Send + 'static,
    {
        self.call.start(|arrived| {
            let (task, guard) = arrived.into_task(work);
            guard.with_task(Task::new(smol::spawn(task)))
        })
    }

    /// As [`Call::try_spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group};
    ///
    /// # smol::block_on(async {
    /// let group: Group<u64, u64> = Group::new();
    /// let first = group.call(7).while_wanted().try_spawn(async || Err("no route"));
    /// let second = group.call(7).while_wanted().try_spawn(async || Ok::<_, &str>(42));
    /// assert_eq!((first.await?, second.await?), (Err("no route"), Ok(42)));
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn try_spawn<F, T, E>(self, work: F) -> TrySpawned<K, V, E, S>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = Result<V, E>> + Send + 'static,
        E: Send + 'static,
    {
        self.call.start(|arrived| {
            let (task, guard) = arrived.try_into_task(work);
            guard.with_task(Task::new(smol::spawn(task)))
        })
    }
}

impl<'a, K, V, S, Q, M, P> SpawnCall<K, V, S, Q, M, P, OnExecutor<'_, 'a>>
where
    K: Eq + Send + Sync + 'a,
    V: Clone + Send + Sync + 'a,
    S: BuildHasher + Send + Sync + 'a,
    Q: Key<K, M>,
    P: Shares<V> + Send + 'a,
{
    /// Makes the call in a task of its own. See [`Group::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group};
    /// use smol::Executor;
    ///
    /// # smol::block_on(async {
    /// let group: Group<u64, u64> = Group::new();
    /// let executor = Executor::new();
    /// let handle = group.call(7).on(&executor).spawn(std::future::pending);
    /// assert_eq!(group.followers(7), Some(0), "the key is claimed");
    /// drop(executor);
    /// assert_eq!(handle.await, Err(CallError::TaskLost));
    /// # });
    /// ```
    pub fn spawn<F, T>(self, work: F) -> Spawned<K, V, S>
    where
        F: FnOnce() -> T + Send + 'a,
        T: Future<Output = V> + Send + 'a,
    {
        self.call.start(|arrived| {
            let (task, guard) = arrived.into_task(work);
            guard.with_task(Task::new(self.runtime.0.spawn(task)))
        })
    }

    /// As [`Call::try_spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group};
    /// use smol::Executor;
    ///
    /// # smol::block_on(async {
    /// let group: Group<u64, u64> = Group::new();
    /// let executor = Executor::new();
    /// let handle = group.call(7).on(&executor).try_spawn(async || Err("no route"));
    /// assert_eq!(executor.run(handle).await?, Err("no route"));
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn try_spawn<F, T, E>(self, work: F) -> TrySpawned<K, V, E, S>
    where
        F: FnOnce() -> T + Send + 'a,
        T: Future<Output = Result<V, E>> + Send + 'a,
        E: Send + 'a,
    {
        self.call.start(|arrived| {
            let (task, guard) = arrived.try_into_task(work);
            guard.with_task(Task::new(self.runtime.0.spawn(task)))
        })
    }
}

impl<'a, K, V, S, Q, M, P> SpawnCall<K, V, S, Q, M, P, OnLocal<'_, 'a>>
where
    K: Eq + 'a,
    V: Clone + 'a,
    S: BuildHasher + 'a,
    Q: Key<K, M>,
    P: Shares<V> + 'a,
{
    /// Makes the call in a task of its own. See [`Group::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group};
    /// use std::rc::Rc;
    /// use smol::LocalExecutor;
    ///
    /// # smol::block_on(async {
    /// let group: Group<u64, Rc<str>> = Group::new();
    /// let (local, name) = (LocalExecutor::new(), Rc::from("seven"));
    /// let handle = group.call(7).local(&local).spawn(async move || name);
    /// assert_eq!(&*local.run(handle).await?, "seven");
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn spawn<F, T>(self, work: F) -> Spawned<K, V, S>
    where
        F: FnOnce() -> T + 'a,
        T: Future<Output = V> + 'a,
    {
        self.call.start(|arrived| {
            let (task, guard) = arrived.into_task(work);
            guard.with_task(Task::new(self.runtime.0.spawn(task)))
        })
    }

    /// As [`Call::try_spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::{CallError, Group};
    /// use std::rc::Rc;
    /// use smol::LocalExecutor;
    ///
    /// # smol::block_on(async {
    /// let group: Group<u64, Rc<str>> = Group::new();
    /// let (local, error) = (LocalExecutor::new(), Rc::new("no route"));
    /// let handle = group.call(7).local(&local).try_spawn(async move || Err(error));
    /// assert_eq!(local.run(handle).await?, Err(Rc::new("no route")));
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn try_spawn<F, T, E>(self, work: F) -> TrySpawned<K, V, E, S>
    where
        F: FnOnce() -> T + 'a,
        T: Future<Output = Result<V, E>> + 'a,
        E: 'a,
    {
        self.call.start(|arrived| {
            let (task, guard) = arrived.try_into_task(work);
            guard.with_task(Task::new(self.runtime.0.spawn(task)))
        })
    }
}
