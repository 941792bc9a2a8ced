//! A lone call, beside PING on a connection like its own and the commands of others.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Script, Value};
use singleflight_arena::Server as Redis;
use singleflight_redis::{Group, Raw, Runtime, Server};

use crate::table::{Table, micros, quantile};

/// The commands of rueidisaside for a lone miss: look, take the lock, store if it is still held.
const STORE_IF_HELD: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then \
    return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end return 0";

/// The last of cachekit's four: unlock if it is still held.
const UNLOCK: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then \
    return redis.call('DEL', KEYS[1]) end return 0";

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
    key: &str,
    args: &[&str],
) -> Result<(), String> {
    let mut call = script.key(key);
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

#[expect(
    clippy::too_many_lines,
    reason = "four ways of the same, one after another"
)]
pub(crate) async fn measure(redis: &Redis, quick: bool, table: &mut Table) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let client = redis::Client::open(redis.url()).map_err(|error| text(&error))?;
    let mut plain = client
        .get_multiplexed_async_connection()
        .await
        .map_err(|error| text(&error))?;
    let server = Server::connect(client, Runtime::Tokio)
        .await
        .map_err(|error| text(&error))?;
    let group: Group<str, String> = Group::builder(&server, "b")
        .wait_at_most(Duration::from_secs(10))
        .codec(Raw)
        .build()
        .map_err(|error| text(&error))?;
    let (store, unlock) = (Script::new(STORE_IF_HELD), Script::new(UNLOCK));
    let mut times: [Vec<u64>; 4] = Default::default();
    let rounds = if quick { 3_000 } else { 20_000 };
    for round in 0..rounds + 200 {
        let mut took = [0; 4];
        for (index, took) in took.iter_mut().enumerate() {
            let begun = Instant::now();
            match index {
                0 => {
                    ask(&mut plain, &["PING"]).await?;
                    ask(&mut plain, &["PING"]).await?;
                }
                1 => {
                    let work = async |_| VALUE.to_owned();
                    group.run("key", work).await.map_err(|error| text(&error))?;
                }
                2 => {
                    ask(&mut plain, &["GET", "aside"]).await?;
                    ask(
                        &mut plain,
                        &["SET", "aside", "id", "NX", "GET", "PX", "5000"],
                    )
                    .await?;
                    script(&mut plain, &store, "aside", &["id", VALUE, "60000"]).await?;
                }
                _ => {
                    ask(&mut plain, &["GET", "kit"]).await?;
                    ask(&mut plain, &["SET", "kit:lock", "id", "NX", "PX", "5000"]).await?;
                    ask(&mut plain, &["SET", "kit", VALUE, "PX", "60000"]).await?;
                    script(&mut plain, &unlock, "kit:lock", &["id"]).await?;
                }
            }
            *took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        }
        ask(&mut plain, &["DEL", "aside", "kit"]).await?;
        if round >= 200 {
            for (times, took) in times.iter_mut().zip(took) {
                times.push(took);
            }
        }
    }
    let [pings, ours, three, four] =
        times.map(|mut times| [quantile(&mut times, 500), quantile(&mut times, 990)]);
    let shown = |[half, most]: [u64; 2]| format!("p50 {}, p99 {}", micros(half), micros(most));
    table.row("two PINGs", shown(pings), "", None);
    let over = ours[0].saturating_sub(pings[0]);
    let over_most = ours[1].saturating_sub(pings[1]);
    table.row(
        "lone call",
        format!(
            "{}: over two PINGs {}, {}",
            shown(ours),
            micros(over),
            micros(over_most)
        ),
        "p50 20 us, p99 60 us over two PINGs",
        Some(over <= 20_000 && over_most <= 60_000),
    );
    table.row("three commands, as rueidisaside's", shown(three), "", None);
    table.row("four commands, as cachekit's", shown(four), "", None);

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
