//! The connection for scripts, made anew when it breaks, and what both connections share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use async_lock::Mutex;
use event_listener::Event;
use futures_lite::future::or;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, Value};

use super::target::{Kind, Target};
use crate::engine::{Boxed, Engine, Failure, Inbox, Message, Reply};
use crate::runtime::Entered;
use crate::script::Scripts;

/// What the clones of a server share.
pub(crate) struct Link {
    pub(super) target: Target,
    pub(super) runtime: Entered,
    pub(super) down_for: Duration,
    pub(super) response_timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) scripts: Scripts,
    pub(super) inbox: Inbox,
    pub(super) started: Instant,
    pub(super) open: Mutex<Open>,
    /// The client that the last connection came from: a sentinel names another one after a failover.
    pub(super) last: Lock<Option<Client>>,
    pub(super) round_trips: AtomicU64,
    /// A lease was lost: this may be another run than we think.
    pub(super) doubted: AtomicBool,
    /// Notified when the link goes.
    pub(super) gone: Arc<Event>,
}

#[derive(Default)]
pub(super) struct Open {
    channel: Option<Channel>,
    /// Counts connections, so that the one that broke is dropped and not its successor.
    made: u64,
    down: Option<(Instant, String)>,
}

#[derive(Clone)]
pub(super) struct Channel {
    wire: Wire,
    /// Which run of the server this is. Empty: the script has to ask.
    run: Vec<u8>,
    number: u64,
}

#[derive(Clone)]
pub(super) enum Wire {
    Single(MultiplexedConnection),
    #[cfg(feature = "cluster")]
    Cluster(redis::cluster_async::ClusterConnection),
}

impl Link {
    /// The connection for scripts; made by the first who needs it while the others wait.
    pub(super) async fn channel(&self) -> Result<Channel, String> {
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

    #[cfg_attr(
        not(feature = "sentinel"),
        expect(clippy::unused_async, reason = "sentinels are asked")
    )]
    pub(super) async fn client(&self) -> Result<Client, RedisError> {
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

/// Asks which history of which server this is.
///
/// The run id is new with each start. The second replication id is the one that a server had before it
/// was promoted last: a server that was demoted, and is promoted again without a start, may have its old
/// data still. (The first one also changes when a first replica comes, which ends no lease.)
async fn run_of(wire: &mut MultiplexedConnection) -> Result<Vec<u8>, RedisError> {
    let mut ask = redis::pipe();
    ask.cmd("INFO").arg("server").cmd("INFO").arg("replication");
    let (server, replication): (String, String) = ask.query_async(wire).await?;
    Ok(history(&server, &replication))
}

fn history(server: &str, replication: &str) -> Vec<u8> {
    if crate::seeds::planted("any-run") {
        return b"any".to_vec();
    }
    // A proxy may hide them. Then leases are not bound to a history.
    let field = |info: &str, name: &str| {
        let found = info.lines().find_map(|line| line.strip_prefix(name));
        let found = found.unwrap_or("unknown").trim().bytes();
        found.take(8).collect::<Vec<_>>()
    };
    [
        field(server, "run_id:"),
        field(replication, "master_replid2:"),
    ]
    .concat()
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
