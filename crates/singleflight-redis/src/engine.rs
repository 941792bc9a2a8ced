//! What the protocol needs of the world: a server that runs scripts, a clock, tasks, and an inbox.
//! `Link` is the real one; the model test has one that loses things.

use std::fmt;
use std::future::Future;
use std::io::Write as _;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::inbox::Inbox;
pub(crate) use crate::key::Id;
use crate::key::Name;

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
    /// How many of the parts are keys.
    pub(crate) keys: usize,
    /// One part after another, and where each ends: few allocations, whatever it is made of.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Message {
    pub(crate) fn new(verb: Verb, keys: &[Name<'_>]) -> Self {
        let message = Self {
            verb,
            keys: keys.len(),
            bytes: Vec::with_capacity(256),
            ends: Vec::with_capacity(12),
        };
        keys.iter().fold(message, |mut message, [name, ending]| {
            message.bytes.extend_from_slice(name);
            message.arg(ending)
        })
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        self.bytes.extend_from_slice(arg.as_ref());
        self.ends.push(self.bytes.len());
        self
    }

    /// An argument, as it is shown.
    pub(crate) fn shown(mut self, arg: impl fmt::Display) -> Self {
        write!(self.bytes, "{arg}").expect("there is memory");
        self.arg([])
    }

    /// The keys, and then the arguments.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        let part = move |&end| &self.bytes[mem::replace(&mut from, end)..end];
        self.ends.iter().map(part)
    }
}

/// What a script answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) code: i64,
    pub(crate) data: Vec<u8>,
    /// The server's time in microseconds, and a token; zero where there is none.
    pub(crate) numbers: [i64; 2],
    /// Which run of which server answered.
    pub(crate) run: Arc<[u8]>,
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
    fn resends(&self) -> bool;
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
