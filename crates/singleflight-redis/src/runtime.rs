//! Which runtime sleeps and spawns for us.

use std::time::Duration;

use crate::engine::Boxed;

/// The runtime on which a [`Server`](crate::Server) keeps its connections.
///
/// `redis` finds out by itself which one it is on. Where both features are enabled in one program
/// see [`redis::aio`]'s `prefer_tokio` and `prefer_smol`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Runtime {
    /// tokio: the one that is entered where [`Server::connect`](crate::Server::connect) is called.
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
    Tokio(tokio::runtime::Handle),
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
                .map(Entered::Tokio)
                .map_err(|_| "there is no tokio runtime here".to_owned()),
            #[cfg(feature = "smol")]
            Self::Smol => Ok(Entered::Smol),
        }
    }
}

impl Entered {
    pub(crate) fn spawn(&self, task: Boxed<'static, ()>) {
        match *self {
            #[cfg(feature = "tokio")]
            Self::Tokio(ref handle) => drop(handle.spawn(task)),
            #[cfg(feature = "smol")]
            Self::Smol => smol::spawn(task).detach(),
        }
    }

    pub(crate) fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        match *self {
            #[cfg(feature = "tokio")]
            Self::Tokio(ref handle) => {
                // A timer is made where its runtime is entered, wherever it is polled.
                let _entered = handle.enter();
                Box::pin(tokio::time::sleep(duration))
            }
            #[cfg(feature = "smol")]
            Self::Smol => Box::pin(async move {
                smol::Timer::after(duration).await;
            }),
        }
    }
}
