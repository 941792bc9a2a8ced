//! What the protocol needs of the world: a server that runs scripts, a clock, tasks, and an inbox.
//! `Link` is the real one; the model test has one that loses things.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::inbox::Inbox;
pub(crate) use crate::key::Id;

/// A future in a box: the world is behind a pointer.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a script is asked for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Verb {
    Join,
    Land,
    Look,
    Renew,
    Abandon,
    Forget,
}

/// One script with its keys and arguments. The id of the server's run is added by the engine.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) verb: Verb,
    pub(crate) keys: Vec<Vec<u8>>,
    pub(crate) args: Vec<Vec<u8>>,
}

/// What a script answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) code: i64,
    pub(crate) data: Vec<u8>,
    /// A token, the server's time in microseconds, the milliseconds that a lease has left.
    pub(crate) numbers: [i64; 3],
    /// Which run of which server answered.
    pub(crate) run: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) enum Failure {
    /// Nothing was sent: the server cannot be reached.
    Down(String),
    /// It was sent, and may have been carried out.
    Unanswered(String),
    /// The server refused it. Nothing has changed.
    Refused(String),
}

/// The world as the protocol sees it.
pub(crate) trait Engine: Send + Sync + 'static {
    /// Sends one script and waits for its answer.
    fn send(&self, message: Message) -> Boxed<'_, Result<Reply, Failure>>;
    /// The time, by a clock that only goes forward.
    fn now(&self) -> Duration;
    fn sleep(&self, duration: Duration) -> Boxed<'static, ()>;
    fn spawn(&self, task: Boxed<'static, ()>);
    fn inbox(&self) -> &Inbox;
    /// A lease was lost: the server may be in another run than the engine thinks.
    fn doubt(&self) {}
    /// Whether the client below sends by itself again what was not answered.
    fn resends(&self) -> bool {
        false
    }
}

impl fmt::Debug for dyn Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

/// How often a script is sent that was not answered.
const SENDS: u32 = 3;

/// Sends a script until it is answered, a few times; each time it is made anew.
pub(crate) async fn insist(
    engine: &dyn Engine,
    mut message: impl FnMut() -> Message,
) -> Result<Reply, Failure> {
    let mut sends = 1;
    loop {
        match engine.send(message()).await {
            Err(Failure::Unanswered(_)) if sends < SENDS => sends += 1,
            answer => return answer,
        }
    }
}
