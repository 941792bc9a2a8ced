//! Caches of two processes over one store: one load for both, and an invalidation in one of them wins
//! over a load in the other.

use std::convert::Infallible;
use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use singleflight_cache::{
    Aside, Builder, Early, Entry, EntryId, Fault, Flights, Found, Held, Loaded, Put, Refreshed,
    Store,
};
use singleflight_redis::{Codec as _, FlightsError, Group, Landed, Postcard};
use tokio::sync::Semaphore;

use crate::stage::{Gate, LONG, PATIENCE, Stage, within};

type SharedLoads = Group<String, Result<Loaded<String>, Fault<Infallible, String>>>;
type Cache = Aside<Beside, Infallible, SharedLoads>;

/// Entries in Redis, each beside the lease of its key.
#[derive(Clone)]
struct Beside {
    redis: MultiplexedConnection,
    flights: SharedLoads,
    removal: Option<Removal>,
}

/// Between a removal and its end, the load of another process ends.
#[derive(Clone)]
struct Removal {
    load: Gate,
    has_ended: Arc<Semaphore>,
}

/// Puts an entry if the load has its lease still, and over what it was loaded over.
const PUT: &str = "
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
if (redis.call('HGET', KEYS[2], 'id') or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'id', ARGV[3], 'entry', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1";

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn text(error: impl ToString) -> String {
    error.to_string()
}

impl Beside {
    fn name(&self, key: &String) -> Vec<u8> {
        [&self.flights.lease_name(key), &b"entry"[..]].concat()
    }
}

impl Store for Beside {
    type Key = String;
    type Value = String;
    type Error = String;

    async fn get(&self, key: &String) -> Result<Found<String>, String> {
        let mut get = redis::cmd("HGET");
        get.arg(self.name(key)).arg("entry");
        let found: Option<Vec<u8>> = get
            .query_async(&mut self.redis.clone())
            .await
            .map_err(text)?;
        let Some(bytes) = found else {
            return Ok(Found::Nothing);
        };
        let entry: Result<Entry<String>, _> = Postcard.decode(&bytes);
        Ok(entry.map_or(Found::Unreadable, Found::Entry))
    }

    async fn put(
        &self,
        key: &String,
        entry: &Entry<String>,
        how: Put<String>,
    ) -> Result<bool, String> {
        let lease = how.lease.0.ok_or("every load has a lease here")?;
        let id = |id: EntryId| id.0.to_le_bytes().to_vec();
        let mut put = redis::cmd("EVAL");
        put.arg(PUT)
            .arg(2)
            .arg(self.flights.lease_name(key))
            .arg(self.name(key));
        put.arg(&lease.to_le_bytes())
            .arg(how.expect.map(id).unwrap_or_default());
        put.arg(id(entry.id))
            .arg(Postcard.encode(entry).map_err(text)?);
        put.arg(u64::try_from(how.keep.as_millis()).map_err(text)?);
        put.query_async(&mut self.redis.clone()).await.map_err(text)
    }

    async fn remove(&self, key: &String) -> Result<(), String> {
        let mut remove = redis::cmd("DEL");
        remove.arg(self.name(key));
        let removed = remove.query_async(&mut self.redis.clone()).await;
        if let Some(Removal { load, has_ended }) = &self.removal {
            load.open();
            within(has_ended.acquire()).await.map_err(text)?.forget();
        }
        removed.map_err(text)
    }
}

/// The cache of one process more.
async fn cache(stage: &Stage, removal: Option<Removal>) -> (Cache, SharedLoads) {
    cache_with(stage, removal, |builder| builder).await
}

async fn cache_with(
    stage: &Stage,
    removal: Option<Removal>,
    build: impl FnOnce(Builder<Beside>) -> Builder<Beside>,
) -> (Cache, SharedLoads) {
    let client = redis::Client::open(stage.redis.url()).expect("an address");
    let redis = client.get_multiplexed_async_connection().await;
    let flights: SharedLoads = Group::builder(&stage.server().await, "cache:v1")
        .lease(LONG)
        .wait_at_most(PATIENCE)
        .codec(Landed(Postcard))
        .build()
        .expect("the settings are sound");
    let store = Beside {
        redis: redis.expect("it is there"),
        flights: flights.clone(),
        removal,
    };
    let aside = build(Builder::new(store)).build_over(flights.clone());
    (aside, flights)
}

async fn get(cache: &Cache, key: &str, load: impl AsyncFnOnce() -> String) -> String {
    let load = async || Ok::<_, Infallible>(Some(load().await));
    let got = within(cache.get(&key.to_owned(), load)).await;
    got.expect("nothing fails").expect("there is a value")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_load_once() {
    let Some(stage) = Stage::new() else { return };
    let (here, _) = cache(&stage, None).await;
    let (there, _) = cache(&stage, None).await;
    let gate = Gate::new();
    let work = gate.clone();
    let loads =
        tokio::spawn(async move { get(&here, "key", async || work.work("one").await).await });
    gate.begun().await;
    let waits = tokio::spawn(async move {
        let first = get(&there, "key", async || unreachable!("it is loaded")).await;
        let second = get(&there, "key", async || unreachable!("it is stored")).await;
        (first, second)
    });
    stage.until_waited_for(1).await;
    gate.open();
    assert_eq!(within(loads).await.expect("no panic"), "one");
    let (first, second) = within(waits).await.expect("no panic");
    assert_eq!((first.as_str(), second.as_str()), ("one", "one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_is_led_in_one_process() {
    let Some(stage) = Stage::new() else { return };
    let (here, _) = cache(&stage, None).await;
    assert_eq!(get(&here, "key", async || "old".to_owned()).await, "old");
    let (there, _) = cache_with(&stage, None, |builder| builder.early(Early::Share(0.0))).await;
    let key = "key".to_owned();
    let load = async || Ok::<_, Infallible>(Some("new".to_owned()));
    let got = within(there.get_with_age(&key, load)).await;
    let refresh = got.expect("it is there").refresh.expect("it is due");
    let refreshed = within(refresh.run()).await;
    assert!(
        matches!(&refreshed, Refreshed::New(Some(new)) if new == "new"),
        "{refreshed:?}"
    );
    let found = get(&here, "key", async || unreachable!("it is stored")).await;
    assert_eq!(found, "new");
}

#[test]
fn what_was_loaded_crosses_and_an_error_does_not() {
    type Landing = Result<Loaded<String>, Fault<Infallible, String>>;

    let entry = Entry {
        id: EntryId(7),
        held: Held::Value("one".to_owned()),
        made: 1,
        took: 2,
        failures: 3,
        tried: 4,
    };
    let landing: Landing = Ok(Loaded { entry, anew: true });
    let bytes = Landed(Postcard)
        .encode(&landing)
        .expect("it can be written");
    let read: Landing = Landed(Postcard).decode(&bytes).expect("it can be read");
    assert_eq!(read.ok(), landing.ok());
    let failed: Landing = Err(Fault::Store(Arc::new("down".to_owned())));
    assert!(Landed(Postcard).encode(&failed).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalidation_wins_over_a_load_in_another_process() {
    let Some(stage) = Stage::new() else { return };
    let (load, has_ended) = (Gate::new(), Arc::new(Semaphore::new(0)));
    let removal = Removal {
        load: load.clone(),
        has_ended: Arc::clone(&has_ended),
    };
    let (here, _) = cache(&stage, None).await;
    let (there, _) = cache(&stage, Some(removal)).await;
    let work = load.clone();
    let loads = tokio::spawn(async move {
        let old = get(&here, "key", async || work.work("old").await).await;
        has_ended.add_permits(1);
        (old, here)
    });
    load.begun().await;
    let invalidated = within(there.invalidate(&"key".to_owned())).await;
    invalidated.expect("nothing fails");
    let (old, here) = within(loads).await.expect("no panic");
    assert_eq!(old, "old", "it had asked before");
    assert_eq!(get(&there, "key", async || "new".to_owned()).await, "new");
    let found = get(&here, "key", async || unreachable!("it is stored")).await;
    assert_eq!(found, "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn not_all_flights_of_others_can_be_forgotten() {
    let Some(stage) = Stage::new() else { return };
    let (_, flights) = cache(&stage, None).await;
    let forgotten = Flights::<Beside, Infallible>::forget_all(&flights).await;
    assert_eq!(forgotten, Err(FlightsError::ForgetAll));
}
