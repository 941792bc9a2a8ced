//! The way to Redis: one connection for scripts, one for messages, and what happens when they break.

mod link;
mod messages;
mod target;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::engine::Inbox;
use crate::error::ConnectError;
use crate::lease::random;
use crate::runtime::Runtime;
use crate::script::Scripts;
use crate::server::link::Link;

pub use self::target::Target;

/// The connections of this process to a Redis or Valkey: one for scripts, one for messages. Clones
/// share them; every [`Group`](crate::Group) of a process can be made over one `Server`.
///
/// The connections are made anew when they break. When the last clone and the last group are gone,
/// so are they.
#[derive(Clone)]
pub struct Server(pub(crate) Arc<Link>);

/// How a [`Server`] is to be reached. Made by [`Server::builder`].
#[derive(Debug)]
#[must_use = "nothing is connected yet"]
pub struct ServerBuilder {
    target: Target,
    runtime: Runtime,
    down_for: Duration,
    response_timeout: Duration,
    connect_timeout: Duration,
}

impl Server {
    /// Connects to a server, and confirms that messages reach this process.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if the server cannot be reached, or there is no runtime here. A service that
    /// should start without Redis uses [`ServerBuilder::lazy`].
    pub async fn connect(
        target: impl Into<Target>,
        runtime: Runtime,
    ) -> Result<Self, ConnectError> {
        Self::builder(target, runtime).connect().await
    }

    /// Starts to describe a server.
    pub fn builder(target: impl Into<Target>, runtime: Runtime) -> ServerBuilder {
        ServerBuilder {
            target: target.into(),
            runtime,
            down_for: Duration::from_secs(1),
            response_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(1),
        }
    }

    /// How many scripts this process has sent.
    pub fn round_trips(&self) -> u64 {
        self.0.round_trips.load(Ordering::Relaxed)
    }
}

impl ServerBuilder {
    /// After a failure to reconnect Redis is left alone this long, 1 s by default: no call pays for
    /// the next attempt.
    pub fn down_for(mut self, duration: Duration) -> Self {
        self.down_for = duration;
        self
    }

    /// How long an answer is waited for, 1 s by default. Then the connection is made anew and the
    /// script is sent again.
    pub fn response_timeout(mut self, duration: Duration) -> Self {
        self.response_timeout = duration;
        self
    }

    /// How long a connection may take, 1 s by default.
    pub fn connect_timeout(mut self, duration: Duration) -> Self {
        self.connect_timeout = duration;
        self
    }

    /// Connects now.
    ///
    /// # Errors
    ///
    /// As [`Server::connect`].
    pub async fn connect(self) -> Result<Server, ConnectError> {
        let link = self.link()?;
        link.channel().await.map_err(ConnectError)?;
        let confirmed = messages::subscribe(&link).await;
        let first = confirmed.map_err(|error| ConnectError(error.to_string()))?;
        link.runtime.spawn(messages::receive(&link, Some(first)));
        Ok(Server(link))
    }

    /// Connects when the first call needs it.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if there is no runtime here.
    pub fn lazy(self) -> Result<Server, ConnectError> {
        let link = self.link()?;
        link.runtime.spawn(messages::receive(&link, None));
        Ok(Server(link))
    }

    fn link(self) -> Result<Arc<Link>, ConnectError> {
        let runtime = self.runtime.enter().map_err(ConnectError)?;
        let channel = format!("sfi:{:016x}", random());
        Ok(Arc::new(Link {
            scripts: Scripts::new(self.target.asks_the_server()),
            target: self.target,
            runtime,
            down_for: self.down_for,
            response_timeout: self.response_timeout,
            connect_timeout: self.connect_timeout,
            inbox: Inbox::new(channel.into_bytes()),
            started: Instant::now(),
            open: async_lock::Mutex::default(),
            last: std::sync::Mutex::default(),
            round_trips: AtomicU64::new(0),
            doubted: AtomicBool::new(false),
            gone: Arc::default(),
        }))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("target", &self.0.target)
            .field("round_trips", &self.round_trips())
            .finish_non_exhaustive()
    }
}
