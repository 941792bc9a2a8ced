//! Where the server is.

use std::fmt;
#[cfg(feature = "sentinel")]
use std::sync::Arc;

#[cfg(feature = "sentinel")]
use async_lock::Mutex;
use redis::Client;

/// Where the server is. From a [`Client`] it is a standalone one.
#[derive(Clone)]
pub struct Target(pub(super) Kind);

#[derive(Clone)]
pub(super) enum Kind {
    Standalone(Box<Client>),
    #[cfg(feature = "sentinel")]
    Sentinel(Arc<Mutex<redis::sentinel::SentinelClient>>),
    #[cfg(feature = "cluster")]
    Cluster(Box<(redis::cluster::ClusterClient, Client)>),
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

    pub(super) fn asks_the_server(&self) -> bool {
        match self.0 {
            #[cfg(feature = "cluster")]
            Kind::Cluster(..) => true,
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
            Kind::Cluster(..) => "cluster",
        })
    }
}
