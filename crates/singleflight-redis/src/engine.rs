//! What the protocol needs of the world: a server that runs scripts, a clock, tasks, and a way to
//! be told of landings. `Server` is the real one; the model test has one that loses things.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event_listener::Event;

/// Tells a flight apart from every other, on every machine.
pub(crate) type Id = [u8; 16];

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
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// Nothing was sent: the server cannot be reached.
    Down(String),
    /// It was sent, and may have been carried out.
    Unanswered(String),
    /// The server refused it. Nothing has changed.
    Refused(String),
}

impl Failure {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Down(text) | Self::Unanswered(text) | Self::Refused(text) => text,
        }
    }
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

/// Where this process hears that a flight has ended.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) channel: Vec<u8>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<Id, Arc<Bell>>,
    /// Ids that came when nobody was registered: the push can overtake the answer to JOIN.
    early: VecDeque<Id>,
}

/// What rings when a message has come.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    pub(crate) event: Event,
}

/// How many early ids are kept. One that falls out costs a poll interval.
const EARLY: usize = 256;

/// A place among those who are told of a flight, until it is dropped.
pub(crate) struct Registered<'a> {
    inbox: &'a Inbox,
    id: Id,
    bell: Arc<Bell>,
}

impl Bell {
    fn ring(&self) {
        // Pairs with `take`: whoever listens first and takes then is woken, or sees it.
        self.rung.store(true, Ordering::SeqCst);
        self.event.notify(usize::MAX);
    }

    /// Whether it has rung since the last time.
    pub(crate) fn take(&self) -> bool {
        self.rung.swap(false, Ordering::SeqCst)
    }
}

impl Inbox {
    pub(crate) fn new(channel: Vec<u8>) -> Self {
        let state = Mutex::default();
        Self { channel, state }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Two callers of a process wait for one flight if it was forgotten between them.
    pub(crate) fn register(&self, id: Id) -> Registered<'_> {
        let bell = self.with(|state| {
            let bell = Arc::clone(state.waiting.entry(id).or_default());
            if state.early.contains(&id) {
                bell.ring();
            }
            bell
        });
        let inbox = self;
        Registered { inbox, id, bell }
    }

    /// A message has come: whoever waits for that flight looks.
    pub(crate) fn push(&self, payload: &[u8]) {
        let Ok(id) = Id::try_from(payload) else {
            return;
        };
        let bell = self.with(|state| {
            let bell = state.waiting.get(&id).cloned();
            if bell.is_none() {
                state.early.truncate(EARLY - 1);
                state.early.push_front(id);
            }
            bell
        });
        if let Some(bell) = bell {
            bell.ring();
        }
    }

    /// Messages may have been missed: everybody who waits looks.
    pub(crate) fn push_all(&self) {
        let all: Vec<_> = self.with(|state| state.waiting.values().cloned().collect());
        for bell in all {
            bell.ring();
        }
    }
}

impl Registered<'_> {
    pub(crate) fn bell(&self) -> &Bell {
        &self.bell
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.inbox.with(|state| {
            // One count is the table's, one is this place's.
            if Arc::strong_count(&self.bell) == 2 {
                state.waiting.remove(&self.id);
            }
        });
    }
}

impl fmt::Debug for dyn Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}
