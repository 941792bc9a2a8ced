//! A lone call, beside PING on a connection like its own, its own scripts by hand, and the commands of
//! others. It is made twice: in a task of the runtime, as a service makes its calls, and on a thread
//! outside it, where each answer has to wake one thread more.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Script, Value};
use singleflight_arena::Server as Redis;
use singleflight_redis::{Group, Raw, Runtime, Server};

use crate::table::{Table, micros, quantile};

/// The commands of rueidisaside for a lone miss: look, take the lock, store if it is still held.
const STORE_IF_HELD: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then \
    return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end return 0";

/// The last of cachekit's four: unlock if it is still held.
const UNLOCK: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then \
    return redis.call('DEL', KEYS[1]) end return 0";

/// The scripts of a lone call.
const PRELUDE: &str =
    include_str!("../../../../../crates/singleflight-redis/src/scripts/prelude.lua");
const JOIN: &str = include_str!("../../../../../crates/singleflight-redis/src/scripts/join.lua");
const LAND: &str = include_str!("../../../../../crates/singleflight-redis/src/scripts/land.lua");

const VALUE: &str = "a value of some sixty bytes, which is what a small answer has..";

async fn ask(connection: &mut MultiplexedConnection, words: &[&str]) -> Result<(), String> {
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(word);
    }
    let answer: Result<Value, _> = command.query_async(connection).await;
    answer.map(drop).map_err(|error| error.to_string())
}

async fn script(
    connection: &mut MultiplexedConnection,
    script: &Script,
    keys: &[&str],
    args: &[&str],
) -> Result<(), String> {
    let mut call = script.key(keys);
    for arg in args {
        call.arg(*arg);
    }
    let answer: Result<Value, _> = call.invoke_async(connection).await;
    answer.map(drop).map_err(|error| error.to_string())
}

fn net_bytes(redis: &Redis) -> Result<[u64; 2], String> {
    let info = redis
        .command(&["INFO", "stats"])
        .map_err(|error| error.to_string())?;
    let field = |name: &str| {
        let found = info.lines().find_map(|line| line.strip_prefix(name));
        found
            .and_then(|count| count.trim().parse().ok())
            .unwrap_or(0)
    };
    Ok([
        field("total_net_input_bytes:"),
        field("total_net_output_bytes:"),
    ])
}

fn text(error: &dyn std::fmt::Display) -> String {
    error.to_string()
}

/// The ways that are measured in turns, and how long each took.
const WAYS: [&str; 6] = [
    "two PINGs",
    "two scripts that do nothing",
    "JOIN and LAND by hand",
    "lone call",
    "three commands, as rueidisaside's",
    "four commands, as cachekit's",
];

async fn group(url: &str) -> Result<(Server, Group<str, String>), String> {
    let client = Client::open(url).map_err(|error| text(&error))?;
    let server = Server::connect(client, Runtime::Tokio).await;
    let server = server.map_err(|error| text(&error))?;
    let group = Group::builder(&server, "b")
        .wait_at_most(Duration::from_secs(10))
        .codec(Raw)
        .build()
        .map_err(|error| text(&error))?;
    Ok((server, group))
}

