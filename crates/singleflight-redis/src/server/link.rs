//! The connection of this process, made anew when it breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_lock::Mutex;
use redis::{ErrorKind, RedisError, RedisResult};

use super::target::Reach;
use super::wire::Wire;
use crate::engine::{Boxed, Engine, Failure, Message, Reply};
use crate::inbox::Inbox;
use crate::runtime::Entered;

/// What the clones of a server share.
pub(crate) struct Link {
    pub(super) to: Reach,
    pub(super) runtime: Entered,
    pub(super) inbox: Arc<Inbox>,
    pub(super) started: Instant,
    pub(super) open: Mutex<Open>,
    pub(crate) round_trips: AtomicU64,
    /// A lease was lost: this may be another run than we think.
    pub(super) doubted: AtomicBool,
}

#[derive(Default)]
pub(super) struct Open {
    channel: Option<Arc<Channel>>,
    down: Option<(Instant, String)>,
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
    /// The connection.
    pub(super) async fn channel(&self) -> Result<Arc<Channel>, String> {
        if let Some(open) = self.open.try_lock() {
            match &open.channel {
                Some(channel) if !self.doubted.load(Ordering::Relaxed) => {
                    return Ok(Arc::clone(channel));
                }
                _ => {}
            }
        }
        // To make one is seldom, and a large future.
        Box::pin(self.opened()).await
    }

    /// The connection; made by the first who needs it while the others wait.
    async fn opened(&self) -> Result<Arc<Channel>, String> {
        let mut open = self.open.lock().await;
        if self.doubted.swap(false, Ordering::Relaxed) {
            open.channel = match open.channel.take() {
                Some(channel) => channel.again().await.ok(),
                None => None,
            };
        }
        if let Some(channel) = &open.channel {
            return Ok(Arc::clone(channel));
        }
        if let Some((until, why)) = &open.down {
            if Instant::now() < *until {
                return Err(why.clone());
            }
        }
        // A broken connection is worth one attempt more: the server may just have closed it.
        let mut made = self.dial().await;
        if made.is_err() {
            made = self.dial().await;
        }
        open.down = None;
        match made {
            Ok(channel) => {
                open.channel = Some(Arc::clone(&channel));
                Ok(channel)
            }
            Err(error) => {
                let why = error.to_string();
                open.down = Some((Instant::now() + self.to.down_for, why.clone()));
                Err(why)
            }
        }
    }

    /// It is broken: the next one who needs a connection makes another.
    async fn drop_channel(&self, broken: &Arc<Channel>) {
        let mut open = self.open.lock().await;
        open.channel.take_if(|channel| Arc::ptr_eq(channel, broken));
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

    async fn exchange(&self, message: Message) -> Result<Reply, Failure> {
        let channel = self.channel().await.map_err(Failure::Down)?;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        match channel.wire.clone().invoke(&message, &channel.run).await {
            Ok(reply) => Ok(reply),
            Err(error) if was_refused(&error) => {
                // A server that is no master any more, or loads its file, is another one soon.
                if matches!(error.code(), Some("READONLY" | "LOADING")) {
                    self.drop_channel(&channel).await;
                }
                Err(Failure::Refused(error.to_string()))
            }
            Err(error) => {
                self.drop_channel(&channel).await;
                Err(Failure::Unanswered(error.to_string()))
            }
        }
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
        &self.inbox
    }

    fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    fn resends(&self) -> bool {
        self.to.target.resends()
    }
}

/// Whether the server itself said no: then the script has not changed anything.
fn was_refused(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}
