//! A service with a slow price, and what its group and its layer do at `/metrics`.
//!
//! `cargo run --release` prints where it listens; `curl` that address with `/price/tea` a few times
//! at once, then with `/metrics`. With `--scrape` it times the text of 1,000 groups, and ends.

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use metrics_example::{direct, scraped};
use metrics_exporter_prometheus::PrometheusHandle;
use singleflight_metrics::{Meter, Registry};
use singleflight_tokio::Group;
use singleflight_tower::{HttpCoalesce, HttpKey};
use tokio::net::TcpListener;

#[derive(Clone)]
struct Service {
    prices: Group<String, u64>,
    registry: Registry,
    exporter: PrometheusHandle,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let exporter = scraped::builder()?.install_recorder()?;
    if std::env::args().any(|argument| argument == "--scrape") {
        return scrape(&exporter).map_err(Into::into);
    }
    let (registry, prices) = (Registry::new(), Group::new());
    registry.register("prices", prices.shared());
    // Where nobody scrapes, the exporter would keep every time that was ever recorded.
    let upkeep = exporter.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    let layer = HttpCoalesce::builder(HttpKey::uri_and([]), tokio::time::sleep)
        .metrics(Meter::new(&registry, "http"))
        .build();
    let service = Service {
        prices,
        registry,
        exporter,
    };
    let router = Router::new()
        .route("/price/{item}", get(price))
        .layer(layer)
        .route("/metrics", get(metrics))
        .with_state(service);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}/", listener.local_addr()?);
    axum::serve(listener, router)
        .with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) })
        .await?;
    Ok(())
}

async fn price(
    State(service): State<Service>,
    Path(item): Path<String>,
) -> Result<String, (StatusCode, String)> {
    let price = service.prices.run(item.as_str(), || slow_price(&item));
    match price.await {
        Ok(price) => Ok(format!("{item} costs {price}\n")),
        Err(error) => Err((StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))),
    }
}

async fn slow_price(item: &str) -> u64 {
    tokio::time::sleep(Duration::from_millis(200)).await;
    item.len() as u64
}

async fn metrics(State(service): State<Service>) -> String {
    scraped::text(&service.registry, &service.exporter)
}

/// Times what a scrape of many groups costs.
fn scrape(exporter: &PrometheusHandle) -> fmt::Result {
    let registry = Registry::new();
    let groups: Vec<Group<u64, u64>> = (0..1_000).map(|_| Group::new()).collect();
    for (number, group) in groups.iter().enumerate() {
        let name = format!("group-{number}");
        registry.register(&name, group.shared());
    }
    println!("1,000 groups, {} numbers:", registry.read().len());
    time("`Registry::publish`, to the exporter of the facade", || {
        registry.publish();
        Ok(0)
    })?;
    let read = direct::exporter(&registry);
    time("the text by `prometheus-client`, read directly", || {
        Ok(direct::text(&read)?.len())
    })?;
    time("the text by the exporter of the facade", || {
        Ok(scraped::text(&registry, exporter).len())
    })
}

fn time(what: &str, mut act: impl FnMut() -> Result<usize, fmt::Error>) -> fmt::Result {
    let (mut times, mut bytes) = (Vec::new(), 0);
    for _ in 0..101 {
        let start = Instant::now();
        bytes = act()?;
        times.push(start.elapsed());
    }
    times.sort();
    let (median, least) = (times[50], times[0]);
    println!("{what}: median {median:?}, least {least:?} of 101, {bytes} bytes");
    Ok(())
}
