//! The way to Redis: one connection for scripts, one for messages, and what happens when they break.

mod messages;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use async_lock::Mutex;
use event_listener::Event;
use futures_lite::future::or;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, Value};

use crate::engine::{Boxed, Engine, Failure, Inbox, Message, Reply};
use crate::error::ConnectError;
use crate::lease::random;
use crate::runtime::{Entered, Runtime};
use crate::script::Scripts;

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

/// Where the server is. From a [`Client`] it is a standalone one.
#[derive(Clone)]
pub struct Target(Kind);

#[derive(Clone)]
enum Kind {
    Standalone(Box<Client>),
    #[cfg(feature = "sentinel")]
    Sentinel(Arc<Mutex<redis::sentinel::SentinelClient>>),
    #[cfg(feature = "cluster")]
    Cluster(Box<(redis::cluster::ClusterClient, Client)>),
}

/// What the clones of a server share.
pub(crate) struct Link {
    target: Target,
    runtime: Entered,
    down_for: Duration,
    response_timeout: Duration,
    connect_timeout: Duration,
    scripts: Scripts,
    inbox: Inbox,
    started: Instant,
    open: Mutex<Open>,
    /// The client that the last connection came from: a sentinel names another one after a failover.
    last: Lock<Option<Client>>,
    round_trips: AtomicU64,
    /// A lease was lost: this may be another run than we think.
    doubted: AtomicBool,
    /// Notified when the link goes.
    gone: Arc<Event>,
}

#[derive(Default)]
struct Open {
    channel: Option<Channel>,
    /// Counts connections, so that the one that broke is dropped and not its successor.
    made: u64,
    down: Option<(Instant, String)>,
}

#[derive(Clone)]
struct Channel {
    wire: Wire,
    /// Which run of the server this is. Empty: the script has to ask.
    run: Vec<u8>,
    number: u64,
}

#[derive(Clone)]
enum Wire {
    Single(MultiplexedConnection),
    #[cfg(feature = "cluster")]
    Cluster(redis::cluster_async::ClusterConnection),
}

impl From<Client> for Target {
    fn from(client: Client) -> Self {
        Self(Kind::Standalone(Box::new(client)))
    }
}

impl Target {
    /// The master that sentinels name.
    #[cfg(feature = "sentinel")]
    pub fn sentinel(client: redis::sentinel::SentinelClient) -> Self {
        Self(Kind::Sentinel(Arc::new(Mutex::new(client))))
    }

    /// A cluster. Messages are received at `node`, which may be any one of it.
    #[cfg(feature = "cluster")]
    pub fn cluster(client: redis::cluster::ClusterClient, node: Client) -> Self {
        Self(Kind::Cluster(Box::new((client, node))))
    }

    fn asks_the_server(&self) -> bool {
        match self.0 {
            #[cfg(feature = "cluster")]
            Kind::Cluster(..) => true,
            _ => false,
        }
    }
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
            open: Mutex::default(),
            last: Lock::default(),
            round_trips: AtomicU64::new(0),
            doubted: AtomicBool::new(false),
            gone: Arc::default(),
        }))
    }
}

impl Link {
    /// The connection for scripts; made by the first who needs it while the others wait.
    async fn channel(&self) -> Result<Channel, String> {
        let mut open = self.open.lock().await;
        if self.doubted.swap(false, Ordering::Relaxed) {
            open.channel = look_again(open.channel.take()).await;
        }
        if let Some(channel) = &open.channel {
            return Ok(channel.clone());
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
        match made {
            Ok((wire, run)) => {
                open.made += 1;
                let number = open.made;
                let channel = Channel { wire, run, number };
                open.channel = Some(channel.clone());
                open.down = None;
                Ok(channel)
            }
            Err(error) => {
                let why = error.to_string();
                open.down = Some((Instant::now() + self.down_for, why.clone()));
                Err(why)
            }
        }
    }

    async fn drop_channel(&self, number: u64) {
        let mut open = self.open.lock().await;
        if open.made == number {
            open.channel = None;
        }
    }

    async fn dial(&self) -> Result<(Wire, Vec<u8>), RedisError> {
        let attempt = async {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(self.connect_timeout))
                .set_response_timeout(Some(self.response_timeout));
            #[cfg(feature = "cluster")]
            if let Kind::Cluster(cluster) = &self.target.0 {
                let wire = cluster.0.get_async_connection().await?;
                return Ok((Wire::Cluster(wire), Vec::new()));
            }
            let client = self.client().await?;
            let mut wire = client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            let run = run_of(&mut wire).await?;
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
            Ok((Wire::Single(wire), run))
        };
        let late = async {
            self.runtime.sleep(self.connect_timeout).await;
            let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
            Err(RedisError::from(late))
        };
        or(attempt, late).await
    }

