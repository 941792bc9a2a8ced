//! Where the server is.

use std::fmt;
#[cfg(feature = "sentinel")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "sentinel")]
use async_lock::Mutex;
use redis::Client;

#[cfg(feature = "cluster")]
use crate::error::ConnectError;

/// Where the server is. From a [`Client`] it is a standalone one.
#[derive(Clone)]
pub struct Target(pub(super) Kind);

#[derive(Clone)]
pub(super) enum Kind {
    Standalone(Box<Client>),
    #[cfg(feature = "sentinel")]
    Sentinel(Arc<Mutex<redis::sentinel::SentinelClient>>),
    #[cfg(feature = "cluster")]
    Cluster(Box<redis::cluster::ClusterClient>),
}

/// How it is to be reached.
#[derive(Debug)]
pub(super) struct Reach {
    pub(super) target: Target,
    pub(super) down_for: Duration,
    pub(super) response_timeout: Duration,
    pub(super) connect_timeout: Duration,
}

impl From<Client> for Target {
    fn from(client: Client) -> Self {
        Self(Kind::Standalone(Box::new(client)))
    }
}

impl Target {
    /// The master that sentinels name.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use redis::sentinel::{SentinelClient, SentinelServerType};
    ///
    /// let sentinels = vec!["redis://10.0.0.1:26379/", "redis://10.0.0.2:26379/"];
    /// let kind = SentinelServerType::Master;
    /// let client = SentinelClient::build(sentinels, "main".to_owned(), None, kind)?;
    /// let server = Server::connect(Target::sentinel(client), Runtime::Tokio).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "sentinel")]
    pub fn sentinel(client: redis::sentinel::SentinelClient) -> Self {
        Self(Kind::Sentinel(Arc::new(Mutex::new(client))))
    }

    /// A cluster.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if what the builder was told does not fit together.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use redis::cluster::ClusterClientBuilder;
    ///
    /// let nodes = ["redis://10.0.0.1/", "redis://10.0.0.2/", "redis://10.0.0.3/"];
    /// let target = Target::cluster(ClusterClientBuilder::new(nodes))?;
    /// let server = Server::connect(target, Runtime::Tokio).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "cluster")]
    pub fn cluster(builder: redis::cluster::ClusterClientBuilder) -> Result<Self, ConnectError> {
        let builder = builder.use_protocol(redis::ProtocolVersion::RESP3);
        let client = builder.build();
        let client = client.map_err(|error| ConnectError(error.to_string()))?;
        Ok(Self(Kind::Cluster(Box::new(client))))
    }

    /// Whether the client sends by itself again what was not answered.
    pub(super) fn resends(&self) -> bool {
        match self.0 {
            #[cfg(feature = "cluster")]
            Kind::Cluster(_) => true,
            _ => false,
        }
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
            Kind::Cluster(_) => "cluster",
        })
    }
}
