//! Which runtime sleeps and spawns for us.

use std::future::Future;
use std::time::Duration;

use crate::engine::Boxed;

/// The runtime on which a [`Server`](crate::Server) keeps its connections.
///
/// `redis` finds out by itself which one it is on. Where both features are enabled in one program
/// see [`redis::aio`]'s `prefer_tokio` and `prefer_smol`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Runtime {
    /// tokio: the one that is entered where [`Server::connect`](crate::Server::connect) is called. A
    /// server outlives it: what comes after its end connects anew, on the runtime of the call. Outside
    /// of any, Redis counts as down then. Each such runtime must have its timers and its input and
    /// output enabled (`enable_all`): tokio panics where they are missing. And as long as it is there, it
    /// must be driven: in a runtime that is kept and runs nothing no answer comes and no time passes.
    #[cfg(feature = "tokio")]
    Tokio,
    /// smol: its global executor.
    #[cfg(feature = "smol")]
    Smol,
}

/// A runtime that was found.
#[derive(Clone, Debug)]
pub(crate) enum Entered {
    #[cfg(feature = "tokio")]
    Tokio(std::sync::Arc<tokio_runtime::Entered>),
    #[cfg(feature = "smol")]
    Smol,
}

impl Runtime {
    #[cfg_attr(
        not(feature = "tokio"),
        expect(
            clippy::unnecessary_wraps,
            reason = "tokio may be missing, smol is everywhere"
        )
    )]
    pub(crate) fn enter(self) -> Result<Entered, String> {
        match self {
            #[cfg(feature = "tokio")]
            Self::Tokio => tokio::runtime::Handle::try_current()
                .map(|handle| Entered::Tokio(tokio_runtime::Entered::new(handle)))
                .map_err(|_| "there is no tokio runtime here".to_owned()),
            #[cfg(feature = "smol")]
            Self::Smol => Ok(Entered::Smol),
        }
    }
}

impl Entered {
    /// Spawns a task, or drops it where there is no runtime any more.
    pub(crate) fn spawn(&self, task: Boxed<'static, ()>) {
        match self {
            #[cfg(feature = "tokio")]
            Self::Tokio(entered) => {
                if let Some(handle) = entered.handle() {
                    drop(handle.spawn(task));
                }
            }
            #[cfg(feature = "smol")]
            Self::Smol => smol::spawn(task).detach(),
        }
    }

    pub(crate) fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        match self {
            #[cfg(feature = "tokio")]
            Self::Tokio(entered) => entered.sleep(duration),
            #[cfg(feature = "smol")]
            Self::Smol => Box::pin(async move {
                smol::Timer::after(duration).await;
            }),
        }
    }

    /// Polls what looks for its runtime by itself. `None` where there is no runtime any more.
    pub(crate) async fn inside<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        match self {
            #[cfg(feature = "tokio")]
            Self::Tokio(entered) => entered.inside(future).await,
            #[cfg(feature = "smol")]
            Self::Smol => Some(future.await),
        }
    }
}

/// tokio's timers panic when their runtime has ended, so that has to be known.
#[cfg(feature = "tokio")]
mod tokio_runtime {
    use std::future::{Future, pending, poll_fn};
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Poll;
    use std::thread;
    use std::time::{Duration, Instant};

    use event_listener::{Event, Listener as _};
    use futures_lite::future::yield_now;
    use tokio::runtime::Handle;
    use tokio::task::AbortHandle;

    use crate::engine::Boxed;

    #[derive(Debug)]
    pub(crate) struct Entered {
        handle: Handle,
        has_ended: Arc<AtomicBool>,
        /// A runtime that ends drops its tasks before it stops its timers.
        witness: AbortHandle,
    }

    /// Notes that the runtime drops its tasks.
    struct Witness(Arc<AtomicBool>);

    impl Drop for Witness {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }

    impl Entered {
        pub(super) fn new(handle: Handle) -> Arc<Self> {
            let has_ended = Arc::new(AtomicBool::new(false));
            let witness = Witness(Arc::clone(&has_ended));
            let witness = handle.spawn(async move {
                let _witness = witness;
                pending::<()>().await;
            });
            Arc::new(Self {
                handle,
                has_ended,
                witness: witness.abort_handle(),
            })
        }

        fn has_ended(&self) -> bool {
            self.has_ended.load(Ordering::Acquire)
        }

        /// The runtime, or the caller's if that has ended.
        pub(super) fn handle(&self) -> Option<Handle> {
            if self.has_ended() {
                Handle::try_current().ok()
            } else {
                Some(self.handle.clone())
            }
        }

        pub(super) async fn inside<T>(&self, future: impl Future<Output = T>) -> Option<T> {
            let mut future = pin!(future);
            // The caller's, once this one has ended: the future may have a timer on it.
            let mut other: Option<Arc<Self>> = None;
            poll_fn(|context| {
                if self.has_ended() && other.is_none() {
                    other = Handle::try_current().ok().map(Self::new);
                }
                let runtime = match &other {
                    Some(other) => Some(&**other),
                    None => Some(self),
                };
                let Some(runtime) = runtime.filter(|runtime| !runtime.has_ended()) else {
                    return Poll::Ready(None);
                };
                let _entered = runtime.handle.enter();
                future.as_mut().poll(context).map(Some)
            })
            .await
        }

        pub(super) fn sleep(self: &Arc<Self>, duration: Duration) -> Boxed<'static, ()> {
            let (entered, begun) = (Arc::clone(self), Instant::now());
            // A timer is made where its runtime is entered, wherever it is polled.
            let timer = {
                let _entered = self.handle.enter();
                tokio::time::sleep(duration)
            };
            Box::pin(async move {
                let mut timer = pin!(timer);
                let is_over = poll_fn(|context| {
                    if entered.has_ended() {
                        return Poll::Ready(false);
                    }
                    timer.as_mut().poll(context).map(|()| true)
                });
                if !is_over.await {
                    let left = duration.saturating_sub(begun.elapsed());
                    match Handle::try_current() {
                        Ok(handle) => Self::new(handle).sleep(left).await,
                        Err(_) => sleep_on_a_thread(left).await,
                    }
                }
            })
        }
    }

    impl Drop for Entered {
        fn drop(&mut self) {
            self.witness.abort();
        }
    }

    #[derive(Default)]
    struct Sleep {
        is_dropped: Event,
        is_over: Event,
    }

    /// Tells the thread.
    struct Sleeps(Arc<Sleep>);

    impl Drop for Sleeps {
        fn drop(&mut self) {
            self.0.is_dropped.notify(1);
        }
    }

    /// Where there is no runtime. Without a thread either, it looks at the clock.
    async fn sleep_on_a_thread(duration: Duration) {
        let begun = Instant::now();
        let sleep = Arc::new(Sleep::default());
        let (dropped, over) = (sleep.is_dropped.listen(), sleep.is_over.listen());
        let _sleeps = Sleeps(Arc::clone(&sleep));
        let thread = thread::Builder::new().name("singleflight".to_owned());
        let thread = thread.spawn(move || {
            dropped.wait_timeout(duration);
            sleep.is_over.notify(1);
        });
        if thread.is_ok() {
            return over.await;
        }
        while begun.elapsed() < duration {
            yield_now().await;
        }
    }
}
