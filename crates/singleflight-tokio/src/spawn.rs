//! Calls that own a task: the work outlives its caller.

use std::future::Future;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use singleflight_core::{Answer, Arrival, CallError, DefaultHashBuilder, Join, Key, Until};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, LocalSet};

use crate::group::Group;

/// The core's group, as a task reaches it.
type Shared<K, V, S> = Arc<singleflight_core::Group<K, V, S>>;

/// The handle to a call that runs by itself. See [`spawn`](Group::spawn).
pub type Spawned<K, V, S = DefaultHashBuilder> =
    singleflight_core::Spawned<Shared<K, V, S>, Joining<V>>;

/// The join handle of a spawned call's task. Dropping it lets the task run on.
#[derive(Debug)]
pub struct Joining<V>(JoinHandle<Answer<V>>);

impl<V> Future for Joining<V> {
    type Output = Answer<V>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer<V>> {
        let joined = ready!(Pin::new(&mut self.0).poll(context));
        // A call does not panic: its task was dropped.
        Poll::Ready(joined.unwrap_or(Err(CallError::TaskLost)))
    }
}

impl<V> Join<V> for Joining<V> {
    fn join(self) -> impl Future<Output = Answer<V>> {
        self
    }
}

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
    /// depends on any caller being polled.
    ///
    /// # Errors
    ///
    /// [`NotSpawned`](CallError::NotSpawned) outside a runtime, and the refusals of
    /// [`join`](singleflight_core::Group::join). On a runtime that is shutting down the handle
    /// receives [`TaskLost`](CallError::TaskLost).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), singleflight_tokio::CallError> {
    /// let group: singleflight_tokio::Group<String, u32> = Default::default();
    /// let handle = group.spawn("key", async || 42)?;
    /// assert_eq!(group.in_flight(), 1, "claimed, and nothing was polled yet");
    /// assert_eq!(handle.outcome().await?.value, 42);
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawn<Q, M, F, T>(&self, key: Q, work: F) -> Result<Spawned<K, V, S>, CallError>
    where
        Q: Key<K, M>,
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = V> + Send + 'static,
    {
        self.spawn_on(&current()?, key, Until::Done, work)
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
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), singleflight_tokio::CallError> {
    /// let group: singleflight_tokio::Group<&str, u32> = Default::default();
    /// let handle = group.spawn_until_unwanted("key", std::future::pending)?;
    /// drop(handle);
    /// while group.in_flight() > 0 {
    ///     tokio::task::yield_now().await;
    /// }
    /// # Ok(())
    /// # }
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
        self.spawn_on(&current()?, key, Until::Unwanted, work)
    }

    /// As [`spawn`](Self::spawn), on a runtime of the caller's choice.
    ///
    /// # Errors
    ///
    /// The refusals of [`join`](singleflight_core::Group::join).
    pub fn spawn_on<Q, M, F, T>(
        &self,
        runtime: &Handle,
        key: Q,
        until: Until,
        work: F,
    ) -> Result<Spawned<K, V, S>, CallError>
    where
        Q: Key<K, M>,
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = V> + Send + 'static,
    {
        let (call, stake) = self.arrival(key, until)?.into_call(work);
        Ok(stake.joined_by(Joining(runtime.spawn(call))))
    }
}

impl<K, V, S> Group<K, V, S>
where
    K: Eq + 'static,
    V: Clone + 'static,
    S: BuildHasher + 'static,
{
    /// As [`spawn`](Self::spawn), on the thread of `local`; neither the work nor the value need
    /// be `Send`.
    ///
    /// # Errors
    ///
    /// The refusals of [`join`](singleflight_core::Group::join).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::rc::Rc;
    /// use singleflight_tokio::{Group, Until};
    /// use tokio::task::LocalSet;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), singleflight_tokio::CallError> {
    /// let group: Group<u64, Rc<str>> = Group::new();
    /// let local = LocalSet::new();
    /// let handle = group.spawn_local(&local, 7, Until::Done, async || "seven".into())?;
    /// let outcome = local.run_until(handle.outcome()).await?;
    /// assert_eq!(&*outcome.value, "seven");
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawn_local<Q, M, F, T>(
        &self,
        local: &LocalSet,
        key: Q,
        until: Until,
        work: F,
    ) -> Result<Spawned<K, V, S>, CallError>
    where
        Q: Key<K, M>,
        F: FnOnce() -> T + 'static,
        T: Future<Output = V> + 'static,
    {
        let (call, stake) = self.arrival(key, until)?.into_call(work);
        Ok(stake.joined_by(Joining(local.spawn_local(call))))
    }

    fn arrival<Q, M>(&self, key: Q, until: Until) -> Result<Arrival<Shared<K, V, S>>, CallError>
    where
        Q: Key<K, M>,
    {
        singleflight_core::Group::arrive(Arc::clone(self.shared()), key, until)
    }
}

fn current() -> Result<Handle, CallError> {
    Handle::try_current().map_err(|_| CallError::NotSpawned)
}
