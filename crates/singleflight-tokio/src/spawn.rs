//! Calls that own a task: the work outlives its caller.

use std::borrow::Borrow;
use std::future::Future;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use singleflight_core::{
    CallError, CallResult, DefaultHashBuilder, GroupRef, Key, NoDeadline, Outcome, Shares,
};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, LocalSet};

use crate::group::{Call, Current, Group, SpawnCall};

/// The handle to a call that runs by itself: a future of `Result<V, CallError>`. See
/// [`spawn`](Group::spawn).
pub type Spawned<K, V, S = DefaultHashBuilder> =
    singleflight_core::Spawned<Group<K, V, S>, Task<Outcome<V>>>;

/// The handle to a call that runs by itself and may fail: a future of
/// `Result<Result<V, E>, CallError>`. See [`try_spawn`](Call::try_spawn).
pub type TrySpawned<K, V, E, S = DefaultHashBuilder> =
    singleflight_core::Spawned<Group<K, V, S>, Task<Result<Outcome<V>, E>>>;

/// The join handle of a spawned call's task. Dropping it lets the task run on.
#[derive(Debug)]
pub struct Task<O>(JoinHandle<CallResult<O>>);

impl<O> Future for Task<O> {
    type Output = CallResult<O>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CallResult<O>> {
        let joined = ready!(Pin::new(&mut self.0).poll(context));
        // A call does not panic: its task was dropped.
        Poll::Ready(joined.unwrap_or(Err(CallError::TaskLost)))
    }
}

/// The runtime that a call is spawned on. See [`Call::on`].
#[derive(Clone, Debug)]
pub struct OnRuntime(Handle);

/// The thread that a call is spawned on. See [`Call::local`].
#[derive(Clone, Copy, Debug)]
pub struct OnLocal<'r>(&'r LocalSet);

impl<K, V, S> Group<K, V, S>
where
    K: Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Runs `work` in a task of its own, unless somebody is running it: Go's `DoChan`. The work
    /// goes on to its end even if every handle is dropped.
    ///
    /// The key is claimed or joined when this returns, and neither the work nor the claim
    /// depends on any caller being polled. A timeout around the handle bounds the wait and nothing
    /// else.
    ///
    /// # Errors
    ///
    /// The handle tells them, and tells nothing if it is never awaited:
    /// [`NotSpawned`](CallError::NotSpawned) outside a runtime, the refusals of
    /// [`join`](Self::join), [`LeaderPanicked`](CallError::LeaderPanicked) if the work panicked, and
    /// [`TaskLost`](CallError::TaskLost) if the runtime was shut down.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::{CallError, Group};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), CallError> {
    /// let group: Group<String, u32> = Group::new();
    /// let handle = group.spawn("key", async || 42);
    /// assert_eq!(group.in_flight(), 1, "claimed, and nothing was polled yet");
    /// assert_eq!(handle.await?, 42);
    /// # Ok(())
    /// # }
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
    /// Spawns the call on a runtime of the caller's choice.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::Group;
    /// use tokio::runtime::Runtime;
    ///
    /// let (runtime, group) = (Runtime::new().unwrap(), Group::<u64, u64>::new());
    /// // Here no runtime runs.
    /// let handle = group.call(7).on(runtime.handle()).spawn(async || 42);
    /// assert_eq!(runtime.block_on(handle)?, 42);
    /// # Ok::<_, singleflight_tokio::CallError>(())
    /// ```
    pub fn on(self, runtime: &Handle) -> SpawnCall<K, V, S, Q, M, P, OnRuntime> {
        self.spawnable().on(runtime)
    }

    /// Spawns the call on the thread of `local`; neither the work nor the value need be `Send`.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::{CallError, Group};
    /// use std::rc::Rc;
    /// use tokio::task::LocalSet;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), CallError> {
    /// let group: Group<u64, Rc<str>> = Group::new();
    /// let local = LocalSet::new();
    /// let handle = group.call(7).local(&local).spawn(async || "seven".into());
    /// assert_eq!(&*local.run_until(handle).await?, "seven");
    /// # Ok(())
    /// # }
    /// ```
    pub fn local(self, local: &LocalSet) -> SpawnCall<K, V, S, Q, M, P, OnLocal<'_>> {
        self.spawnable().local(local)
    }

    /// Makes the call in a task of its own. See [`Group::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::{CallError, Group};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), CallError> {
    /// let group: Group<u64, u64> = Group::new();
    /// let handle = group.call(7).share_if(|value| *value < 10).spawn(async || 42);
    /// assert_eq!(handle.await?, 42, "its own caller has it");
    /// assert_eq!(group.stats().landed, 0, "and nobody else could have had it");
    /// # Ok(())
    /// # }
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
    /// use singleflight_tokio::{CallError, Group};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), CallError> {
    /// let group: Group<u64, u32> = Group::new();
    /// let failed = group.call(7).try_spawn(async || Err("no route")).await?;
    /// assert_eq!(failed, Err("no route"));
    /// # Ok(())
    /// # }
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
    /// use singleflight_tokio::Group;
    /// use tokio::runtime::Runtime;
    ///
    /// let (runtime, group) = (Runtime::new().unwrap(), Group::<u64, u64>::new());
    /// // Here no runtime runs.
    /// let call = group.call(7).while_wanted().on(runtime.handle());
    /// let handle = call.spawn(async || 42);
    /// assert_eq!(runtime.block_on(handle)?, 42);
    /// # Ok::<_, singleflight_tokio::CallError>(())
    /// ```
    pub fn on(self, runtime: &Handle) -> SpawnCall<K, V, S, Q, M, P, OnRuntime> {
        self.with_runtime(OnRuntime(runtime.clone()))
    }

    /// As [`Call::local`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::{CallError, Group};
    /// use std::rc::Rc;
    /// use tokio::task::LocalSet;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), CallError> {
    /// let group: Group<u64, Rc<str>> = Group::new();
    /// let local = LocalSet::new();
    /// let handle = group.call(7).while_wanted().local(&local).spawn(async || "seven".into());
    /// assert_eq!(&*local.run_until(handle).await?, "seven");
    /// # Ok(())
    /// # }
    /// ```
    pub fn local(self, local: &LocalSet) -> SpawnCall<K, V, S, Q, M, P, OnLocal<'_>> {
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
    /// use singleflight_tokio::{CallError, Group};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), CallError> {
    /// let group: Group<u64, u64> = Group::new();
    /// let first = group.call(7).while_wanted().spawn(async || 42);
    /// let second = group.call(7).while_wanted().spawn(async || unreachable!("the first leads"));
    /// assert_eq!((first.await?, second.await?), (42, 42));
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawn<F, T>(self, work: F) -> Spawned<K, V, S>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = V> + Send + 'static,
    {
        match Handle::try_current() {
            Ok(runtime) => self.on(&runtime).spawn(work),
            Err(_) => Spawned::refused(CallError::NotSpawned),
        }
    }

    /// As [`Call::try_spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::{CallError, Group};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), CallError> {
    /// let group: Group<u64, u64> = Group::new();
    /// let first = group.call(7).while_wanted().try_spawn(async || Err("no route"));
    /// let second = group.call(7).while_wanted().try_spawn(async || Ok::<_, &str>(42));
    /// assert_eq!((first.await?, second.await?), (Err("no route"), Ok(42)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_spawn<F, T, E>(self, work: F) -> TrySpawned<K, V, E, S>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = Result<V, E>> + Send + 'static,
        E: Send + 'static,
    {
        match Handle::try_current() {
            Ok(runtime) => self.on(&runtime).try_spawn(work),
            Err(_) => TrySpawned::refused(CallError::NotSpawned),
        }
    }
}

