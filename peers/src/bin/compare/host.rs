//! The runtimes, as far as a measurement has to know them: one thread each, and what it costs
//! there to have a task of one's own.

use std::future::Future;

use smol::Executor;
use tokio::runtime;

/// A runtime of one thread.
pub(crate) trait Host: 'static {
    const NAME: &'static str;

    /// What it spawns.
    type Task<T: Send + 'static>;

    fn start() -> Self;

    /// Runs it on this thread, and what has been spawned with it.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;

    fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Self::Task<T>;

    fn join<T: Send + 'static>(task: Self::Task<T>) -> impl Future<Output = T>;
}

/// tokio, on one thread.
pub(crate) struct OnTokio(runtime::Runtime);

impl Host for OnTokio {
    const NAME: &'static str = "tokio";

    type Task<T: Send + 'static> = tokio::task::JoinHandle<T>;

    fn start() -> Self {
        let runtime = runtime::Builder::new_current_thread().build();
        Self(runtime.expect("a runtime of one thread needs nothing"))
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }

    fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Self::Task<T> {
        self.0.spawn(future)
    }

    async fn join<T: Send + 'static>(task: Self::Task<T>) -> T {
        task.await.expect("no task here panics")
    }
}

/// smol's executor, on one thread.
pub(crate) struct OnSmol(Executor<'static>);

impl OnSmol {
    pub(crate) fn executor(&self) -> &Executor<'static> {
        &self.0
    }
}

impl Host for OnSmol {
    const NAME: &'static str = "smol";

    type Task<T: Send + 'static> = smol::Task<T>;

    fn start() -> Self {
        Self(Executor::new())
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        smol::future::block_on(self.0.run(future))
    }

    fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Self::Task<T> {
        self.0.spawn(future)
    }

    async fn join<T: Send + 'static>(task: Self::Task<T>) -> T {
        task.await
    }
}
