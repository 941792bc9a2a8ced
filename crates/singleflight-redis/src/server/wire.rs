//! One connection: to a server, or to all masters of a cluster. It carries the scripts and, by RESP3,
//! the messages.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, ProtocolVersion, PushInfo, PushKind,
    RedisResult, ServerErrorKind, Value, from_redis_value,
};

use super::target::{Kind, Reach};
use crate::engine::{Message, Reply};
use crate::inbox::Inbox;
use crate::script::ask_the_run;

#[derive(Clone)]
pub(super) enum Wire {
    Single(MultiplexedConnection),
    #[cfg(feature = "cluster")]
    Cluster(redis::cluster_async::ClusterConnection),
}

impl Wire {
    /// Connects. What the server pushes goes to the inbox.
    pub(super) async fn dial(to: &Reach, inbox: &Arc<Inbox>) -> RedisResult<Self> {
        let inbox = Arc::clone(inbox);
        let push = move |info| {
            receive(&inbox, info);
            Ok::<_, redis::aio::SendError>(())
        };
        let (connects, responds) = (to.connect_timeout, to.response_timeout);
        let client = match &to.target.0 {
            Kind::Standalone(client) => Client::clone(client),
            #[cfg(feature = "sentinel")]
            Kind::Sentinel(client) => client.lock().await.async_get_client().await?,
            #[cfg(feature = "cluster")]
            Kind::Cluster(client) => {
                let config = redis::cluster::ClusterConfig::new()
                    .set_connection_timeout(connects)
                    .set_response_timeout(responds)
                    .set_push_sender(push);
                let wire = client.get_async_connection_with_config(config).await?;
                return Ok(Self::Cluster(wire));
            }
        };
        let info = client.get_connection_info();
        let settings = info.redis_settings().clone();
        let settings = settings.set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.clone().set_redis_settings(settings))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connects))
            .set_response_timeout(Some(responds))
            .set_push_sender(push);
        let wire = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        Ok(Self::Single(wire))
    }

    /// Which run of the server this is. Empty for a cluster: there each script asks its node.
    pub(super) async fn run(&mut self) -> RedisResult<Vec<u8>> {
        match self {
            Self::Single(wire) => {
                let mut ask = redis::cmd("EVAL");
                ask.arg(ask_the_run()).arg(0).arg("");
                ask.query_async(wire).await
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => Ok(Vec::new()),
        }
    }

    /// Returns when the server has confirmed it.
    pub(super) async fn subscribe(&mut self, channel: &[u8]) -> RedisResult<()> {
        match self {
            Self::Single(wire) => wire.subscribe(channel).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(wire) => wire.subscribe(channel).await,
        }
    }

    /// `run`: which run of the server the caller takes this for.
    pub(super) async fn invoke(
        &mut self,
        message: &Message,
        run: &Arc<[u8]>,
    ) -> RedisResult<Reply> {
        let (script, text) = message.verb.script();
        let mut answer = self
            .query(&command("EVALSHA", script.get_hash(), message, run))
            .await;
        if let Err(error) = &answer {
            if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) {
                answer = self.query(&command("EVAL", text, message, run)).await;
            }
        }
        // What a script does not say is not there.
        let mut parts = answer?.into_iter();
        let number = |part: Option<Value>| part.map_or(Ok(0), from_redis_value);
        Ok(Reply {
            code: number(parts.next())?,
            data: parts.next().map_or(Ok(Vec::new()), from_redis_value)?,
            numbers: [number(parts.next())?, number(parts.next())?],
            run: Arc::clone(run),
        })
    }

    async fn query(&mut self, command: &Cmd) -> RedisResult<Vec<Value>> {
        match self {
            Self::Single(wire) => command.query_async(wire).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(wire) => command.query_async(wire).await,
        }
    }
}

fn command(eval: &str, script: &str, message: &Message, run: &[u8]) -> Cmd {
    let mut command = Cmd::with_capacity(20, 512);
    command.arg(eval).arg(script).arg(message.keys);
    for (index, part) in message.parts().enumerate() {
        if index == message.keys {
            command.arg(run);
        }
        command.arg(part);
    }
    command
}

fn receive(inbox: &Inbox, info: PushInfo) {
    match (info.kind, info.data.last()) {
        (PushKind::Message, Some(Value::BulkString(payload))) => inbox.push(payload),
        // It may have missed something.
        (PushKind::Disconnection, _) => inbox.push_all(),
        _ => {}
    }
}
