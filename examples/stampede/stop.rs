//! Ctrl-C, or another signal to end, as everyone who must end early sees it.

use std::io;

use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Whether the person at the keyboard wants an end. Cheaply cloned.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    asked: watch::Receiver<bool>,
}

impl Stop {
    /// Listens for Ctrl-C, and for the signals that end a program or its terminal, from now on, by a task
    /// of `runtime`.
    pub(crate) fn on_interrupt(runtime: &Runtime) -> Self {
        let (ask, asked) = watch::channel(false);
        runtime.spawn(async move {
            // Without a handler a signal ends the process as it always does.
            if interrupted().await.is_ok() {
                ask.send_replace(true);
            }
        });
        Self { asked }
    }

    /// One that is never asked: for a process that another one ends.
    pub(crate) fn forever() -> Self {
        Self {
            asked: watch::channel(false).1,
        }
    }

    /// Whether an end is wanted.
    pub(crate) fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Ends when an end is wanted; never, if nobody can want one any more.
    pub(crate) async fn asked(&self) {
        let mut asked = self.asked.clone();
        if asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// One that is asked by a test.
    #[cfg(test)]
    pub(crate) fn by_hand() -> (watch::Sender<bool>, Self) {
        let (ask, asked) = watch::channel(false);
        (ask, Self { asked })
    }

    /// One that has been asked already.
    #[cfg(test)]
    pub(crate) fn already() -> Self {
        Self {
            asked: watch::channel(true).1,
        }
    }
}

#[cfg(unix)]
async fn interrupted() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let [mut ends, mut hangs_up] = [
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    ];
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = ends.recv() => Ok(()),
        _ = hangs_up.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn interrupted() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
