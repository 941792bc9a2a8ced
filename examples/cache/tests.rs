//! The scenarios of the crate over each store. Those of Redis start a server of their own on a free
//! port of the loopback interface; without `redis-server` they say that they were skipped.

mod redis_server;

use std::sync::Arc;
use std::time::Duration;

use redis::{AsyncCommands, RedisError};
use singleflight_cache::{
    Aside, Builder, Entry, Error, Found, Look, Put, RemoveAll, Store, StoreDown,
};

use self::redis_server::Server;
use crate::database::Database;
use crate::moka_store::MokaStore;
use crate::redis_store::RedisStore;
use crate::scenarios::run;
use crate::two_levels::TwoLevels;

/// Servers need the time that they need.
pub(crate) fn waits(runtime: &mut tokio::runtime::Builder) -> &mut tokio::runtime::Builder {
    runtime
}

mod over_moka {
    use singleflight_cache::Look;

    use crate::moka_store::MokaStore;

    crate::scenarios::scenarios!(Look::Both, async { Some(MokaStore::new(1_000)) });
}

mod over_quick_cache {
    use singleflight_cache::Look;

    use crate::quick_cache_store::QuickCacheStore;

    crate::scenarios::scenarios!(Look::Both, async { Some(QuickCacheStore::new(1_000)) });
}

mod over_redis {
    use singleflight_cache::Look;

    crate::scenarios::scenarios!(Look::Inside, super::Served::start());
}

/// A store with its own server, which is gone with it.
struct Served {
    store: RedisStore<u64, String>,
    server: Server,
}

impl Served {
    async fn start() -> Option<Self> {
        let server = Server::start().await?;
        let store = RedisStore::new(server.connect().await, "test:v1");
        Some(Self { store, server })
    }
}

impl Store for Served {
    type Key = u64;
    type Value = String;
    type Error = RedisError;

    async fn get(&self, key: &u64) -> Result<Found<String>, RedisError> {
        self.store.get(key).await
    }

    async fn put(
        &self,
        key: &u64,
        entry: &Entry<String>,
        how: Put<u64>,
    ) -> Result<bool, RedisError> {
        self.store.put(key, entry, how).await
    }

    async fn remove(&self, key: &u64) -> Result<(), RedisError> {
        self.store.remove(key).await
    }
}

impl RemoveAll for Served {
    async fn remove_all(&self) -> Result<(), RedisError> {
        self.store.remove_all().await
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what the database answers with: a row or none"
)]
fn value(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn what_redis_has_and_cannot_be_read_is_removed_and_loaded() {
    run(async {
        let Some(store) = Served::start().await else {
            return;
        };
        let mut redis = store.server.connect().await;
        let aside: Aside<_, String> = Builder::new(store).build();
        let () = redis.set("test:v1:7", "of another version").await.unwrap();
        for _ in 0..2 {
            let got = aside.get(&7, async || Ok(value("loaded"))).await;
            assert_eq!(got.unwrap(), value("loaded"));
        }
        let stats = aside.stats();
        assert_eq!((stats.unreadable, stats.loads, stats.hits), (1, 1, 1));
    });
}

#[test]
fn a_redis_that_is_down_is_an_error_and_no_query() {
    run(async {
        let Some(mut store) = Served::start().await else {
            return;
        };
        store.server.stop();
        let aside: Aside<_, String> = Builder::new(store).build();
        let got = aside
            .get(&7, async || unreachable!("the database is protected"))
            .await;
        assert!(matches!(got, Err(Error::Store(_))), "{got:?}");
        assert!(
            aside.invalidate(&7).await.is_err(),
            "who invalidates must know"
        );
    });
}

#[test]
fn a_redis_that_is_down_lets_so_many_loads_through() {
    run(async {
        let Some(mut store) = Served::start().await else {
            return;
        };
        store.server.stop();
        let builder = Builder::new(store).store_down(StoreDown::Load { at_most: 1 });
        let aside: Aside<_, String> = builder.build();
        let within = async || {
            let other = aside
                .get(&8, async || unreachable!("one is under way"))
                .await;
            assert!(matches!(other, Err(Error::Store(_))), "{other:?}");
            Ok(value("loaded"))
        };
        assert_eq!(aside.get(&7, within).await.unwrap(), value("loaded"));
        let again = aside.get(&8, async || Ok(value("loaded"))).await;
        assert_eq!(again.unwrap(), value("loaded"), "the permit came back");
        assert_eq!(aside.stats().put_failures, 0, "nothing is put");
    });
}

/// The put is on its way when its caller goes; the invalidation waits for it, though nobody else does.
#[test]
fn a_put_whose_caller_is_gone_is_waited_for() {
    run(async {
        let Some(store) = Served::start().await else {
            return;
        };
        let mut redis = store.server.connect().await;
        let aside: Aside<_, String> = Builder::new(store).build();
        // Redis holds all writes back, and says so when it lets them through.
        let pause = ["PAUSE", "300", "WRITE"];
        let () = redis::cmd("CLIENT")
            .arg(&pause)
            .query_async(&mut redis)
            .await
            .unwrap();
        let caller = aside.get(&7, async || Ok(value("old")));
        let gone = tokio::time::timeout(Duration::from_millis(100), caller).await;
        if gone.is_ok() {
            println!("SKIPPED: this Redis does not hold writes back");
            return;
        }
        aside.invalidate(&7).await.unwrap();
        let kept: Option<Vec<u8>> = redis.get("test:v1:7").await.unwrap();
        assert_eq!(kept, None, "the old value was put, and then removed");
    });
}

#[test]
fn an_invalidation_reaches_both_levels() {
    run(async {
        let Some(server) = Server::start().await else {
            return;
        };
        let path = std::env::temp_dir().join(format!("levels-{}.sqlite", std::process::id()));
        let database = Database::open(&path).unwrap();
        let levels = TwoLevels {
            near: Builder::new(MokaStore::new(100)).look(Look::Both).build(),
            far: Builder::new(RedisStore::new(server.connect().await, "user:v1")).build(),
        };
        for _ in 0..3 {
            let user = levels.user(&database, 1).await.unwrap();
            assert_eq!(user.as_deref(), Some("Ada"));
        }
        assert_eq!(
            (
                database.queries(),
                levels.near.stats().hits,
                levels.far.stats().hits
            ),
            (1, 2, 0)
        );
        database.rename(1, "Countess").await.unwrap();
        levels.invalidate(1).await.unwrap();
        let user = levels.user(&database, 1).await.unwrap();
        assert_eq!(user.as_deref(), Some("Countess"));
        // The far level is still warm where the near one is new.
        levels.near.invalidate(&1).await.unwrap();
        levels.user(&database, 1).await.unwrap();
        assert_eq!((database.queries(), levels.far.stats().hits), (2, 1));
        assert_eq!(levels.user(&database, 9).await.unwrap(), None);
        assert!(Arc::strong_count(&database) >= 1);
        std::fs::remove_file(path).unwrap();
    });
}
