//! The connection of this process, made anew when it breaks.
//!
//! It is made in a task of the runtime, once for all who need it: a call that is alive and not polled
//! any more holds up nobody. No lock is held where something is waited for. (A spawned call of a group
//! would do the same, and have a span in the traces of the user.)

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use event_listener::Event;
use redis::{ErrorKind, RedisError, RedisResult};

use super::target::Reach;
use super::wire::Wire;
use crate::engine::{Boxed, Engine, Failure, Message, Reply};
use crate::inbox::Inbox;
use crate::runtime::Entered;

/// What the clones of a server share.
pub(crate) struct Link {
    pub(super) way: Arc<Way>,
    pub(super) runtime: Entered,
    started: Instant,
    pub(crate) round_trips: AtomicU64,
}

/// What the task that connects needs of it.
pub(super) struct Way {
    pub(super) to: Reach,
    inbox: Arc<Inbox>,
    open: Mutex<Open>,
    /// A lease was lost: this may be another run than we think.
    doubted: AtomicBool,
}

#[derive(Default)]
struct Open {
    channel: Option<Arc<Channel>>,
    down: Option<Down>,
    /// The task that is at it.
    dial: Option<Arc<Dial>>,
}

/// What those who need a connection wait for.
#[derive(Default)]
struct Dial {
    made: OnceLock<Result<Arc<Channel>, String>>,
    ended: Event,
}

/// The task's part of it: whatever becomes of the task, nobody waits on.
struct Dialling(Arc<Way>, Arc<Dial>);

/// Why there is no connection, and until when none is tried; `None` is for good.
struct Down {
    until: Option<Instant>,
    why: String,
}

/// An open connection.
pub(super) struct Channel {
    wire: Wire,
    /// Which run of the server this is. Empty: the script has to ask.
    run: Arc<[u8]>,
    /// Why the server sends no messages. Then those who wait poll.
    pub(super) is_deaf: Option<String>,
}

impl Link {
    pub(super) fn new(to: Reach, runtime: Entered, inbox: Inbox) -> Self {
        Self {
            way: Arc::new(Way {
                to,
                inbox: Arc::new(inbox),
                open: Mutex::default(),
                doubted: AtomicBool::new(false),
            }),
            runtime,
            started: Instant::now(),
            round_trips: AtomicU64::new(0),
        }
    }

    /// The connection.
    pub(super) async fn channel(&self) -> Result<Arc<Channel>, String> {
        let made = self.dialled().await;
        // A task that was at it before the doubt has not asked again.
        if made.is_ok() && self.way.doubted.load(Ordering::Relaxed) {
            return self.dialled().await;
        }
        made
    }

    /// The connection that there is, or what the task that makes one comes to.
    async fn dialled(&self) -> Result<Arc<Channel>, String> {
        let is_doubted = self.way.doubted.load(Ordering::Relaxed);
        let mut is_first = false;
        let known = self.way.with(|open| match &open.channel {
            Some(channel) if !is_doubted => Ok(Arc::clone(channel)),
            _ => {
                is_first = open.dial.is_none();
                Err(Arc::clone(open.dial.get_or_insert_default()))
            }
        });
        let dial = match known {
            Ok(channel) => return Ok(channel),
            Err(dial) => dial,
        };
        if is_first {
            let dialling = Dialling(Arc::clone(&self.way), Arc::clone(&dial));
            self.runtime.spawn(Box::pin(async move {
                let Dialling(way, dial) = &dialling;
                let made = way.channel().await;
                dial.made.get_or_init(|| made);
            }));
        }
        loop {
            let ended = dial.ended.listen();
            if let Some(made) = dial.made.get() {
                return made.clone();
            }
            ended.await;
        }
    }