    async fn client(&self) -> Result<Client, RedisError> {
        match &self.target.0 {
            Kind::Standalone(client) => Ok(Client::clone(client)),
            #[cfg(feature = "sentinel")]
            Kind::Sentinel(client) => client.lock().await.async_get_client().await,
            #[cfg(feature = "cluster")]
            Kind::Cluster(cluster) => Ok(cluster.1.clone()),
        }
    }

    async fn exchange(&self, message: Message) -> Result<Reply, Failure> {
        let channel = self.channel().await.map_err(Failure::Down)?;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        let Channel { wire, run, number } = channel;
        let mut script = self.scripts.of(message.verb).prepare_invoke();
        for key in &message.keys {
            script.key(key);
        }
        script.arg(&run);
        for arg in &message.args {
            script.arg(arg);
        }
        let answer = match wire {
            Wire::Single(mut wire) => script.invoke_async::<Value>(&mut wire).await,
            #[cfg(feature = "cluster")]
            Wire::Cluster(mut wire) => script.invoke_async::<Value>(&mut wire).await,
        };
        match answer {
            Ok(value) => Ok(reply(value, run)),
            Err(error) if was_refused(&error) => {
                // A server that is no master any more, or loads its file, is another one soon.
                if error
                    .code()
                    .is_some_and(|code| code == "READONLY" || code == "LOADING")
                {
                    self.drop_channel(number).await;
                }
                Err(Failure::Refused(error.to_string()))
            }
            Err(error) => {
                self.drop_channel(number).await;
                Err(Failure::Unanswered(error.to_string()))
            }
        }
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
        self.target.asks_the_server()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.gone.notify(usize::MAX);
    }
}

/// Asks an open connection again which run it is of.
async fn look_again(channel: Option<Channel>) -> Option<Channel> {
    let mut channel = channel?;
    match &mut channel.wire {
        Wire::Single(wire) => channel.run = run_of(wire).await.ok()?,
        #[cfg(feature = "cluster")]
        Wire::Cluster(_) => {}
    }
    Some(channel)
}

/// Asks which run this is: the first half of the id by which replicas know their master's data. It
/// is new with each start of a server, and with each promotion: a server that was demoted, and is
/// promoted again, may have its old data still.
async fn run_of(wire: &mut MultiplexedConnection) -> Result<Vec<u8>, RedisError> {
    let mut ask = redis::cmd("INFO");
    let info: String = ask.arg("replication").query_async(wire).await?;
    Ok(run_id(&info))
}

fn run_id(info: &str) -> Vec<u8> {
    if crate::seeds::planted("any-run") {
        return b"any".to_vec();
    }
    let run = info
        .lines()
        .find_map(|line| line.strip_prefix("master_replid:"));
    // A proxy may hide it. Then leases are not bound to a run.
    let run = run.unwrap_or("unknown").trim();
    run.bytes().take(16).collect()
}

/// Whether the server itself said no: then the script has not changed anything.
fn was_refused(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

fn reply(value: Value, run: Vec<u8>) -> Reply {
    let mut reply = Reply {
        code: -1,
        run,
        ..Reply::default()
    };
    let Value::Array(parts) = value else {
        return reply;
    };
    for (index, part) in parts.into_iter().enumerate() {
        match (index, part) {
            (0, Value::Int(code)) => reply.code = code,
            (1, Value::BulkString(data)) => reply.data = data,
            (2..=4, Value::Int(number)) => reply.numbers[index - 2] = number,
            _ => {}
        }
    }
    reply
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("target", &self.0.target)
            .field("round_trips", &self.round_trips())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address may hold a password.
        f.write_str(match self.0 {
            Kind::Standalone(_) => "standalone",
            #[cfg(feature = "sentinel")]
            Kind::Sentinel(_) => "sentinel",
            #[cfg(feature = "cluster")]
            Kind::Cluster(..) => "cluster",
        })
    }
}
