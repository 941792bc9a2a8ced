//! Redis as a store, with postcard. Use it with `Look::Inside`: callers at once then share a look.
//!
//! A put runs in a task of its own, which keeps its `Put`: if the caller goes while the command is on
//! its way, an invalidation still waits for the answer. Redis compares what stands there itself.

use std::fmt::Display;
use std::hash::Hash;
use std::marker::PhantomData;

use redis::aio::ConnectionManager;
use redis::{AsyncCommands, RedisError, Script};
use serde::{Serialize, de::DeserializeOwned};
use singleflight_cache::{Entry, Found, Put, RemoveAll, Store};

/// Puts a value over one that begins with the identity that is expected, or over none.
const PUT: &str = "
local stands = redis.call('GETRANGE', KEYS[1], 0, 7)
if stands ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

pub(crate) struct RedisStore<K, V> {
    redis: ConnectionManager,
    /// With the version of what is stored: `user:v3`.
    prefix: String,
    put: Script,
    kept: PhantomData<fn(K) -> V>,
}

impl<K: Display, V> RedisStore<K, V> {
    pub(crate) fn new(redis: ConnectionManager, prefix: &str) -> Self {
        let prefix = prefix.to_owned();
        let put = Script::new(PUT);
        Self {
            redis,
            prefix,
            put,
            kept: PhantomData,
        }
    }

    fn name(&self, key: impl Display) -> String {
        format!("{}:{key}", self.prefix)
    }
}

impl<K, V> Store for RedisStore<K, V>
where
    K: Clone + Display + Eq + Hash + Send + Sync + 'static,
    V: Clone + DeserializeOwned + Serialize,
{
    type Key = K;
    type Value = V;
    type Error = RedisError;

    async fn get(&self, key: &K) -> Result<Found<V>, RedisError> {
        let bytes: Option<Vec<u8>> = self.redis.clone().get(self.name(key)).await?;
        Ok(bytes.map_or(Found::Nothing, |bytes| decode(&bytes)))
    }

    async fn put(&self, key: &K, entry: &Entry<V>, how: Put<K>) -> Result<bool, RedisError> {
        let mut bytes = entry.id.0.to_le_bytes().to_vec();
        let Ok(encoded) = postcard::to_stdvec(entry) else {
            return Ok(false);
        };
        bytes.extend(encoded);
        let stands = how
            .expect
            .map(|id| id.0.to_le_bytes().to_vec())
            .unwrap_or_default();
        let keep = u64::try_from(how.keep.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let (name, script, mut redis) = (self.name(key), self.put.clone(), self.redis.clone());
        let put = tokio::spawn(async move {
            let _how = how;
            script
                .key(name)
                .arg(stands)
                .arg(bytes)
                .arg(keep)
                .invoke_async(&mut redis)
                .await
        });
        put.await
            .unwrap_or_else(|lost| Err(RedisError::from(std::io::Error::other(lost))))
    }

    async fn remove(&self, key: &K) -> Result<(), RedisError> {
        self.redis.clone().del(self.name(key)).await
    }
}

impl<K, V> RemoveAll for RedisStore<K, V>
where
    K: Clone + Display + Eq + Hash + Send + Sync + 'static,
    V: Clone + DeserializeOwned + Serialize,
{
    /// Goes through all keys of the server. A new version in the prefix costs less.
    async fn remove_all(&self) -> Result<(), RedisError> {
        let mut redis = self.redis.clone();
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor)
                .arg("MATCH")
                .arg(self.name('*'))
                .arg("COUNT")
                .arg(1_000);
            let (next, names): (u64, Vec<String>) = scan.query_async(&mut redis).await?;
            if !names.is_empty() {
                let () = redis.unlink(names).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }
}

fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Found<V> {
    let entry = bytes
        .get(8..)
        .and_then(|bytes| postcard::from_bytes(bytes).ok());
    entry.map_or(Found::Unreadable, Found::Entry)
}
