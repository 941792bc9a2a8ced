//! The way to Redis, and what happens when it breaks.

mod link;
mod target;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::error::ConnectError;
use crate::inbox::Inbox;
use crate::lease::random;
use crate::runtime::Runtime;
use crate::server::link::Link;
use crate::server::target::Reach;

pub use self::target::Target;

/// The connection of this process to a Redis or Valkey: it carries scripts and messages. Clones share
/// it; every [`Group`](crate::Group) of a process can be made over one `Server`.
///
/// It is made anew when it breaks. When the last clone and the last group are gone, so is it.
#[derive(Clone)]
pub struct Server(pub(crate) Arc<Link>);

/// How a [`Server`] is to be reached. Made by [`Server::builder`].
#[derive(Debug)]
#[must_use = "nothing is connected yet"]
pub struct ServerBuilder {
    to: Reach,
    runtime: Runtime,
}

impl Server {
    /// Connects to a server, and confirms that messages reach this process.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if the server cannot be reached, refuses the subscription, or there is no
    /// runtime here. A service that should start without Redis uses [`ServerBuilder::lazy`]; so does
    /// one without the right to subscribe, whose followers wait for the poll.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(client: redis::Client) -> Result<(), ConnectError> {
    /// let server = Server::connect(client, Runtime::Tokio).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(
        target: impl Into<Target>,
        runtime: Runtime,
    ) -> Result<Self, ConnectError> {
        Self::builder(target, runtime).connect().await
    }

    /// Starts to describe a server.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(client: redis::Client) -> Result<(), ConnectError> {
    /// let server = Server::builder(client, Runtime::Tokio).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(target: impl Into<Target>, runtime: Runtime) -> ServerBuilder {
        let second = Duration::from_secs(1);
        let to = Reach {
            target: target.into(),
            down_for: second,
            response_timeout: second,
            connect_timeout: second,
        };
        ServerBuilder { to, runtime }
    }

    /// How many scripts this process has sent.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(client: redis::Client) -> Result<(), ConnectError> {
    /// let server = Server::connect(client, Runtime::Tokio).await?;
    /// println!("{} scripts sent", server.round_trips());
    /// # Ok(())
    /// # }
    /// ```
    pub fn round_trips(&self) -> u64 {
        self.0.round_trips.load(Ordering::Relaxed)
    }
}

impl ServerBuilder {
    /// After a failure to reconnect Redis is left alone this long, 1 s by default: no call pays for
    /// the next attempt. With [`Duration::MAX`] there is none.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # async fn example(client: redis::Client) -> Result<(), ConnectError> {
    /// let builder = Server::builder(client, Runtime::Tokio).down_for(Duration::from_millis(200));
    /// let server = builder.connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn down_for(mut self, duration: Duration) -> Self {
        self.to.down_for = duration;
        self
    }

    /// How long an answer is waited for, 1 s by default. Then the connection is made anew and the
    /// script is sent again.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # async fn example(client: redis::Client) -> Result<(), ConnectError> {
    /// let builder = Server::builder(client, Runtime::Tokio);
    /// let server = builder.response_timeout(Duration::from_secs(3)).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn response_timeout(mut self, duration: Duration) -> Self {
        self.to.response_timeout = duration;
        self
    }

    /// How long a connection may take, 1 s by default.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # async fn example(client: redis::Client) -> Result<(), ConnectError> {
    /// let builder = Server::builder(client, Runtime::Tokio);
    /// let server = builder.connect_timeout(Duration::from_secs(3)).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_timeout(mut self, duration: Duration) -> Self {
        self.to.connect_timeout = duration;
        self
    }

    /// Connects now.
    ///
    /// # Errors
    ///
    /// As [`Server::connect`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(client: redis::Client) -> Result<(), ConnectError> {
    /// let server = Server::builder(client, Runtime::Tokio).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(self) -> Result<Server, ConnectError> {
        let server = self.lazy()?;
        let channel = server.0.channel().await;
        match channel.map(|channel| channel.is_deaf.clone()) {
            Ok(None) => Ok(server),
            Ok(Some(why)) | Err(why) => Err(ConnectError(why)),
        }
    }

    /// Connects when the first call needs it.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if there is no runtime here.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(client: redis::Client) -> Result<(), ConnectError> {
    /// // The service starts, whether Redis is there or not.
    /// let server = Server::builder(client, Runtime::Tokio).lazy()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn lazy(self) -> Result<Server, ConnectError> {
        let runtime = self.runtime.enter().map_err(ConnectError)?;
        let channel = format!("sfi:{:016x}", random());
        let inbox = Inbox::new(channel.into_bytes());
        Ok(Server(Arc::new(Link::new(self.to, runtime, inbox))))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("target", &self.0.way.to.target)
            .field("round_trips", &self.round_trips())
            .finish_non_exhaustive()
    }
}