impl<K, V, S, Q, M, P> SpawnCall<K, V, S, Q, M, P, OnRuntime>
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
    /// use singleflight_tokio::{CallError, Group};
    /// use tokio::runtime::Runtime;
    ///
    /// let (runtime, group) = (Runtime::new().unwrap(), Group::<u64, u64>::new());
    /// let handle = group.call(7).on(runtime.handle()).spawn(std::future::pending);
    /// assert_eq!(group.followers(7), Some(0), "the key is claimed");
    /// drop(runtime);
    /// assert_eq!(futures_lite::future::block_on(handle), Err(CallError::TaskLost));
    /// ```
    pub fn spawn<F, T>(self, work: F) -> Spawned<K, V, S>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = V> + Send + 'static,
    {
        self.call.start(|arrived| {
            let (task, guard) = arrived.into_task(work);
            guard.with_task(Task(self.runtime.0.spawn(task)))
        })
    }

    /// As [`Call::try_spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::Group;
    /// use tokio::runtime::Runtime;
    ///
    /// let (runtime, group) = (Runtime::new().unwrap(), Group::<u64, u64>::new());
    /// let handle = group.call(7).on(runtime.handle()).try_spawn(async || Err("no route"));
    /// assert_eq!(runtime.block_on(handle)?, Err("no route"));
    /// # Ok::<_, singleflight_tokio::CallError>(())
    /// ```
    pub fn try_spawn<F, T, E>(self, work: F) -> TrySpawned<K, V, E, S>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = Result<V, E>> + Send + 'static,
        E: Send + 'static,
    {
        self.call.start(|arrived| {
            let (task, guard) = arrived.try_into_task(work);
            guard.with_task(Task(self.runtime.0.spawn(task)))
        })
    }
}

impl<K, V, S, Q, M, P> SpawnCall<K, V, S, Q, M, P, OnLocal<'_>>
where
    K: Eq + 'static,
    V: Clone + 'static,
    S: BuildHasher + 'static,
    Q: Key<K, M>,
    P: Shares<V> + 'static,
{
    /// Makes the call in a task of its own. See [`Group::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::{CallError, Group};
    /// use std::rc::Rc;
    /// use tokio::task::LocalSet;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), CallError> {
    /// let group: Group<u64, Rc<str>> = Group::new();
    /// let (local, name) = (LocalSet::new(), Rc::from("seven"));
    /// let handle = group.call(7).local(&local).spawn(async move || name);
    /// assert_eq!(&*local.run_until(handle).await?, "seven");
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawn<F, T>(self, work: F) -> Spawned<K, V, S>
    where
        F: FnOnce() -> T + 'static,
        T: Future<Output = V> + 'static,
    {
        self.call.start(|arrived| {
            let (task, guard) = arrived.into_task(work);
            guard.with_task(Task(self.runtime.0.spawn_local(task)))
        })
    }

    /// As [`Call::try_spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::{CallError, Group};
    /// use std::rc::Rc;
    /// use tokio::task::LocalSet;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), CallError> {
    /// let group: Group<u64, Rc<str>> = Group::new();
    /// let (local, error) = (LocalSet::new(), Rc::new("no route"));
    /// let handle = group.call(7).local(&local).try_spawn(async move || Err(error));
    /// assert_eq!(local.run_until(handle).await?, Err(Rc::new("no route")));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_spawn<F, T, E>(self, work: F) -> TrySpawned<K, V, E, S>
    where
        F: FnOnce() -> T + 'static,
        T: Future<Output = Result<V, E>> + 'static,
        E: 'static,
    {
        self.call.start(|arrived| {
            let (task, guard) = arrived.try_into_task(work);
            guard.with_task(Task(self.runtime.0.spawn_local(task)))
        })
    }
}
