//! The service in several processes: a group of `singleflight_redis` coalesces requests over all of
//! them, and the work is that of the service on tokio.

use std::error::Error;
use std::time::Duration;

use singleflight_redis::{Codec, Group, Runtime, Server};

use crate::ledger::Sales;
use crate::on_tokio::OnTokio;
use crate::pool::Pool;
use crate::service::{Answer, Service};

/// Answers through Redis.
#[derive(Clone, Debug)]
pub(crate) struct OnRedis {
    work: OnTokio,
    group: Group<str, Sales>,
}

/// Sales cross as two numbers.
struct Numbers;

impl Codec<Sales> for Numbers {
    fn encode(&self, sales: &Sales) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(format!("{} {}", sales.rows, sales.total).into_bytes())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Sales, Box<dyn Error + Send + Sync>> {
        let (rows, total) = std::str::from_utf8(bytes)?
            .split_once(' ')
            .ok_or("two numbers")?;
        let (rows, total) = (rows.parse()?, total.parse()?);
        Ok(Sales { rows, total })
    }
}

impl OnRedis {
    /// Connects this process.
    pub(crate) async fn connect(
        pool: Pool,
        url: &str,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let group = group(url).await?;
        let work = OnTokio::new(pool, None);
        Ok(Self { work, group })
    }
}

/// Connects this process to the Redis at this address, and makes its part of the group.
pub(crate) async fn group(url: &str) -> Result<Group<str, Sales>, Box<dyn Error + Send + Sync>> {
    let server = Server::connect(redis::Client::open(url)?, Runtime::Tokio).await?;
    let group = Group::builder(&server, "stampede:v1")
        .wait_at_most(Duration::from_secs(30))
        .codec(Numbers);
    Ok(group.build()?)
}

impl Service for OnRedis {
    async fn sales(&self, key: String) -> Answer {
        // A query that fails is its caller's; the next one tries.
        let work = |_| self.work.sales(key.clone());
        self.group.try_run(key.as_str(), work).await?
    }
}