    async fn exchange(&self, message: Message) -> Result<Reply, Failure> {
        let channel = self.channel().await.map_err(Failure::Down)?;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        let mut wire = channel.wire.clone();
        let invoked = wire.invoke(&message, &channel.run);
        let Some(invoked) = self.runtime.inside(invoked).await else {
            self.way.drop_channel(&channel);
            return Err(Failure::Unanswered("its runtime has ended".to_owned()));
        };
        match invoked {
            Ok(reply) => Ok(reply),
            Err(error) if was_refused(&error) => {
                // A server that is no master any more, or loads its file, is another one soon.
                if matches!(error.code(), Some("READONLY" | "LOADING")) {
                    self.way.drop_channel(&channel);
                }
                Err(Failure::Refused(error.to_string()))
            }
            Err(error) => {
                self.way.drop_channel(&channel);
                Err(Failure::Unanswered(error.to_string()))
            }
        }
    }
}

impl Way {
    fn with<T>(&self, f: impl FnOnce(&mut Open) -> T) -> T {
        f(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The connection, made if there is none. One task at a time is in here.
    async fn channel(&self) -> Result<Arc<Channel>, String> {
        if self.doubted.swap(false, Ordering::Relaxed) {
            if let Some(doubted) = self.with(|open| open.channel.take()) {
                let again = doubted.again().await.ok();
                self.with(|open| open.channel = again);
            }
        }
        let known = self.with(|open| match (&open.channel, &open.down) {
            (Some(channel), _) => Some(Ok(Arc::clone(channel))),
            (None, Some(down)) if down.until.is_none_or(|until| Instant::now() < until) => {
                Some(Err(down.why.clone()))
            }
            (None, _) => None,
        });
        if let Some(known) = known {
            return known;
        }
        // A broken connection is worth one attempt more: the server may just have closed it.
        let mut made = self.dial().await;
        if made.is_err() {
            made = self.dial().await;
        }
        let made = made.map_err(|error| error.to_string());
        self.with(|open| {
            open.down = made.as_ref().err().map(|why| Down {
                until: Instant::now().checked_add(self.to.down_for),
                why: why.clone(),
            });
            open.channel = made.as_ref().ok().cloned();
        });
        made
    }

    /// It is broken: the next one who needs a connection makes another.
    fn drop_channel(&self, broken: &Arc<Channel>) {
        self.with(|open| open.channel.take_if(|channel| Arc::ptr_eq(channel, broken)));
    }

    async fn dial(&self) -> RedisResult<Arc<Channel>> {
        let mut wire = Wire::dial(&self.to, &self.inbox).await?;
        let run = wire.run().await?.into();
        let is_deaf = match wire.subscribe(&self.inbox.channel).await {
            Err(error) if was_refused(&error) => Some(error.to_string()),
            subscribed => subscribed.map(|()| None)?,
        };
        // What was published meanwhile has reached nobody.
        self.inbox.push_all();
        Ok(Arc::new(Channel { wire, run, is_deaf }))
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        let Self(way, dial) = self;
        dial.made.get_or_init(|| {
            Err("the task that connects is gone: its runtime has ended, or it panicked".to_owned())
        });
        way.with(|open| open.dial = None);
        // All of them, now and later: those who listen look first.
        dial.ended.notify(usize::MAX);
    }
}

impl Channel {
    /// Asks again which run of the server it is of.
    async fn again(&self) -> RedisResult<Arc<Self>> {
        let mut wire = self.wire.clone();
        let (run, is_deaf) = (wire.run().await?.into(), self.is_deaf.clone());
        Ok(Arc::new(Self { wire, run, is_deaf }))
    }
}

impl Engine for Link {
    fn send(&self, message: Message) -> Boxed<'_, Result<Reply, Failure>> {
        Box::pin(self.exchange(message))
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        self.runtime.sleep(duration)
    }

    fn spawn(&self, task: Boxed<'static, ()>) {
        self.runtime.spawn(task);
    }

    fn inbox(&self) -> &Inbox {
        &self.way.inbox
    }

    fn doubt(&self) {
        self.way.doubted.store(true, Ordering::Relaxed);
    }

    fn resends(&self) -> bool {
        self.way.to.target.resends()
    }
}

/// Whether the server itself said no: then the script has not changed anything.
fn was_refused(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}