async fn times(url: String, rounds: usize) -> Result<[Vec<u64>; WAYS.len()], String> {
    let (_server, group) = group(&url).await?;
    // As the group's own.
    let client = Client::open(format!("{url}?protocol=resp3")).map_err(|error| text(&error))?;
    let second = Some(Duration::from_secs(1));
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(second)
        .set_response_timeout(second)
        .set_push_sender(|_| Ok::<_, redis::aio::SendError>(()));
    let plain = client.get_multiplexed_async_connection_with_config(&config);
    let mut plain = plain.await.map_err(|error| text(&error))?;
    let with_prelude = |script| Script::new(&format!("{PRELUDE}{script}"));
    let (join, land) = (with_prelude(JOIN), with_prelude(LAND));
    let nothing = Script::new("return {1}");
    let (store, unlock) = (Script::new(STORE_IF_HELD), Script::new(UNLOCK));
    let (run, id, inbox) = (
        "run-of-16-bytes.",
        "an-id-16-bytes..",
        "sfi:0123456789abcdef",
    );
    let (lease, marks, result) = (
        "sf1:b{=hand}",
        "sf1:b{=hand}m",
        "sf1:b{=hand}an-id-16-bytes..",
    );
    let mut times: [Vec<u64>; WAYS.len()] = Default::default();
    for round in 0..rounds + 200 {
        for (way, times) in times.iter_mut().enumerate() {
            let begun = Instant::now();
            match way {
                0 => {
                    ask(&mut plain, &["PING"]).await?;
                    ask(&mut plain, &["PING"]).await?;
                }
                1 => {
                    for _ in 0..2 {
                        script(&mut plain, &nothing, &[lease, marks], &[run, id]).await?;
                    }
                }
                2 => {
                    let args = [run, id, inbox, "5000", "1", "15000"];
                    script(&mut plain, &join, &[lease, marks], &args).await?;
                    let args = [run, id, VALUE, "5000"];
                    script(&mut plain, &land, &[lease, result], &args).await?;
                }
                3 => {
                    let work = async |_| VALUE.to_owned();
                    group.run("key", work).await.map_err(|error| text(&error))?;
                }
                4 => {
                    ask(&mut plain, &["GET", "aside"]).await?;
                    let lock = ["SET", "aside", "id", "NX", "GET", "PX", "5000"];
                    ask(&mut plain, &lock).await?;
                    script(&mut plain, &store, &["aside"], &["id", VALUE, "60000"]).await?;
                }
                _ => {
                    ask(&mut plain, &["GET", "kit"]).await?;
                    ask(&mut plain, &["SET", "kit:lock", "id", "NX", "PX", "5000"]).await?;
                    ask(&mut plain, &["SET", "kit", VALUE, "PX", "60000"]).await?;
                    script(&mut plain, &unlock, &["kit:lock"], &["id"]).await?;
                }
            }
            let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            if round >= 200 {
                times.push(took);
            }
        }
        ask(&mut plain, &["DEL", "aside", "kit"]).await?;
    }
    Ok(times)
}

pub(crate) async fn measure(redis: &Redis, quick: bool, table: &mut Table) -> Result<(), String> {
    let rounds = if quick { 3_000 } else { 20_000 };
    let inside = tokio::spawn(times(redis.url(), rounds)).await;
    let inside = inside.map_err(|error| text(&error))??;
    let outside = times(redis.url(), rounds).await?;
    for (place, times) in [("in a task", inside), ("on another thread", outside)] {
        let took = times.map(|mut times| [500, 990].map(|part| quantile(&mut times, part)));
        let pings = took[0];
        for (way, [half, most]) in WAYS.into_iter().zip(took) {
            let over = [half.saturating_sub(pings[0]), most.saturating_sub(pings[1])];
            let shown = format!("p50 {}, p99 {}", micros(half), micros(most));
            let shown = match way {
                "two PINGs" => shown,
                _ => format!(
                    "{shown}: over two PINGs {}, {}",
                    micros(over[0]),
                    micros(over[1])
                ),
            };
            let (bar, holds) = match way {
                "lone call" => (
                    "p50 20 us, p99 60 us over two PINGs",
                    Some(over[0] <= 20_000 && over[1] <= 60_000),
                ),
                _ => ("", None),
            };
            table.row(&format!("{way}, {place}"), shown, bar, holds);
        }
    }
    counts(redis, table).await
}

/// What does not depend on the machine.
async fn counts(redis: &Redis, table: &mut Table) -> Result<(), String> {
    let (server, group) = group(&redis.url()).await?;
    let trips = server.round_trips();
    let before = net_bytes(redis)?;
    for _ in 0..1_000 {
        let work = async |_| "v".to_owned();
        group.run("k", work).await.map_err(|error| text(&error))?;
    }
    let trips = server.round_trips() - trips;
    let after = net_bytes(redis)?;
    table.row(
        "round trips of a lone call",
        format!("{}.{:03}", trips / 1_000, trips % 1_000),
        "2",
        Some(trips == 2_000),
    );
    let [there, back] = [
        (after[0] - before[0]) / 1_000,
        (after[1] - before[1]) / 1_000,
    ];
    table.row(
        "bytes of a lone call, short key and value",
        format!("{there} out, {back} in"),
        "500",
        Some(there + back <= 500),
    );
    let keys = redis.command(&["DBSIZE"]).map_err(|error| text(&error))?;
    table.row(
        "keys left",
        keys.trim().to_owned(),
        ":0",
        Some(keys.starts_with(":0")),
    );
    Ok(())
}
