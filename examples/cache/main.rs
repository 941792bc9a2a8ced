//! Cache-aside over a real SQLite file, with the stores that people have: moka, `quick_cache`, Redis,
//! and moka over Redis. Each store is a file of its own, to be copied.
//!
//! `cargo run --example cache`, with `REDIS_URL=redis://127.0.0.1/` for the two that need a server.

mod database;
mod moka_store;
mod quick_cache_store;
mod redis_store;
#[cfg(test)]
#[path = "../../crates/singleflight-cache/tests/support/scenarios.rs"]
mod scenarios;
#[cfg(test)]
mod tests;
mod two_levels;

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use redis::Client;
use singleflight_cache::{Aside, Builder, Look, Store};
use tokio::task::{JoinSet, LocalSet};

use crate::database::{Database, Failure, User};
use crate::moka_store::MokaStore;
use crate::quick_cache_store::QuickCacheStore;
use crate::redis_store::RedisStore;
#[cfg(test)]
use crate::tests::waits;
use crate::two_levels::TwoLevels;

/// How many callers ask at once.
const CALLERS: usize = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    LocalSet::new().block_on(&runtime, show_all())
}

async fn show_all() -> Result<(), Box<dyn Error>> {
    let path = env::temp_dir().join(format!("singleflight-cache-{}.sqlite", std::process::id()));
    let database = Database::open(&path)?;
    let moka = builder(MokaStore::new(10_000)).look(Look::Both).build();
    show("moka", moka, &database).await?;
    let quick_cache = builder(QuickCacheStore::new(10_000))
        .look(Look::Both)
        .build();
    show("quick_cache", quick_cache, &database).await?;
    match env::var("REDIS_URL") {
        Ok(url) => {
            let redis = Client::open(url)?.get_connection_manager().await?;
            let store = RedisStore::new(redis.clone(), "singleflight:user:v1");
            show("Redis", builder(store).build(), &database).await?;
            let store = RedisStore::new(redis, "singleflight:user:v1");
            let levels = TwoLevels {
                near: builder(MokaStore::new(10_000)).look(Look::Both).build(),
                far: builder(store).build(),
            };
            let name = levels.user(&database, 2).await?;
            levels.invalidate(2).await?;
            println!("moka over Redis: user 2 is {name:?}");
        }
        Err(_) => println!("Redis: left out, since REDIS_URL is not set"),
    }
    drop(database);
    std::fs::remove_file(path)?;
    Ok(())
}

fn builder<S: Store>(store: S) -> Builder<S> {
    Builder::new(store)
        .fresh_for(Duration::from_secs(60))
        .stale_for(Duration::from_secs(600))
        .absent_for(Duration::from_secs(5))
}

/// Asks for a user a thousand times at once, renames it, and asks again.
async fn show<S>(
    name: &str,
    aside: Aside<S, Failure>,
    database: &Arc<Database>,
) -> Result<(), Box<dyn Error>>
where
    S: Store<Key = u64, Value = User, Error: Error + 'static> + 'static,
{
    let before = database.queries();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (aside, database) = (aside.clone(), Arc::clone(database));
        callers.spawn_local(async move { aside.get(&1, async || database.user(1).await).await });
    }
    for user in callers.join_all().await {
        user?;
    }
    let queries = database.queries() - before;
    let rows = aside
        .write(&1, async || {
            database.rename(1, &format!("Ada, by {name}")).await
        })
        .await;
    assert_eq!(rows.map_err(|error| error.error)??, 1);
    let user = aside.get(&1, async || database.user(1).await).await?;
    println!("{name}: {queries} query for {CALLERS} callers; after the write: {user:?}");
    Ok(())
}
